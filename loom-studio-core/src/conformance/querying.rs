//! Filters, orders, positions.

use serde_json::{Value, json};

use super::support::{HERE, Open, all, event, event_with, ids, observation};
use super::{Factory, start};
use crate::clock::Timestamp;
use crate::error::ErrorKind;
use crate::ids::Seq;
use crate::store::{
    EventFilter, EventQuery, Incoming, Order, Page, Pattern, SeqSet, TimeRange, Total,
};

const TRACE_A: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACE_B: &str = "0bf7651916cd43dd8448eb211c80319c";

fn traceparent(trace: &str) -> String {
    format!("00-{trace}-b7ad6b7169203331-01")
}

/// A request, two answers, a thought and an outsider.
fn sample() -> Vec<Incoming> {
    let rows = [
        (
            "ask",
            json!({"source": "/user/sdk", "type": "node.request", "subject": "crew/master", "time": "2026-01-02T03:04:00Z", "traceparent": traceparent(TRACE_A), "data": {"task": "Überlauf"}}),
        ),
        (
            "think",
            json!({"source": "node/crew/master", "type": "agent.thought", "time": "2026-01-02T03:04:03Z", "causationid": "ask", "traceparent": traceparent(TRACE_A)}),
        ),
        (
            "late",
            json!({"source": "tool/calc", "type": "node.response", "subject": "/node/crew/master", "time": "2026-01-02T03:04:02Z", "traceparent": traceparent(TRACE_B), "studiosession": "s-2", "data": {"request_id": "r-9", "result": "4 % 2"}}),
        ),
        (
            "answer",
            json!({"source": "/node/crew/master", "type": "node.response", "subject": "/user/sdk", "time": "2026-01-02T03:04:04Z", "causationid": "think", "data": {"request_id": "ask", "result": {"response": "ok"}}}),
        ),
        (
            "alien",
            json!({"source": "https://example.com/x", "type": "agent.thought.spark", "time": "2026-01-02T03:04:03Z", "studiosession": "s-20"}),
        ),
    ];
    rows.into_iter()
        .map(|(id, members)| event_with(id, members))
        .collect()
}

#[expect(clippy::unnecessary_wraps, reason = "as a filter holds it")]
fn exact(text: &str) -> Option<Pattern> {
    Some(Pattern::Exact(text.into()))
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_micros((start().as_micros() / 1_000_000 - 5 + second) * 1_000_000)
}

async fn check(open: &Open, filter: EventFilter, expected: &[&str]) {
    let query = all(filter);
    let page = open.page(&query).await;
    assert_eq!(ids(&page.events), expected, "{:?}", query.filter);
    assert_eq!(page.total, Total::Exact(expected.len() as u64));
    assert_eq!(page.next, None);
    assert_eq!(page.epoch, open.store().epoch());
}

/// Each condition alone chooses what it says.
pub async fn each_filter_alone(factory: Factory) {
    let none = EventFilter::default;
    let open = Open::new(factory).await;
    open.append(sample()).await;
    open.append_to("there", vec![event("foreign")]).await;
    let everything = ["ask", "think", "late", "answer", "alien", "foreign"];
    check(&open, none(), &everything).await;
    check(&open, EventFilter::workspace("there"), &["foreign"]).await;
    check(&open, EventFilter::workspace("nowhere"), &[]).await;
    let filters: [(EventFilter, &[&str]); 11] = [
        (
            EventFilter {
                session: exact("s-2"),
                ..none()
            },
            &["late"],
        ),
        (
            EventFilter {
                trace: exact(TRACE_A),
                ..none()
            },
            &["ask", "think"],
        ),
        (
            EventFilter {
                trace: exact(&TRACE_A.to_uppercase()),
                ..none()
            },
            &["ask", "think"],
        ),
        (
            EventFilter {
                trace: exact("nonsense"),
                ..none()
            },
            &[],
        ),
        (
            EventFilter {
                node: exact("/node/crew/master"),
                ..none()
            },
            &["ask", "think", "late", "answer"],
        ),
        (
            EventFilter {
                kind: exact("agent.thought"),
                ..none()
            },
            &["think"],
        ),
        (
            EventFilter {
                id: Some("late".into()),
                ..none()
            },
            &["late"],
        ),
        (
            EventFilter {
                request_id: Some("ask".into()),
                ..none()
            },
            &["answer"],
        ),
        (
            EventFilter {
                causation_id: Some("ask".into()),
                ..none()
            },
            &["think"],
        ),
        (
            EventFilter {
                text: Some("% 2".into()),
                ..none()
            },
            &["late"],
        ),
        (
            EventFilter {
                id: Some("absent".into()),
                ..none()
            },
            &[],
        ),
    ];
    for (filter, expected) in filters {
        check(&open, filter, expected).await;
    }
}

/// All conditions that are set must hold.
pub async fn filters_combine(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(sample()).await;
    open.append_to("there", sample()).await;
    let base = EventFilter {
        workspace: Some(HERE.into()),
        node: exact("crew/master"),
        ..EventFilter::default()
    };
    check(&open, base.clone(), &["ask", "think", "late", "answer"]).await;
    let replies = EventFilter {
        kind: exact("node.response"),
        ..base
    };
    check(&open, replies.clone(), &["late", "answer"]).await;
    let of_session = EventFilter {
        session: exact("s-2"),
        ..replies.clone()
    };
    check(&open, of_session, &["late"]).await;
    let with_text = EventFilter {
        text: Some("\"ok\"".into()),
        ..replies.clone()
    };
    check(&open, with_text, &["answer"]).await;
    let in_time = EventFilter {
        time: TimeRange {
            start: Some(moment(3)),
            end: None,
        },
        ..replies.clone()
    };
    check(&open, in_time, &["answer"]).await;
    let contradiction = EventFilter {
        trace: exact(TRACE_A),
        ..replies
    };
    check(&open, contradiction, &[]).await;
}

/// Session, trace, node and type may be given exactly, by a prefix or by a part.
pub async fn patterns_are_exact_prefix_or_contains(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(sample()).await;
    let filters = |pattern: &str| {
        let pattern: Option<Pattern> = Some(pattern.parse().unwrap());
        let none = EventFilter::default;
        [
            EventFilter {
                session: pattern.clone(),
                ..none()
            },
            EventFilter {
                trace: pattern.clone(),
                ..none()
            },
            EventFilter {
                node: pattern.clone(),
                ..none()
            },
            EventFilter {
                kind: pattern,
                ..none()
            },
        ]
    };
    let cases: [(&str, [&[&str]; 4]); 6] = [
        ("s-2*", [&["late", "alien"], &[], &[], &[]]),
        ("0*", [&[], &["ask", "think", "late"], &[], &[]]),
        ("*765*", [&[], &["ask", "think", "late"], &[], &[]]),
        ("/node/t*", [&[], &[], &["late"], &[]]),
        (
            "*e*",
            [
                &[],
                &["ask", "think", "late"],
                &["ask", "think", "late", "answer", "alien"],
                &["ask", "think", "late", "answer", "alien"],
            ],
        ),
        ("agent.thought*", [&[], &[], &[], &["think", "alien"]]),
    ];
    for (pattern, expected) in cases {
        for (filter, expected) in filters(pattern).into_iter().zip(expected) {
            check(&open, filter, expected).await;
        }
    }
    // An empty part is contained in every value, but not in one that is absent.
    for (filter, count) in filters("*").into_iter().zip([5, 3, 5, 5]) {
        assert_eq!(open.find(filter).await.len(), count);
    }
}

/// "An exact address may be written in any form", and matches source or target.
pub async fn any_spelling_of_a_node_finds_it(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(sample()).await;
    for address in [
        "crew/master",
        "node/crew/master",
        "/node/crew/master",
        "/node/crew/master/",
    ] {
        let filter = EventFilter {
            node: exact(address),
            ..EventFilter::default()
        };
        check(&open, filter, &["ask", "think", "late", "answer"]).await;
    }
    for (address, expected) in [
        ("/user/sdk", &["ask", "answer"][..]),
        ("user/sdk", &["ask", "answer"]),
        ("https://example.com/x", &["alien"]),
        ("master", &[]),
    ] {
        let filter = EventFilter {
            node: exact(address),
            ..EventFilter::default()
        };
        check(&open, filter, expected).await;
    }
}

/// "Event times from `start` to `end`, both inclusive."
pub async fn a_time_range_includes_both_ends(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(sample()).await;
    let cases: [(Option<Timestamp>, Option<Timestamp>, &[&str]); 6] = [
        (
            Some(moment(2)),
            Some(moment(3)),
            &["think", "late", "alien"],
        ),
        (Some(moment(3)), None, &["think", "answer", "alien"]),
        (None, Some(moment(2)), &["ask", "late"]),
        (
            Some(Timestamp::from_nanos(moment(3).as_nanos() + 1)),
            None,
            &["answer"],
        ),
        (
            None,
            Some(Timestamp::from_nanos(moment(2).as_nanos() - 1)),
            &["ask"],
        ),
        (Some(moment(4)), Some(moment(3)), &[]),
    ];
    for (start, end, expected) in cases {
        let time = TimeRange { start, end };
        check(
            &open,
            EventFilter {
                time,
                ..EventFilter::default()
            },
            expected,
        )
        .await;
    }
}

/// "A case-sensitive substring of the JSON text."
pub async fn text_is_case_sensitive_and_reads_the_whole_event(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(sample()).await;
    let cases: [(&str, &[&str]); 5] = [
        ("Überlauf", &["ask"]),
        ("überlauf", &[]),
        ("\"subject\":\"/user/sdk\"", &["answer"]),
        ("", &["ask", "think", "late", "answer", "alien"]),
        ("studioseq", &[]),
    ];
    for (text, expected) in cases {
        let text = Some(text.to_owned());
        check(
            &open,
            EventFilter {
                text,
                ..EventFilter::default()
            },
            expected,
        )
        .await;
    }
}

/// Four orders; events of one time keep the order of arrival, or its reverse.
pub async fn orders_are_seq_and_time(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(sample()).await;
    let orders = [
        (Order::Seq, ["ask", "think", "late", "answer", "alien"]),
        (
            Order::SeqDescending,
            ["alien", "answer", "late", "think", "ask"],
        ),
        (Order::Time, ["ask", "late", "think", "alien", "answer"]),
        (
            Order::TimeDescending,
            ["answer", "alien", "think", "late", "ask"],
        ),
    ];
    for (order, expected) in orders {
        let mut query = EventQuery {
            order,
            ..all(EventFilter::default())
        };
        assert_eq!(ids(&open.page(&query).await.events), expected);
        query.filter.text = Some("1.0".into());
        assert_eq!(ids(&open.page(&query).await.events), expected);
        query.filter.text = None;
        query.limit = 2;
        assert_eq!(ids(&open.page(&query).await.events), expected[..2]);
    }
}

/// "Answer as of this position: later records don't exist", neither events nor what observations say.
pub async fn an_answer_as_of_a_position_knows_nothing_later(factory: Factory) {
    let open = Open::new(factory).await;
    let at = json!({"at": "2026-01-02T03:04:01Z"});
    open.append(vec![
        event("a"),
        event("b"),
        observation("a", "post", at),
        event("c"),
    ])
    .await;
    let cases: [(u64, &[&str], bool); 6] = [
        (0, &[], false),
        (1, &["a"], false),
        (2, &["a", "b"], false),
        (3, &["a", "b"], true),
        (4, &["a", "b", "c"], true),
        (99, &["a", "b", "c"], true),
    ];
    for (up_to, expected, published) in cases {
        for order in super::support::ORDERS {
            let query = EventQuery {
                up_to: Some(Seq(up_to)),
                order,
                ..all(EventFilter::default())
            };
            let page = open.page(&query).await;
            assert_eq!(page.events.len(), expected.len());
            assert!(ids(&page.events).iter().all(|id| expected.contains(id)));
            assert_eq!(page.total, Total::Exact(expected.len() as u64));
            assert_eq!(page.head, Seq(up_to.min(4)));
            for stored in page
                .events
                .iter()
                .filter(|stored| **stored.event.id() == *"a")
            {
                assert_eq!(stored.stamps.published.is_some(), published, "{up_to}");
            }
        }
    }
}

/// "Only those at these positions": in every order, page by page, beside every kind of condition, and counted.
pub async fn a_set_of_positions_narrows_like_a_filter(factory: Factory) {
    let open = Open::new(factory).await;
    let mut items = Vec::new();
    for number in 0..150_u64 {
        let members = json!({
            "type": if number % 2 == 0 { "even" } else { "odd" },
            "time": format!("2026-01-02T03:{:02}:00Z", (number * 7) % 50),
            "data": {"text": if number % 3 == 0 { "needle" } else { "hay" }},
        });
        items.push(event_with(&format!("e{number}"), members));
        items.push(observation(&format!("e{number}"), "post", Value::Null));
    }
    open.fill(items).await;
    let sets = [
        SeqSet::new("none", []),
        SeqSet::new("beyond", [Seq(100_000)]),
        // Every record from here to there; observations are no matches.
        SeqSet::new("dense", (40..=219).map(Seq)),
        SeqSet::new("sparse", (1..=300).filter(|seq| seq % 7 == 1).map(Seq)),
    ];
    let filters = [
        EventFilter::default(),
        EventFilter::workspace(HERE),
        EventFilter::workspace("elsewhere"),
        EventFilter {
            kind: exact("even"),
            ..EventFilter::default()
        },
        EventFilter {
            text: Some("needle".into()),
            ..EventFilter::default()
        },
        EventFilter {
            id: Some("e42".into()),
            ..EventFilter::default()
        },
    ];
    for (filter, set) in filters.iter().flat_map(|filter| {
        let sets = sets.iter();
        sets.map(move |set| (filter, set))
    }) {
        for order in super::support::ORDERS {
            let whole = EventQuery {
                order,
                up_to: Some(Seq(250)),
                ..all(filter.clone())
            };
            let page = open.page(&whole).await;
            let found_in = |page: &Page| -> Vec<Seq> {
                let events = page.events.iter();
                events.map(|stored| stored.event.seq()).collect()
            };
            let expected: Vec<Seq> = found_in(&page)
                .into_iter()
                .filter(|seq| set.contains(*seq))
                .collect();
            let mut query = EventQuery {
                within: Some(set.clone()),
                limit: 11,
                ..whole
            };
            let mut found = Vec::new();
            loop {
                let page = open.page(&query).await;
                assert_eq!(page.total, Total::Exact(expected.len() as u64), "{query:?}");
                found.extend(found_in(&page));
                query.cursor = page.next;
                if query.cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "{query:?}");
        }
    }
}

/// "How many bytes of JSON text a free-text condition may read before it stops": the total is `AtLeast`, and the next pages go on until all is read.
pub async fn a_text_scan_stops_at_its_limit(factory: Factory) {
    let open = Open::new(factory).await;
    let batch = (0..40)
        .map(|n| {
            let time = format!("2026-01-02T03:00:{:02}Z", (n * 7) % 40);
            let word = if n % 10 == 9 { "needle" } else { "straw" };
            event_with(&format!("{n:02}"), json!({"time": time, "data": word}))
        })
        .collect();
    open.append(batch).await;
    let size = open.event("00").await.event.raw().len() as u64;
    for order in super::support::ORDERS {
        let mut query = EventQuery {
            filter: EventFilter {
                text: Some("needle".into()),
                ..EventFilter::default()
            },
            order,
            limit: 100,
            ..EventQuery::default()
        };
        let whole = open.page(&query).await;
        assert_eq!(whole.total, Total::Exact(4));
        let whole = ids(&whole.events)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        // Too little for one event, for a few, for all but one.
        for max_text_bytes in [0, 1, 5 * (size + 1), 39 * (size + 1)] {
            query = EventQuery {
                max_text_bytes,
                cursor: None,
                ..query
            };
            let (mut found, mut pages) = (Vec::new(), 0);
            loop {
                let page = open.page(&query).await;
                assert!(
                    matches!(page.total, Total::AtLeast(count) if count <= 4),
                    "{:?}",
                    page.total
                );
                assert!(page.total.count() >= page.events.len() as u64);
                found.extend(ids(&page.events).into_iter().map(str::to_owned));
                pages += 1;
                assert!(pages <= 41, "each page makes progress");
                match page.next {
                    Some(next) => query.cursor = Some(next),
                    None => break,
                }
            }
            assert_eq!(found, whole);
            assert!(pages > 1);
        }
        // Other conditions spare the texts they rule out.
        query = EventQuery {
            filter: EventFilter {
                id: Some("39".into()),
                text: Some("needle".into()),
                ..EventFilter::default()
            },
            max_text_bytes: 2 * size,
            cursor: None,
            ..query
        };
        assert_eq!(open.page(&query).await.total, Total::Exact(1));
    }
}

/// "`Invalid` for a limit of 0."
pub async fn a_limit_of_zero_is_invalid(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(vec![event("a"), event_with("b", Value::Null)])
        .await;
    let query = EventQuery {
        limit: 0,
        ..EventQuery::default()
    };
    let answer = open.store().query(&query).await;
    assert_eq!(super::support::kind_of(answer), Some(ErrorKind::Invalid));
}
