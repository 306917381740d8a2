//! Laws of the folds: topology and sessions depend on the records alone, not on how they are cut or in which order replies arrive.

#![expect(clippy::needless_pass_by_value, reason = "JSON is written in place")]

use std::sync::Arc;

use futures::FutureExt as _;
use loom_studio_core::conformance::start;
use loom_studio_core::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const BASE_MILLIS: i64 = 1_767_323_000_000;

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros((BASE_MILLIS + millis) * 1_000)
}

/// An event of one node, so many milliseconds after the base.
pub(crate) fn event(id: &str, from: &str, kind: &str, millis: i64, members: Value) -> Value {
    let mut event = json!({"specversion": "1.0", "id": id, "source": from, "type": kind, "time": at(millis).to_string()});
    event
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().cloned().unwrap_or_default());
    event
}

fn request(id: &str, from: &str, to: &str, millis: i64) -> Value {
    event(
        id,
        from,
        "node.request",
        millis,
        json!({"subject": to, "data": {"task": "x"}}),
    )
}

fn response(of: &str, from: &str, millis: i64, result: Value) -> Value {
    event(
        &format!("re-{of}-{millis}"),
        from,
        "node.response",
        millis,
        json!({"data": {"request_id": of, "result": result}}),
    )
}

fn failure(of: &str, from: &str, millis: i64) -> Value {
    event(
        &format!("err-{of}"),
        from,
        "node.error",
        millis,
        json!({"data": {"request_id": of, "error": "boom"}}),
    )
}

fn stored(events: &[Value]) -> MemoryStore {
    let clock = ManualClock::new(start());
    let store = MemoryStore::new(MemoryStoreOptions::default(), Arc::new(clock), &RandomIds);
    let items = events
        .iter()
        .map(|event| Incoming::Event(event.to_string().into()))
        .collect();
    let batch = AppendBatch {
        workspace: "w".into(),
        session: "s".into(),
        items,
    };
    let appended = store.append(batch).now_or_never().unwrap().unwrap();
    assert_eq!(
        (appended.added(), appended.rejected),
        (events.len() as u64, vec![])
    );
    store
}

pub(crate) fn records(events: &[Value]) -> Vec<Record> {
    let store = stored(events);
    let mut all = store
        .subscribe(StartAt::Beginning, EventFilter::default())
        .now_or_never()
        .unwrap()
        .unwrap();
    let delivery = all.try_next(events.len()).now_or_never().unwrap().unwrap();
    delivery.map_or_else(Vec::new, |delivery| delivery.records)
}

fn folded<P: Projection + Default>(records: &[Record]) -> P {
    let mut projection = P::default();
    for record in records {
        projection.apply(record);
    }
    projection
}

fn graph(events: &[Value], now_millis: i64) -> Topology {
    folded::<CausalTopology>(&records(events)).topology(at(now_millis))
}

fn node<'a>(graph: &'a Topology, id: &str) -> &'a Node {
    graph
        .nodes
        .iter()
        .find(|node| node.id.as_str() == id)
        .unwrap_or_else(|| panic!("{id} in {graph:?}"))
}

fn edge<'a>(graph: &'a Topology, from: &str, to: &str) -> &'a Edge {
    graph
        .edges
        .iter()
        .find(|edge| (edge.from.as_str(), edge.to.as_str()) == (from, to))
        .unwrap_or_else(|| panic!("{from} → {to} in {graph:?}"))
}

/// The graph without what the order of arrival decides.
fn without_seqs(mut graph: Topology) -> Topology {
    graph.at = Seq::ZERO;
    for node in &mut graph.nodes {
        (node.first_seq, node.last_seq) = (Seq::ZERO, Seq::ZERO);
        if let Some(evidence) = &mut node.evidence {
            evidence.seq = Seq::ZERO;
        }
    }
    for edge in &mut graph.edges {
        edge.last_seq = Seq::ZERO;
    }
    graph
}

const NODES: [&str; 6] = [
    "/node/a",
    "b",
    "tool/c",
    "node/crew/d",
    "/user/sdk",
    "https://example.com/e",
];

/// Calls with and without replies, thoughts and registrations, each at a time of its own.
pub(crate) fn histories() -> impl Strategy<Value = Vec<Value>> {
    let result = select(vec![
        json!({"response": "x", "iterations": 1}),
        json!({"final_output": "x", "trace": []}),
        json!({"routed_to": "a"}),
        json!({"error": "no"}),
        json!("42"),
        json!(["a", "b"]),
        Value::Null,
    ]);
    let step = (
        0..4_u8,
        select(&NODES[..]),
        select(&NODES[..]),
        result,
        of(0..40_i64),
        any::<bool>(),
    );
    vec(step, 0..40).prop_map(|steps| {
        let mut history = Vec::new();
        for (index, (what, from, to, result, seconds, fails)) in steps.into_iter().enumerate() {
            let (id, millis) = (format!("e{index}"), i64::try_from(index).unwrap() * 7);
            match what {
                0 => history.push(event(&id, from, "agent.thought", millis, json!({}))),
                1 => history.push(event(
                    &id,
                    from,
                    "kernel.node.register",
                    millis,
                    json!({"data": {"node_id": to, "node_type": "agent", "name": id}}),
                )),
                _ => {
                    let data = json!({"subject": to, "data": {"arguments": {"x": 1}}});
                    history.push(event(&id, from, "node.request", millis, data));
                    if let Some(seconds) = seconds {
                        let end = millis + seconds * 1_000 + 3;
                        history.push(if fails {
                            failure(&id, to, end)
                        } else {
                            response(&id, to, end, result)
                        });
                    }
                }
            }
        }
        history
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Applied one by one, in any cut through the store's own pages, or to a clone on the way: one state.
    #[test]
    fn any_cut_gives_the_same_state(history in histories(), cuts in vec(1..7_usize, 1..6), now in 0..60_000_i64) {
        let store = stored(&history);
        let records = records(&history);
        let whole = folded::<CausalTopology>(&records);
        let sessions = folded::<Sessions>(&records);

        let mut through_store = CausalTopology::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reached = runtime.block_on(fold(&store, &EventFilter::workspace("w"), None, &mut through_store)).unwrap();
        prop_assert_eq!(reached, Seq(history.len() as u64));
        prop_assert_eq!(through_store.topology(at(now)), whole.topology(at(now)));

        let mut in_pages = CausalTopology::default();
        let mut session_pages = Sessions::default();
        let mut subscription = store.subscribe(StartAt::Beginning, EventFilter::default()).now_or_never().unwrap().unwrap();
        for most in cuts.iter().cycle() {
            let Some(delivery) = subscription.try_next(*most).now_or_never().unwrap().unwrap() else { break };
            // A clone stands still while the original goes on.
            let before = in_pages.clone();
            let graph = before.topology(at(now));
            delivery.records.iter().for_each(|record| { in_pages.apply(record); session_pages.apply(record) });
            prop_assert_eq!(before.topology(at(now)), graph);
        }
        prop_assert_eq!(in_pages.topology(at(now)), whole.topology(at(now)));
        prop_assert_eq!(in_pages.through(), whole.through());
        prop_assert_eq!(session_pages.of_workspace("w"), sessions.of_workspace("w"));

        let mut all = Topologies::default();
        for record in &records {
            all.apply(record);
        }
        prop_assert_eq!(all.topology("w", at(now)), whole.topology(at(now)));
        prop_assert_eq!(all.topology("elsewhere", at(now)).nodes.len(), 0);
    }

    /// The state at a position is that of the records up to it, whatever comes later.
    #[test]
    fn a_prefix_is_the_past(history in histories(), cut in 0..80_usize, now in 0..60_000_i64) {
        let records = records(&history);
        let cut = cut.min(records.len());
        let store = stored(&history);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut past = CausalTopology::default();
        let reached = runtime.block_on(fold(&store, &EventFilter::default(), Some(Seq(cut as u64)), &mut past)).unwrap();
        prop_assert_eq!(reached, Seq(cut as u64));
        let expected = folded::<CausalTopology>(&records[..cut]);
        prop_assert_eq!(past.topology(at(now)), expected.topology(at(now)));
    }

    /// A reply that comes before its request gives the same graph, but for seqs.
    #[test]
    fn replies_may_come_first(history in histories(), now in 0..60_000_i64) {
        // Registrations stay where they are: the first to name a node wins.
        let is_reply = |event: &&Value| matches!(event["type"].as_str(), Some("node.response" | "node.error"));
        let replies: Vec<Value> = history.iter().filter(is_reply).cloned().collect();
        let others = history.iter().filter(|event| !is_reply(event)).cloned();
        let early: Vec<Value> = replies.into_iter().chain(others).collect();
        prop_assert_eq!(without_seqs(graph(&early, now)), without_seqs(graph(&history, now)));
    }

    /// What a node is called in an event makes no difference.
    #[test]
    fn any_spelling_is_the_same_node(history in histories(), now in 0..60_000_i64) {
        let respelled: Vec<Value> = history
            .iter()
            .cloned()
            .map(|mut event| {
                for name in ["source", "subject"] {
                    if let Some(address) = event.get(name).and_then(Value::as_str) {
                        event[name] = json!(NodeId::new(address).as_str());
                    }
                }
                event
            })
            .collect();
        prop_assert_eq!(graph(&respelled, now), graph(&history, now));
    }

    /// Nodes and edges come sorted, and edges join nodes.
    #[test]
    fn a_graph_is_sorted_and_closed(history in histories(), now in 0..60_000_i64) {
        let graph = graph(&history, now);
        prop_assert!(graph.nodes.is_sorted_by(|a, b| a.id < b.id));
        prop_assert!(graph.edges.is_sorted_by(|a, b| (&a.from, &a.to) < (&b.from, &b.to)));
        let knows = |id: &NodeId| graph.nodes.iter().any(|node| node.id == *id);
        prop_assert!(graph.edges.iter().all(|edge| knows(&edge.from) && knows(&edge.to)));
        prop_assert_eq!(graph.nodes.iter().map(|node| node.events).sum::<u64>(), history.len() as u64);
        prop_assert_eq!(graph.nodes.iter().map(|node| node.open_calls).sum::<u64>(), graph.edges.iter().map(|edge| edge.open).sum::<u64>());
    }

    #[test]
    fn sessions_are_what_a_plain_count_says(sent in vec((0..3_usize, 0..100_i64, any::<bool>()), 0..40)) {
        let events: Vec<Value> = sent
            .iter()
            .enumerate()
            .map(|(n, (session, second, fails))| {
                let kind = if *fails { "node.error" } else { "note" };
                event(&n.to_string(), "a", kind, second * 1_000, json!({"studiosession": format!("s{session}")}))
            })
            .collect();
        let mut expected: Vec<(String, u64, u64, u64, u64, i64, i64)> = Vec::new();
        for session in 0..3 {
            let own: Vec<_> = sent.iter().enumerate().filter(|(_, (s, ..))| *s == session).collect();
            if let (Some((first, _)), Some((last, _))) = (own.first(), own.last()) {
                let times = || own.iter().map(|(_, (_, second, _))| *second);
                let errors = own.iter().filter(|(_, (.., fails))| *fails).count() as u64;
                expected.push((format!("s{session}"), *first as u64 + 1, *last as u64 + 1, own.len() as u64, errors, times().min().unwrap(), times().max().unwrap()));
            }
        }
        expected.sort_by_key(|session| std::cmp::Reverse(session.2));
        let second = |moment: Timestamp| (moment.as_micros() / 1_000 - BASE_MILLIS) / 1_000;
        let found: Vec<_> = folded::<Sessions>(&records(&events))
            .of_workspace("w")
            .into_iter()
            .map(|s| (s.id.to_string(), s.first_seq.0, s.last_seq.0, s.events, s.errors, second(s.first_time), second(s.last_time)))
            .collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn each_rule_proves_its_type() {
    let answer = |result| {
        vec![
            request("q", "/user/sdk", "n", 0),
            response("q", "n", 5, result),
        ]
    };
    let asked = json!({"subject": "n", "data": {"arguments": {}}});
    let cases = [
        (
            vec![event("t", "n", "agent.thought", 0, json!({}))],
            "AgentNode",
            Rule::EmitsAgentEvents,
            1,
        ),
        (
            answer(json!({"response": "x", "iterations": 3})),
            "AgentNode",
            Rule::AnswersWithIterations,
            2,
        ),
        (
            answer(json!({"final_output": "x", "trace": []})),
            "CrewNode",
            Rule::AnswersWithTrace,
            2,
        ),
        (
            answer(json!({"routed_to": "a", "result": 1})),
            "RouterNode",
            Rule::AnswersWithRoute,
            2,
        ),
        (
            vec![
                event("q", "/user/sdk", "node.request", 0, asked),
                response("q", "n", 5, json!("42")),
            ],
            "ToolNode",
            Rule::AnswersArguments,
            2,
        ),
        (
            vec![event(
                "r",
                "/kernel",
                "kernel.node.register",
                0,
                json!({"data": {"node_id": "n", "type": "router"}}),
            )],
            "RouterNode",
            Rule::Registered,
            1,
        ),
        (
            vec![event(
                "r",
                "n",
                "kernel.node.register",
                0,
                json!({"data": {"node_type": "Planner", "name": "P", "role": "plans"}}),
            )],
            "Planner",
            Rule::Registered,
            1,
        ),
    ];
    for (history, kind, rule, seq) in cases {
        let graph = graph(&history, 10);
        let node = node(&graph, "/node/n");
        assert_eq!(
            (node.kind.as_str(), node.evidence),
            (
                kind,
                Some(Evidence {
                    seq: Seq(seq),
                    rule
                })
            )
        );
    }
    for (address, kind) in [
        ("agent/x", "AgentNode"),
        ("tool/x", "ToolNode"),
        ("crew/x", "CrewNode"),
        ("router/x", "RouterNode"),
    ] {
        let graph = graph(&[event("e", address, "note", 0, json!({}))], 0);
        assert_eq!(
            (
                graph.nodes[0].kind.as_str(),
                graph.nodes[0].evidence.map(|e| e.rule)
            ),
            (kind, Some(Rule::AddressSegment))
        );
    }
}

#[test]
fn nothing_is_proved_by_calling_others_or_by_failing() {
    let history = [
        request("1", "n", "a", 0),
        response("1", "a", 1, json!("x")),
        request("2", "n", "b", 2),
        response("2", "b", 3, json!("x")),
        event(
            "3",
            "/user/sdk",
            "node.request",
            4,
            json!({"subject": "t", "data": {"arguments": {}}}),
        ),
        failure("3", "t", 5),
        request("4", "n", "l", 6),
        response("4", "l", 7, json!(["a", "list", "of", "five", "words"])),
    ];
    let graph = graph(&history, 10);
    for id in ["/node/n", "/node/a", "/node/t", "/node/l"] {
        assert_eq!(
            (node(&graph, id).kind.as_str(), node(&graph, id).evidence),
            ("Node", None),
            "{id}"
        );
    }
}

#[test]
fn a_stronger_rule_replaces_a_weaker_one() {
    let history = [
        event(
            "q",
            "/user/sdk",
            "node.request",
            0,
            json!({"subject": "n", "data": {"arguments": {}}}),
        ),
        response("q", "n", 1, json!("42")),
        event("t", "n", "agent.thought", 2, json!({})),
        event(
            "r",
            "n",
            "kernel.node.register",
            3,
            json!({"data": {"type": "crew", "name": "N", "role": "leads"}}),
        ),
        event("u", "n", "agent.thought", 4, json!({})),
    ];
    for (end, kind) in [
        (2, "ToolNode"),
        (3, "AgentNode"),
        (4, "CrewNode"),
        (5, "CrewNode"),
    ] {
        assert_eq!(
            node(&graph(&history[..end], 10), "/node/n").kind.as_str(),
            kind
        );
    }
    let graph = graph(&history, 10);
    let node = node(&graph, "/node/n");
    assert_eq!((&*node.name, node.role.as_deref()), ("N", Some("leads")));
    assert!(
        node.metadata
            .as_ref()
            .is_some_and(|data| data.starts_with(b"{\""))
    );
}

#[track_caller]
fn check_status(history: &[Value], now: i64, id: &str, status: NodeStatus, open: u64, errors: u64) {
    let graph = graph(history, now);
    let node = node(&graph, id);
    assert_eq!(
        (node.status, node.open_calls, node.errors),
        (status, open, errors),
        "{node:?}"
    );
    assert_eq!(node.status_reason.is_some(), status != NodeStatus::Idle);
}

#[test]
fn status_follows_the_calls() {
    use NodeStatus::{Error, Idle, Running};
    let open = [request("q", "a", "b", 0)];
    check_status(&open, 29_999, "/node/a", Running, 0, 0);
    check_status(&open, 29_999, "/node/b", Running, 1, 0);
    // At the time-out the caller has given up.
    check_status(&open, 30_000, "/node/a", Idle, 0, 0);
    check_status(&open, 30_000, "/node/b", Error, 0, 1);
    let answered = [open[0].clone(), response("q", "b", 29_999, json!("x"))];
    check_status(&answered, 99_000, "/node/b", Idle, 0, 0);
    let late = [open[0].clone(), response("q", "b", 30_000, json!("x"))];
    check_status(&late, 99_000, "/node/b", Error, 0, 1);
    check_status(
        &[open[0].clone(), failure("q", "b", 5)],
        10,
        "/node/b",
        Error,
        0,
        1,
    );
    check_status(
        &[
            open[0].clone(),
            response("q", "b", 5, json!({"error": "bad"})),
        ],
        10,
        "/node/b",
        Error,
        0,
        1,
    );
    check_status(
        &[event("x", "b", "node.error", 5, json!({}))],
        10,
        "/node/b",
        Error,
        0,
        1,
    );
    // What ended last decides, by time and not by arrival.
    let mended = [
        request("1", "a", "b", 0),
        failure("1", "b", 5),
        request("2", "a", "b", 6),
        response("2", "b", 7, json!("x")),
    ];
    check_status(&mended, 10, "/node/b", Idle, 0, 1);
    let arrived_late = [
        mended[0].clone(),
        mended[2].clone(),
        mended[3].clone(),
        mended[1].clone(),
    ];
    check_status(&arrived_late, 10, "/node/b", Idle, 0, 1);
    // A time-out ends a call as a reply does.
    let lost = [
        request("1", "a", "b", 0),
        request("2", "a", "b", 10),
        response("2", "b", 20, json!("x")),
    ];
    check_status(&lost, 20_000, "/node/b", Running, 1, 0);
    check_status(&lost, 40_000, "/node/b", Error, 0, 1);
    let later = [
        lost[0].clone(),
        lost[1].clone(),
        lost[2].clone(),
        request("3", "a", "b", 31_000),
        response("3", "b", 31_001, json!("x")),
    ];
    check_status(&later, 40_000, "/node/b", Idle, 0, 1);
}

#[test]
fn edges_count_calls_and_their_durations() {
    let history = [
        request("1", "a", "b", 0),
        response("1", "b", 100, json!("x")),
        request("2", "a", "b", 200),
        failure("2", "b", 300),
        request("3", "a", "b", 400),
        event("n", "a", "note", 500, json!({"subject": "b"})),
        response("unknown", "b", 600, json!("x")),
        request("self", "b", "b", 700),
        response("self", "b", 750, json!("x")),
    ];
    let open = graph(&history, 1_000);
    let calls = edge(&open, "/node/a", "/node/b");
    assert_eq!((calls.count, calls.open, calls.errors), (4, 1, 1));
    let median = calls.latency.unwrap().p50_nanos;
    assert!((median - 1e8).abs() <= 1e6, "{median}");
    let own = edge(&open, "/node/b", "/node/b");
    assert_eq!((own.count, own.open, own.errors), (1, 0, 0));
    assert_eq!((calls.last_seq, calls.last_time), (Seq(6), at(500)));
    let given_up = graph(&history, 31_000);
    let calls = edge(&given_up, "/node/a", "/node/b");
    assert_eq!(
        (calls.open, calls.errors, calls.latency.unwrap().p50_nanos),
        (0, 2, median),
        "a call never answered has no duration"
    );
}

/// Ids are unique per source only: each caller's call ends by the reply of the node it called.
#[test]
fn the_same_id_of_two_sources_is_two_calls() {
    let addressed = |to: &str, millis| {
        event(
            &format!("re-{to}"),
            "c",
            "node.response",
            millis,
            json!({"subject": to, "data": {"request_id": "q", "result": 1}}),
        )
    };
    let history = [
        request("q", "a", "c", 0),
        request("q", "b", "c", 1),
        addressed("b", 11),
        request("q", "e", "d", 12),
    ];
    let graph = graph(&history, 20);
    assert_eq!(
        (
            edge(&graph, "/node/a", "/node/c").open,
            edge(&graph, "/node/b", "/node/c").open
        ),
        (1, 0)
    );
    assert_eq!(edge(&graph, "/node/e", "/node/d").open, 1);
    // A reply without an addressee, as Loom sends it, ends the oldest.
    let plain = [
        history[0].clone(),
        history[1].clone(),
        response("q", "c", 9, json!(1)),
    ];
    let graph = self::graph(&plain, 20);
    assert_eq!(
        (
            edge(&graph, "/node/a", "/node/c").open,
            edge(&graph, "/node/b", "/node/c").open
        ),
        (0, 1)
    );
}

/// Open calls are kept up to a limit; beyond it the oldest count as unanswered, without a duration.
#[test]
fn pending_calls_are_bounded() {
    const CALLS: usize = 100_010;
    let history: Vec<Value> = (0..CALLS)
        .map(|n| request(&format!("q{n}"), "a", "b", 0))
        .collect();
    let graph = graph(&history, 1);
    let calls = edge(&graph, "/node/a", "/node/b");
    assert_eq!(
        (calls.count, calls.open, calls.errors, calls.latency),
        (CALLS as u64, 100_000, 10, None)
    );
    let early: Vec<Value> = (0..CALLS)
        .map(|n| response(&format!("q{n}"), "b", 1, json!("x")))
        .collect();
    let late_requests = [
        request("q0", "a", "b", 0),
        request(&format!("q{}", CALLS - 1), "a", "b", 0),
    ];
    let history: Vec<Value> = early.into_iter().chain(late_requests).collect();
    let graph = self::graph(&history, 1);
    assert_eq!(
        edge(&graph, "/node/a", "/node/b").open,
        1,
        "the oldest early reply was given up"
    );
}

#[test]
fn a_clone_and_a_fresh_one_are_independent() {
    let mut first = folded::<CausalTopology>(&records(&[request("q", "a", "b", 0)]));
    let copy = first.clone();
    first.apply(&records(&[event("x", "c", "note", 1, json!({}))])[0]);
    assert_eq!(copy.topology(at(1)).nodes.len(), 2);
    assert_eq!(first.topology(at(1)).nodes.len(), 3);
    assert_eq!(first.fresh().topology(at(1)), Topology::default());
}
