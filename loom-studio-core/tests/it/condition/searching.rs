//! Searching by a condition, against testing every event.

use loom_studio_core::*;
use proptest::prelude::*;

use super::{append, store_of};

/// Event `number` of a small world: few types, nodes and traces, times out of order.
fn text(number: u64) -> String {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    format!(
        r#"{{"specversion":"1.0","id":"e{number}","source":"/node/agent/{}","type":"{}","subject":"tool/{}","time":"2026-01-02T03:0{}:00Z","causationid":"c{}","traceparent":"00-{:032x}-{:016x}-01","data":{{"request_id":"r{}","n":{number}}}}}"#,
        mixed % 3,
        ["node.request", "node.response", "agent.thought"][(mixed / 3 % 3) as usize],
        mixed / 9 % 2,
        mixed / 18 % 5,
        mixed % 4,
        mixed % 2 + 1,
        number + 1,
        mixed % 5,
    )
}

fn texts(count: u64) -> Vec<String> {
    (0..count).map(text).collect()
}

const ORDERS: [Order; 4] = [
    Order::Seq,
    Order::SeqDescending,
    Order::Time,
    Order::TimeDescending,
];

fn conditions() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(vec![
        "type = node.request",
        "type = node.*",
        "type != node.request",
        "type in (agent.thought)",
        "node = tool/1",
        "node = agent/*",
        "node != agent/1",
        "from = agent/1",
        "to = node/tool/0",
        "trace = 00000000000000000000000000000001",
        "trace = 0000*",
        "session = run-1",
        "session = other",
        "workspace = default",
        "workspace = other",
        "id = e7",
        "request = r2",
        "causation = c1",
        "time >= 2026-01-02T03:02:00Z",
        "time < 2026-01-02T03:03:00Z",
        "time = 2026-01-02T03:01:00Z",
        "time > 2026-01-02T03:00:00Z",
        "time <= 2026-01-02T03:02:00Z",
        "data.n > 20",
        "text contains thought",
        "outcome = ok",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 3, |inner| {
        let join = |word: &'static str| {
            prop::collection::vec(inner.clone(), 2..4).prop_map(move |parts| format!("({})", parts.join(word)))
        };
        prop_oneof![3 => join(" and "), 1 => join(" or "), 1 => inner.clone().prop_map(|part| format!("not {part}"))]
    })
}

fn scopes() -> impl Strategy<Value = EventFilter> {
    let pattern = |texts: &'static [&'static str]| {
        prop::option::weighted(
            0.3,
            proptest::sample::select(texts.to_vec())
                .prop_map(|text| text.parse::<Pattern>().unwrap()),
        )
    };
    let time = |text: &str| Timestamp::parse_rfc3339(text);
    let (one, three) = (time("2026-01-02T03:01:00Z"), time("2026-01-02T03:03:00Z"));
    (
        pattern(&["node.request", "node.*", "*thought*", "none"]),
        pattern(&["agent/1", "/node/tool/*", "/user/sdk"]),
        pattern(&["run-1", "run*"]),
        prop::option::weighted(0.2, Just("node".to_owned())),
        prop::option::weighted(0.3, Just(one)),
        prop::option::weighted(0.3, Just(three)),
    )
        .prop_map(|(kind, node, session, text, start, end)| EventFilter {
            kind,
            node,
            session,
            text,
            time: TimeRange {
                start: start.flatten(),
                end: end.flatten(),
            },
            ..EventFilter::workspace("default")
        })
}

/// All pages of a search, and every total it gave.
async fn pages(
    store: &dyn EventStore,
    query: &EventQuery,
    condition: &Condition,
    max_scanned: u64,
) -> (Vec<Seq>, Vec<Total>) {
    let (mut seqs, mut totals) = (Vec::new(), Vec::new());
    let mut query = query.clone();
    loop {
        let found = search(store, &query, condition, &(), max_scanned)
            .await
            .unwrap();
        assert!(found.scanned <= max_scanned);
        assert!(found.page.events.len() <= query.limit);
        seqs.extend(found.page.events.iter().map(|stored| stored.event.seq()));
        totals.push(found.page.total);
        assert_eq!(
            found.stopped_at.is_some(),
            found.page.next.is_some() && found.stopped_at.is_some()
        );
        match found.page.next {
            Some(next) => query.cursor = Some(next),
            None => return (seqs, totals),
        }
        assert!(totals.len() < 200, "the pages don't end");
    }
}

/// What a search must find: every event of the scope, tested one by one.
async fn naive(
    store: &dyn EventStore,
    scope: &EventFilter,
    order: Order,
    condition: &Condition,
) -> Vec<Seq> {
    let query = EventQuery {
        filter: scope.clone(),
        order,
        limit: 10_000,
        ..EventQuery::default()
    };
    let page = store.query(&query).await.unwrap();
    let events = page.events.iter().map(|stored| &stored.event);
    events
        .filter(|event| condition.matches(event, &()))
        .map(|event| event.seq())
        .collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

proptest! {
    #[test]
    fn a_search_finds_what_testing_every_event_finds(
        condition in conditions(),
        scope in scopes(),
        order in proptest::sample::select(ORDERS.to_vec()),
        limit in 1_usize..30,
        bound in prop_oneof![Just(1_000_u64), 1_u64..60],
    ) {
        block_on(async {
            let store = store_of(&texts(90)).await;
            let condition = Condition::parse(&condition).unwrap();
            let expected = naive(&store, &scope, order, &condition).await;
            let query = EventQuery { filter: scope.clone(), order, limit, ..EventQuery::default() };
            let (found, totals) = pages(&store, &query, &condition, bound).await;
            assert_eq!(found, expected, "{condition}");
            let count = expected.len() as u64;
            for total in totals {
                match total {
                    Total::Exact(total) => assert_eq!(total, count),
                    Total::AtLeast(total) => assert!(total <= count),
                }
            }
            // The prefilter lets through every event for which the condition holds, and where it is exact no other.
            let all = naive(&store, &EventFilter::default(), Order::Seq, &condition).await;
            let every = Condition::parse("seq > 0").unwrap();
            let passing = naive(&store, condition.prefilter(), Order::Seq, &every).await;
            assert!(all.iter().all(|seq| passing.contains(seq)), "{condition}");
            if condition.is_exact_in(condition.prefilter()) {
                assert_eq!(all, passing, "{condition}");
            }
        });
    }

    #[test]
    fn the_first_match_is_the_first(
        condition in conditions(),
        range in (0_u64..100, 0_u64..100),
        bound in prop_oneof![Just(1_000_u64), 1_u64..20],
        backward in any::<bool>(),
    ) {
        block_on(async {
            let store = store_of(&texts(90)).await;
            let condition = Condition::parse(&condition).unwrap();
            let scope = EventFilter::workspace("default");
            let (mut start, mut end) = (Seq(range.0), Seq(range.1));
            let all = naive(&store, &scope, Order::Seq, &condition).await;
            let mut within = all.into_iter().filter(|seq| (start..=end).contains(seq));
            let (direction, expected) = if backward {
                (Direction::Backward, within.next_back())
            } else {
                (Direction::Forward, within.next())
            };
            // Asked again behind where it stopped, it comes to the same answer.
            for _ in 0..200 {
                let found = first_match(&store, &scope, &condition, &(), start..=end, direction, bound).await.unwrap();
                assert!(found.scanned <= bound);
                if found.is_complete {
                    assert_eq!(found.found.map(|stored| stored.event.seq()), expected, "{condition}");
                    return;
                }
                assert!((start..=end).contains(&found.scanned_through));
                if backward {
                    end = found.scanned_through.previous();
                } else {
                    start = found.scanned_through.next();
                }
            }
            panic!("it goes on for ever");
        });
    }
}

#[test]
fn indexes_alone_answer_what_they_can() {
    block_on(async {
        let store = store_of(&texts(90)).await;
        let parse = |text: &str| Condition::parse(text).unwrap();
        let query = EventQuery {
            limit: 5,
            ..EventQuery::default()
        };
        let indexed = parse("type = node.request and node = tool/1 and time > 0");
        let by_index = search(&store, &query, &indexed, &(), 10);
        let by_index = by_index.await.unwrap();
        assert_eq!((by_index.scanned, by_index.stopped_at), (0, None));
        assert!(matches!(by_index.page.total, Total::Exact(total) if total > 5));
        assert!(by_index.page.next.is_some());
        let narrowed = search(&store, &query, &parse("id = e7 and data.n = 7"), &(), 10)
            .await
            .unwrap();
        assert_eq!((narrowed.scanned, narrowed.page.events.len()), (1, 1));
        let bounded = search(&store, &query, &parse("data.n >= 40"), &(), 10)
            .await
            .unwrap();
        assert_eq!(bounded.scanned, 10);
        assert_eq!(bounded.stopped_at.map(|(_, seq)| seq), Some(Seq(10)));
        assert_eq!(bounded.page.total, Total::AtLeast(0));
        assert!(bounded.page.next.is_some());
    });
}

#[test]
fn cursors_go_on_while_events_arrive_and_belong_to_one_search() {
    block_on(async {
        let store = store_of(&texts(40)).await;
        let condition = Condition::parse("data.n < 1000").unwrap();
        let query = EventQuery {
            limit: 7,
            ..EventQuery::default()
        };
        let first = search(&store, &query, &condition, &(), 1_000)
            .await
            .unwrap();
        assert_eq!(first.page.head, Seq(40));
        append(&store, &(40..50).map(text).collect::<Vec<_>>()).await;
        let next = EventQuery {
            cursor: first.page.next,
            ..query
        };
        let second = search(&store, &next, &condition, &(), 1_000).await.unwrap();
        let seqs: Vec<u64> = second
            .page
            .events
            .iter()
            .map(|stored| stored.event.seq().0)
            .collect();
        assert_eq!(seqs, (8..15).collect::<Vec<_>>());
        assert_eq!(second.page.total, Total::Exact(50));
        let other = Condition::parse("data.n < 999").unwrap();
        let refused = search(&store, &next, &other, &(), 1_000).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
        let offset = EventQuery {
            offset: 3,
            cursor: None,
            ..next.clone()
        };
        let page = search(&store, &offset, &condition, &(), 1_000)
            .await
            .unwrap()
            .page;
        assert_eq!(page.events[0].event.seq(), Seq(4));
        let none = EventQuery { limit: 0, ..next };
        let refused = search(&store, &none, &condition, &(), 1_000).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[cfg(feature = "file")]
#[test]
fn the_file_store_is_searched_alike() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let clock = std::sync::Arc::new(ManualClock::new(
            Timestamp::parse_rfc3339("2026-01-02T03:04:05Z").unwrap(),
        ));
        let file = FileStore::open(
            directory.path(),
            FileStoreOptions::default(),
            clock,
            &RandomIds,
        )
        .unwrap();
        append(&file, &texts(90)).await;
        let memory = store_of(&texts(90)).await;
        let scope = EventFilter::workspace("default");
        for text in [
            "data.n > 20 and type = node.*",
            "from = agent/1 or to = tool/0",
            "time > 1767323000 and not node = tool/1",
        ] {
            let condition = Condition::parse(text).unwrap();
            for order in ORDERS {
                let query = EventQuery {
                    filter: scope.clone(),
                    order,
                    limit: 4,
                    ..EventQuery::default()
                };
                let expected = naive(&memory, &scope, order, &condition).await;
                assert!(!expected.is_empty());
                assert_eq!(
                    pages(&file, &query, &condition, 13).await.0,
                    expected,
                    "{text}"
                );
            }
            for direction in [Direction::Forward, Direction::Backward] {
                let range = Seq(11)..=Seq(80);
                let [one, two] = [
                    first_match(
                        &file,
                        &scope,
                        &condition,
                        &(),
                        range.clone(),
                        direction,
                        1_000,
                    )
                    .await
                    .unwrap(),
                    first_match(&memory, &scope, &condition, &(), range, direction, 1_000)
                        .await
                        .unwrap(),
                ];
                assert_eq!(one.scanned_through, two.scanned_through);
                assert!(one.found.is_some() && one.is_complete);
            }
        }
    });
}
