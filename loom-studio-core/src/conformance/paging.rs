//! Pages, totals, cursors.

use serde_json::json;

use super::Factory;
use super::support::{HERE, ORDERS, Open, all, event_with, events, ids, kind_of};
use crate::error::ErrorKind;
use crate::ids::Seq;
use crate::store::{
    Cursor, EventFilter, EventQuery, Order, Page, Pattern, RetainPolicy, SeqSet, Total,
};

/// 60 events whose times repeat and run against the order of arrival, of two types; one workspace of three.
async fn filled(factory: Factory) -> Open {
    let open = Open::new(factory).await;
    for n in 0..60_u64 {
        let members = json!({
            "time": format!("2026-01-02T03:00:{:02}Z", (n * 37) % 20),
            "type": if n % 3 == 0 { "rare" } else { "common" },
        });
        open.append(vec![event_with(&format!("{n:02}"), members)])
            .await;
        open.append_to("there", events(n..=n)).await;
    }
    open
}

fn filters() -> [EventFilter; 4] {
    let here = EventFilter::workspace(HERE);
    [
        EventFilter::default(),
        here.clone(),
        EventFilter {
            kind: Some(Pattern::Exact("rare".into())),
            ..here.clone()
        },
        EventFilter {
            text: Some("common".into()),
            ..here
        },
    ]
}

async fn walk(open: &Open, query: &EventQuery) -> Vec<Page> {
    let mut query = query.clone();
    let mut pages = Vec::new();
    loop {
        let page = open.page(&query).await;
        let next = page.next.clone();
        pages.push(page);
        assert!(pages.len() < 1000, "the walk must end");
        match next {
            Some(cursor) => query.cursor = Some(cursor),
            None => return pages,
        }
    }
}

fn seqs(pages: &[Page]) -> Vec<u64> {
    let events = pages.iter().flat_map(|page| &page.events);
    events.map(|stored| stored.event.seq().0).collect()
}

/// A full walk equals one big page, in every order, for every page size.
pub async fn a_walk_of_pages_equals_one_page(factory: Factory) {
    let open = filled(factory).await;
    for (filter, order) in filters().iter().flat_map(|f| ORDERS.map(|o| (f, o))) {
        let whole = EventQuery {
            order,
            ..all(filter.clone())
        };
        let expected = seqs(&[open.page(&whole).await]);
        assert!(!expected.is_empty());
        for limit in [1, 7, 20, expected.len(), expected.len() + 1] {
            let pages = walk(
                &open,
                &EventQuery {
                    limit,
                    ..whole.clone()
                },
            )
            .await;
            assert_eq!(seqs(&pages), expected, "{filter:?} {order:?} {limit}");
            assert!(pages.iter().all(|page| page.events.len() <= limit));
            assert_eq!(
                pages.len(),
                expected.len().div_ceil(limit),
                "no empty page at the end"
            );
        }
    }
}

/// "How many events match in all, whatever the page, cursor and offset."
pub async fn totals_are_true_on_every_page(factory: Factory) {
    let open = filled(factory).await;
    for ((filter, total), order) in filters()
        .into_iter()
        .zip([120, 60, 20, 40])
        .flat_map(|f| ORDERS.map(|o| (f.clone(), o)))
    {
        let query = EventQuery {
            filter,
            order,
            limit: 9,
            ..EventQuery::default()
        };
        for page in walk(&open, &query).await {
            assert_eq!(page.total, Total::Exact(total));
        }
        for offset in [1, 19, 500, usize::MAX] {
            let page = open
                .page(&EventQuery {
                    offset,
                    ..query.clone()
                })
                .await;
            assert_eq!(page.total, Total::Exact(total), "{offset}");
        }
    }
}

/// "How many matches to pass over, counted from the cursor or the beginning."
pub async fn an_offset_counts_from_the_cursor(factory: Factory) {
    let open = filled(factory).await;
    for (filter, order) in filters().iter().flat_map(|f| ORDERS.map(|o| (f, o))) {
        let whole = EventQuery {
            order,
            ..all(filter.clone())
        };
        let expected = seqs(&[open.page(&whole).await]);
        let query = EventQuery {
            limit: 4,
            offset: 5,
            ..whole
        };
        let first = open.page(&query).await;
        assert_eq!(seqs(std::slice::from_ref(&first)), expected[5..9]);
        let from_cursor = EventQuery {
            offset: 3,
            cursor: first.next,
            ..query.clone()
        };
        assert_eq!(seqs(&[open.page(&from_cursor).await]), expected[12..16]);
        let past = open
            .page(&EventQuery {
                offset: expected.len(),
                ..query
            })
            .await;
        assert_eq!((past.events.len(), past.next), (0, None));
    }
}

/// "A cursor stays good across appends": what was there comes once, and what is new comes where its order puts it.
pub async fn a_cursor_stays_good_while_appends_go_on(factory: Factory) {
    let open = filled(factory).await;
    for (run, order) in ORDERS.into_iter().enumerate() {
        let mut query = EventQuery {
            order,
            limit: 7,
            ..all(EventFilter::workspace(HERE))
        };
        let before = seqs(&[open
            .page(&EventQuery {
                limit: 1000,
                ..query.clone()
            })
            .await]);
        let mut seen = Vec::new();
        for round in 0.. {
            let page = open.page(&query).await;
            seen.extend(seqs(std::slice::from_ref(&page)));
            let time = format!("2026-01-02T03:00:{:02}.5Z", round % 20);
            open.append(vec![event_with(
                &format!("new-{run}-{round}"),
                json!({ "time": time }),
            )])
            .await;
            match page.next {
                Some(next) if round < 100 => query.cursor = Some(next),
                _ => break,
            }
        }
        let mut unique = seen.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), seen.len(), "{order:?}: nothing comes twice");
        let old: Vec<u64> = seen
            .iter()
            .copied()
            .filter(|seq| before.contains(seq))
            .collect();
        assert_eq!(old, before, "{order:?}: everything old comes, in order");
        if order == Order::SeqDescending {
            assert_eq!(seen, before, "what is new stands before the first page");
        }
    }
}

/// "A cursor of a query within a set belongs to the set's name and not to what it holds".
pub async fn a_cursor_stays_good_while_its_set_grows(factory: Factory) {
    let open = filled(factory).await;
    let head = open.store().stats().await.unwrap().last_seq.0;
    for order in ORDERS {
        let within = |name: &str, until: u64| EventQuery {
            within: Some(SeqSet::new(name, (1..=until).map(Seq))),
            order,
            limit: 5,
            ..all(EventFilter::workspace(HERE))
        };
        let first = open.page(&within("run", head / 2)).await;
        let (whole, mut grown) = (within("run", head), within("run", head));
        grown.cursor.clone_from(&first.next);
        let expected = open
            .page(&EventQuery {
                limit: 1000,
                ..whole
            })
            .await;
        let last = seqs(std::slice::from_ref(&first)).pop();
        let rest = seqs(&[expected]);
        let passed = rest.iter().position(|seq| Some(*seq) == last).unwrap() + 1;
        let found = seqs(&[open.page(&grown).await]);
        assert_eq!(found, rest[passed..passed + 5], "{order:?}");
        let other = EventQuery {
            cursor: first.next,
            ..within("another", head)
        };
        let refused = kind_of(open.store().query(&other).await);
        assert_eq!(refused, Some(ErrorKind::Invalid));
    }
}

/// "… and retention": the walk goes on with what is left.
pub async fn a_cursor_stays_good_after_retention(factory: Factory) {
    for order in ORDERS {
        let open = Open::new(factory).await;
        for n in 0..400_u64 {
            let time = format!("2026-01-02T03:00:{:02}Z", (n * 37) % 60);
            open.append(vec![event_with(&n.to_string(), json!({ "time": time }))])
                .await;
        }
        let mut query = EventQuery {
            order,
            limit: 50,
            ..all(EventFilter::default())
        };
        let whole = seqs(&[open
            .page(&EventQuery {
                limit: 1000,
                ..query.clone()
            })
            .await]);
        let first = open.page(&query).await;
        let stats = open.store().stats().await.unwrap();
        let policy = RetainPolicy {
            max_bytes: Some(stats.stored_bytes / 2),
            max_age: None,
        };
        let retained = open.store().retain(&policy).await.unwrap();
        assert!(retained.deleted_records > 0);
        query.cursor = first.next.clone();
        let rest = walk(&open, &query).await;
        let expected: Vec<u64> = whole[50..]
            .iter()
            .copied()
            .filter(|seq| *seq >= retained.first_seq.0)
            .collect();
        assert_eq!(seqs(&rest), expected, "{order:?}");
    }
}

/// "`Invalid` for a cursor of another query": another filter, order or position; also for a text that is no cursor.
pub async fn a_cursor_belongs_to_one_query(factory: Factory) {
    let open = filled(factory).await;
    let query = EventQuery {
        limit: 3,
        filter: EventFilter::workspace(HERE),
        ..EventQuery::default()
    };
    let page = open.page(&query).await;
    let with = EventQuery {
        cursor: page.next.clone(),
        ..query
    };
    // Page size, offset and text limit may change on the way.
    let resized = EventQuery {
        limit: 5,
        offset: 1,
        max_text_bytes: 9,
        ..with.clone()
    };
    assert_eq!(
        ids(&open.page(&resized).await.events),
        ["04", "05", "06", "07", "08"]
    );
    let others = [
        EventQuery {
            order: Order::SeqDescending,
            ..with.clone()
        },
        EventQuery {
            order: Order::Time,
            ..with.clone()
        },
        EventQuery {
            filter: EventFilter::default(),
            ..with.clone()
        },
        EventQuery {
            filter: EventFilter {
                id: Some("01".into()),
                ..with.filter.clone()
            },
            ..with.clone()
        },
        EventQuery {
            up_to: Some(crate::Seq(50)),
            ..with.clone()
        },
    ];
    for other in &others {
        assert_eq!(
            kind_of(open.store().query(other).await),
            Some(ErrorKind::Invalid),
            "{other:?}"
        );
    }
    let written = page.next.map(|cursor| cursor.to_string()).unwrap();
    let half = written.get(..written.len() / 2).unwrap();
    for bad in ["", "x", "AAAA", "!", half, &format!("{written}A"), "é"] {
        let cursor: Cursor = bad.parse().unwrap();
        let query = EventQuery {
            cursor: Some(cursor),
            ..with.clone()
        };
        assert_eq!(
            kind_of(open.store().query(&query).await),
            Some(ErrorKind::Invalid),
            "{bad}"
        );
    }
    let copy: Cursor = written.parse().unwrap();
    assert_eq!(
        open.page(&EventQuery {
            cursor: Some(copy),
            ..with
        })
        .await
        .events
        .len(),
        3
    );
}

/// "`EpochMismatch` for a cursor of another epoch."
pub async fn a_cursor_belongs_to_one_epoch(factory: Factory) {
    let (first, second) = (filled(factory).await, filled(factory).await);
    assert_ne!(first.store().epoch(), second.store().epoch());
    let query = EventQuery {
        limit: 3,
        ..EventQuery::default()
    };
    let cursor = first.page(&query).await.next;
    let query = EventQuery { cursor, ..query };
    assert_eq!(first.page(&query).await.events.len(), 3);
    assert_eq!(
        kind_of(second.store().query(&query).await),
        Some(ErrorKind::EpochMismatch)
    );
}
