//! Small scenes, each with its call tree drawn beside it.

use std::fmt::Write as _;
use std::sync::Arc;

use loom_studio_core::*;
use serde_json::{Value, json};

use crate::loom::{WORKSPACE, at, event, records, run_list, stored, traceparent};

fn ask(id: &str, from: &str, to: &str, millis: i64, more: &Value) -> Value {
    let mut members = json!({"subject": to, "data": {"task": "x"}});
    let more = more.as_object().cloned().unwrap_or_default();
    members.as_object_mut().unwrap().extend(more);
    event(id, from, "node.request", millis, &members)
}

fn request(id: &str, from: &str, to: &str, millis: i64) -> Value {
    ask(id, from, to, millis, &json!({}))
}

fn reply(of: &str, from: &str, millis: i64) -> Value {
    answer(of, from, millis, &json!(1))
}

fn answer(of: &str, from: &str, millis: i64, result: &Value) -> Value {
    let data = json!({"data": {"request_id": of, "result": result}});
    event(
        &format!("re-{of}-{from}-{millis}"),
        from,
        "node.response",
        millis,
        &data,
    )
}

fn error(of: &str, from: &str, millis: i64) -> Value {
    let data = json!({"data": {"request_id": of, "error": "boom"}});
    event(&format!("err-{of}"), from, "node.error", millis, &data)
}

/// The tree in text: `id status by what it is linked [events]`, children indented; after it what is nowhere.
fn drawn(records: &[Record], tree: &RunTree) -> String {
    let id = |seq: Seq| match records.get(seq.0 as usize - 1).and_then(Record::as_event) {
        Some(event) => event.id().to_string(),
        None => "?".to_owned(),
    };
    let mut text = String::new();
    let mut pending: Vec<(usize, usize)> = tree.roots.iter().rev().map(|root| (0, *root)).collect();
    while let Some((depth, index)) = pending.pop() {
        let call = &tree.calls[index];
        let parent = match &call.parent {
            Parent::Root => String::new(),
            Parent::Cycle => " cycle".to_owned(),
            Parent::Call { trust, .. } => format!(" {}", trust.as_str()),
            Parent::Ambiguous(candidates) => {
                let mut among: Vec<String> = candidates.events.iter().map(|seq| id(*seq)).collect();
                among.sort();
                format!(" among {}", among.join(","))
            }
        };
        write!(
            text,
            "{}{} {}{parent}",
            "  ".repeat(depth),
            id(call.request),
            call.status.as_str()
        )
        .unwrap();
        for attached in &call.events {
            write!(
                text,
                " [{} {}]",
                id(attached.event),
                attached.trust.as_str()
            )
            .unwrap();
        }
        text.push('\n');
        pending.extend(call.children.iter().rev().map(|child| (depth + 1, *child)));
    }
    let mut nowhere: Vec<String> = tree
        .unplaced
        .iter()
        .map(|unplaced| {
            let candidates = unplaced.candidates.clone().unwrap_or_default().events;
            let mut among: Vec<String> = candidates.iter().map(|seq| id(*seq)).collect();
            among.sort();
            format!("- {} {}\n", id(unplaced.event), among.join(","))
        })
        .collect();
    nowhere.sort();
    text.extend(nowhere);
    text
}

/// One minute after the base, whatever arrives first.
#[track_caller]
fn check(events: &[Value], expected: &[&str]) -> RunTree {
    let reversed: Vec<Value> = events.iter().rev().cloned().collect();
    let now = at(60_000);
    for events in [&reversed, &events.to_vec()] {
        let records = records(events);
        let tree = call_tree(&records, now);
        let text = drawn(&records, &tree);
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }
    call_tree(&records(events), now)
}

#[test]
fn one_open_call_is_the_caller() {
    let events = [
        request("r", "/user/sdk", "a", 0),
        request("q", "a", "b", 10),
        event("t", "b", "agent.thought", 11, &json!({})),
        reply("q", "b", 20),
        reply("r", "a", 30),
        request("later", "a", "b", 31),
    ];
    check(
        &events,
        &["r ok", "  q ok structure [t structure]", "later unanswered"],
    );
}

#[test]
fn two_open_calls_are_ambiguous() {
    let events = [
        request("r", "/user/sdk", "a", 0),
        request("s", "/user/sdk", "a", 1),
        request("q", "a", "b", 10),
        event("t", "a", "agent.reflection", 11, &json!({})),
        reply("r", "a", 30),
        request("p", "a", "b", 31),
        reply("s", "a", 40),
    ];
    check(
        &events,
        &[
            "r ok",
            "s ok",
            "  p unanswered structure",
            "q unanswered among r,s",
            "- t r,s",
        ],
    );
}

#[test]
fn a_shared_trace_decides_between_open_calls() {
    let (one, two) = (
        json!({"traceparent": traceparent(1)}),
        json!({"traceparent": traceparent(2)}),
    );
    let events = [
        ask("r", "/user/sdk", "a", 0, &one),
        ask("s", "/user/sdk", "a", 1, &two),
        // The whole context carried on, and the same trace with a span of its own.
        ask("q", "a", "b", 10, &two),
        ask(
            "p",
            "a",
            "b",
            11,
            &json!({"traceparent": format!("00-{:032x}-{:016x}-01", 1, 77)}),
        ),
        event("t", "a", "agent.thought", 12, &one),
    ];
    check(
        &events,
        &[
            "r unanswered [t traceparent]",
            "  p unanswered structure",
            "s unanswered",
            "  q unanswered traceparent",
        ],
    );
}

#[test]
fn a_stated_cause_beats_everything() {
    let cause = |id: &str| json!({"causationid": id, "traceparent": traceparent(2)});
    let events = [
        ask(
            "r",
            "/user/sdk",
            "a",
            0,
            &json!({"traceparent": traceparent(1)}),
        ),
        ask(
            "s",
            "/user/sdk",
            "a",
            1,
            &json!({"traceparent": traceparent(2)}),
        ),
        ask("q", "a", "b", 10, &cause("r")),
        // Caused by a thought: part of the call that the thought is part of.
        event("t", "b", "agent.thought", 11, &cause("q")),
        event("u", "b", "note", 12, &cause("t")),
        // By a reply: part of the call of the node that got it.
        event(
            "re-q",
            "b",
            "node.response",
            13,
            &json!({"causationid": "q", "data": {"request_id": "q", "result": 1}}),
        ),
        event("v", "a", "note", 14, &cause("re-q")),
        // By an event nobody has seen: nothing is inferred instead.
        ask("x", "a", "b", 15, &cause("lost")),
    ];
    check(
        &events,
        &[
            "r unanswered [v causation]",
            "  q ok causation [t causation] [u causation]",
            "s unanswered",
            "x unanswered",
        ],
    );
}

#[test]
fn nothing_is_inferred_where_causes_are_reported() {
    let events = [
        request("r", "/user/sdk", "a", 0),
        ask("q", "a", "b", 10, &json!({"causationid": "r"})),
        request("own", "a", "b", 11),
    ];
    check(
        &events,
        &["r unanswered", "  q unanswered causation", "own unanswered"],
    );
}

#[test]
fn the_same_id_of_two_sources_is_two_calls() {
    let addressed = |to: &str, millis: i64| {
        let data = json!({"subject": to, "data": {"request_id": "q", "result": 1}});
        event(&format!("re-{to}"), "c", "node.response", millis, &data)
    };
    let events = [
        request("q", "a", "c", 0),
        request("q", "b", "c", 1),
        addressed("b", 5),
        // Without an addressee it may answer either.
        reply("q", "c", 6),
        // Nobody called d.
        reply("q", "d", 7),
    ];
    check(
        &events,
        &["q unanswered", "q ok", "- re-q-c-6 q,q", "- re-q-d-7 "],
    );
}

#[test]
fn hostile_links_have_an_answer() {
    let cause = |id: &str| json!({"causationid": id});
    // A cycle, itself as its own cause, a cause later than the effect.
    let events = [
        ask("a", "x", "y", 0, &cause("b")),
        ask("b", "y", "x", 1, &cause("a")),
        ask("self", "z", "z", 2, &cause("self")),
        ask("early", "y", "w", 3, &cause("late")),
        ask("late", "x", "y", 4, &json!({})),
    ];
    check(
        &events,
        &[
            "a unanswered cycle",
            "  b unanswered causation",
            "self unanswered",
            "late unanswered",
            "  early unanswered causation",
        ],
    );
    // Self-calls at one moment: which came first can't be told.
    let twins = [request("1", "n", "n", 0), request("2", "n", "n", 0)];
    let tree = call_tree(&records(&twins), at(1));
    assert_eq!(
        tree.calls
            .iter()
            .filter(|call| call.parent.call().is_some())
            .count(),
        1
    );
    // Replies to nobody.
    check(
        &[reply("q", "b", 0), error("p", "b", 1)],
        &["- err-p ", "- re-q-b-0 "],
    );
}

#[test]
fn another_process_is_no_evidence() {
    let session = |name: &str| json!({"studiosession": name});
    let events = [
        // A process that ended before it answered; the next one has the same nodes.
        ask("old", "/user/sdk", "a", 0, &session("one")),
        ask("r", "/user/sdk", "a", 10, &session("two")),
        ask("q", "a", "b", 11, &session("two")),
        // Here only a call from elsewhere is open: it may be that.
        ask("p", "a", "b", 12, &session("three")),
    ];
    check(
        &events,
        &[
            "old unanswered",
            "r unanswered",
            "  q unanswered structure",
            "p unanswered among old,r",
        ],
    );
}

#[test]
fn a_blocked_request_is_handled_by_nobody() {
    let events = [
        request("r", "/user/sdk", "a", 0),
        request("s", "/user/sdk", "a", 1),
        json!({"source": "/user/sdk", "of": "s", "phase": "blocked"}),
        request("q", "a", "b", 10),
    ];
    let records = records(&events);
    let tree = call_tree(&records, at(60_000));
    assert_eq!(
        drawn(&records, &tree),
        "r unanswered\n  q unanswered structure\ns blocked\n"
    );
    let list = run_list(&records, RunLimits::default());
    let runs = list.runs(WORKSPACE, at(20));
    assert_eq!(
        runs.iter()
            .map(|run| (run.status, run.open_calls))
            .collect::<Vec<_>>(),
        [(RunStatus::Failed, 0), (RunStatus::Running, 2)]
    );
    assert_eq!(list.members(WORKSPACE, Seq(2)), [Seq(2), Seq(3)]);
}

#[test]
fn the_first_reply_ends_a_call_and_an_error_fails_it() {
    let events = [
        request("two", "u", "a", 0),
        reply("two", "a", 5),
        reply("two", "a", 9),
        request("err", "u", "b", 1),
        error("err", "b", 5),
        reply("err", "b", 9),
        request("late", "u", "c", 2),
        reply("late", "c", 30_002),
        request("bad", "u", "d", 3),
        answer("bad", "d", 5, &json!({"error": "no"})),
    ];
    let tree = check(
        &events,
        &["two ok", "err error", "late late", "bad error_result"],
    );
    let ends: Vec<Option<u64>> = tree
        .calls
        .iter()
        .map(|call| call.end.as_ref().map(|end| end.event.0))
        .collect();
    assert_eq!(ends, [Some(2), Some(5), Some(8), Some(10)]);
    assert_eq!(tree.calls[0].duration_nanos, 5_000_000);
    assert_eq!(tree.calls[0].more_replies.len(), 1);
}

#[test]
fn self_time_and_the_critical_path() {
    let events = [
        request("r", "/user/sdk", "a", 0),
        request("fast", "a", "b", 10),
        reply("fast", "b", 30),
        request("slow", "a", "c", 11),
        request("inner", "c", "d", 20),
        reply("inner", "d", 60),
        reply("slow", "c", 70),
        request("stray", "a", "e", 75),
        reply("r", "a", 100),
        reply("stray", "e", 120),
    ];
    let tree = check(
        &events,
        &[
            "r ok",
            "  fast ok structure",
            "  slow ok structure",
            "    inner ok structure",
            "  stray ok structure",
        ],
    );
    let millis = |nanos: i64| nanos / 1_000_000;
    let selfs: Vec<i64> = tree
        .calls
        .iter()
        .map(|call| millis(call.self_nanos))
        .collect();
    assert_eq!(
        selfs,
        [15, 20, 19, 40, 45],
        "r: 100 less 10 to 70 and 75 to 100"
    );
    let path: Vec<(Seq, i64)> = tree
        .critical_path
        .iter()
        .map(|step| {
            (
                tree.calls[step.call].request,
                millis(step.until.nanos_since(step.from)),
            )
        })
        .collect();
    let (r, slow, inner) = (Seq(1), Seq(4), Seq(5));
    assert_eq!(
        path,
        [(r, 11), (slow, 9), (inner, 40), (slow, 10), (r, 30)],
        "nobody waited for the stray one"
    );
    assert_eq!(
        tree.calls
            .iter()
            .map(|call| millis(call.critical_nanos))
            .collect::<Vec<_>>(),
        [41, 0, 19, 40, 0]
    );
}

/// A tool raises, the agent waits for half a minute and answers late, the crew has given up.
#[test]
fn an_error_nobody_heard_is_explained() {
    let events = [
        request("r", "/user/sdk", "crew/c", 0),
        request("q", "crew/c", "agent/a", 10),
        request("p", "agent/a", "tool/t", 20),
        error("p", "tool/t", 120),
        answer("r", "crew/c", 30_010, &json!({"error": "Agent a failed: "})),
        reply("q", "agent/a", 30_030),
    ];
    let tree = check(
        &events,
        &[
            "r error_result",
            "  q late structure",
            "    p error structure",
        ],
    );
    assert!(tree.calls[2].is_unheard);
    let failure = tree.failure.unwrap();
    assert_eq!((failure.call, failure.is_fatal), (2, true));
    assert_eq!(
        failure
            .chain
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [
            "tool/t reported an error: boom",
            "agent/a never heard the error: Loom does not deliver node.error; it waited 30 s",
            "agent/a answered after 30.0 s, when its caller had given up",
            "crew/c answered with an error: Agent a failed: ",
        ]
    );
    let codes: Vec<&str> = failure.chain.iter().map(Explanation::code).collect();
    assert_eq!(
        codes,
        [
            "reported_error",
            "never_heard",
            "answered_late",
            "answered_with_error"
        ]
    );
}

#[test]
fn a_router_hands_on_an_error_and_a_crew_copes_with_one() {
    let inner = json!({"result": {"error": "Agent a failed"}, "routed_to": "a"});
    let events = [
        request("r", "/user/sdk", "router/x", 0),
        request("q", "router/x", "crew/a", 1),
        answer("q", "crew/a", 2, &json!({"error": "Agent a failed"})),
        answer("r", "router/x", 3, &inner),
    ];
    let tree = check(&events, &["r inner_error", "  q error_result structure"]);
    assert!(
        tree.failure
            .is_some_and(|failure| failure.is_fatal && failure.call == 1)
    );
    let mut coped = events.clone();
    coped[3] = reply("r", "router/x", 3);
    let tree = check(&coped, &["r ok", "  q error_result structure"]);
    let failure = tree.failure.unwrap();
    assert!(!failure.is_fatal);
    assert_eq!(failure.chain.last().map(Explanation::code), Some("went_on"));
    for (events, status) in [(events, RunStatus::Failed), (coped, RunStatus::Ok)] {
        let list = run_list(&records(&events), RunLimits::default());
        assert_eq!(list.runs(WORKSPACE, at(10))[0].status, status);
    }
}

#[test]
fn an_error_in_time_was_heard_if_the_caller_went_on() {
    let events = [
        request("r", "/user/sdk", "a", 0),
        request("q", "a", "b", 10),
        error("q", "b", 20),
        reply("r", "a", 50),
    ];
    let tree = check(&events, &["r ok", "  q error structure"]);
    assert!(!tree.calls[1].is_unheard);
    assert_eq!(tree.calls[0].self_nanos, 40_000_000);
}

#[test]
fn tokens_are_counted_once() {
    let usage = |input: u64, output: u64| json!({"prompt_tokens": input, "completion_tokens": output, "completion_tokens_details": {"reasoning_tokens": 1}});
    let model = |id: &str, from: &str, millis: i64| {
        event(
            id,
            from,
            "llm.response",
            millis,
            &json!({"data": {"model": "m", "usage": usage(10, 5)}}),
        )
    };
    let events = [
        request("r", "/user/sdk", "a", 0),
        model("m1", "a", 1),
        request("q", "a", "b", 2),
        // b reports no model, only the sum of its work.
        answer(
            "q",
            "b",
            3,
            &json!({"response": "x", "usage": usage(100, 50)}),
        ),
        model("m2", "a", 4),
        // a's sum is that of its parts.
        answer(
            "r",
            "a",
            5,
            &json!({"response": "x", "usage": usage(120, 60)}),
        ),
        request("s", "/user/sdk", "b", 10),
        reply("s", "b", 11),
    ];
    let tree = check(
        &events,
        &[
            "r ok [m1 structure] [m2 structure]",
            "  q ok structure",
            "s ok",
        ],
    );
    let expected = Tokens {
        input: Some(120),
        output: Some(60),
        total: Some(180),
        cached: None,
        reasoning: Some(3),
    };
    assert_eq!(tree.tokens, Some(expected));
    assert_eq!(
        tree.calls[1].tokens.and_then(|tokens| tokens.total),
        Some(150)
    );
    assert_eq!(tree.calls[2].tokens, None, "not reported is not 0");
    let list = run_list(&records(&events), RunLimits::default());
    let tokens: Vec<Option<Tokens>> = list
        .runs(WORKSPACE, at(10))
        .iter()
        .map(|run| run.tokens)
        .collect();
    assert_eq!(tokens, [None, Some(expected)]);
}

#[test]
fn a_deep_tree_and_a_wide_one_cost_no_stack() {
    const CALLS: i64 = 20_000;
    let deep: Vec<Value> = (0..CALLS)
        .map(|n| {
            request(
                &format!("q{n}"),
                &format!("n{n}"),
                &format!("n{}", n + 1),
                n,
            )
        })
        .collect();
    let tree = call_tree(&records(&deep), at(CALLS));
    assert_eq!((tree.roots.len(), tree.critical_path.len()), (1, 20_000));
    let wide: Vec<Value> = std::iter::once(request("r", "u", "n", 0))
        .chain((0..CALLS).map(|n| request(&format!("q{n}"), "n", "m", 1)))
        .collect();
    let tree = call_tree(&records(&wide), at(10));
    assert_eq!(tree.calls[0].children.len(), 20_000);
}

#[test]
fn a_late_event_joins_its_run_by_what_it_states() {
    let noise = |n: usize| event(&format!("noise{n}"), "z", "note", 100, &json!({}));
    let limits = RunLimits {
        fresh: 4,
        ..RunLimits::default()
    };
    let stating = |id: &str| json!({"causationid": id});
    let mut events = vec![
        ask("q", "a", "b", 10, &stating("r")),
        event("t", "b", "note", 11, &stating("q")),
        reply("r", "a", 50),
    ];
    events.extend((0..20).map(noise));
    events.push(request("r", "/user/sdk", "a", 0));
    let list = run_list(&records(&events), limits);
    let runs = list.runs(WORKSPACE, at(60_000));
    assert_eq!(runs.len(), 1);
    let run = &runs[0];
    assert_eq!(
        (run.id, run.status, run.events, run.calls, run.roots),
        (RunId(Seq(24)), RunStatus::Ok, 4, 2, 1)
    );
    assert_eq!(list.find(WORKSPACE, Seq(1)), Some(run.id));
    assert_eq!(list.find("other", Seq(1)), None);
    assert_eq!((list.bounds().outside, list.bounds().late_events), (20, 1));
}

#[test]
fn everything_is_bounded_and_what_goes_is_counted() {
    let limits = RunLimits {
        fresh: 8,
        calls: 10,
        open_calls: 6,
        references: 5,
        traces: 5,
        sessions: 4,
        callees: 4,
        ambiguous: 8,
        runs: 7,
        usages: 8,
    };
    let mut events = Vec::new();
    for n in 0..200_i64 {
        let more =
            json!({"traceparent": traceparent(n as u64 + 1), "causationid": format!("lost{n}")});
        events.push(ask(&format!("q{n}"), "a", "b", n, &more));
    }
    let list = run_list(&records(&events), limits);
    let bounds = list.bounds();
    assert_eq!(list.runs(WORKSPACE, at(0)).len(), 7);
    assert_eq!(
        (
            bounds.forgotten_runs,
            bounds.forgotten_calls,
            bounds.forgotten_references
        ),
        (193, 190, 195)
    );
    assert!(bounds.forgotten_open_calls > 0);
    assert!(list.save().len() < 20_000, "{}", list.save().len());
    assert!(RunList::restore(b"no list").is_none());
}

#[test]
fn the_records_of_a_run_are_read_from_the_log() {
    let mut events = vec![request("r", "/user/sdk", "a", 0)];
    events.extend((0..5_000).map(|n| event(&format!("noise{n}"), "z", "note", 1, &json!({}))));
    events.push(reply("r", "a", 50));
    let store = stored(&events);
    let members = [Seq(1), Seq(5_002)];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let store: Arc<dyn EventStore> = Arc::new(store);
    let read = runtime.block_on(async {
        let mut list = RunList::default();
        fold(&*store, &EventFilter::default(), None, &mut list)
            .await
            .unwrap();
        let members = list.members(WORKSPACE, Seq(5_002));
        read_records(&*store, &members).await.unwrap()
    });
    assert_eq!(read.iter().map(Record::seq).collect::<Vec<_>>(), members);
}
