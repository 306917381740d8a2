//! The direct links of one event, and where it belongs.

use loom_studio_core::*;
use serde_json::{Value, json};

use crate::loom::{event, records, run_list, stored, traceparent};

fn request(id: &str, from: &str, to: &str, millis: i64, more: &Value) -> Value {
    let mut members = json!({"subject": to});
    members
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    event(id, from, "node.request", millis, &members)
}

/// A reply with an id of its own; `more` may say to whom.
fn reply(id: &str, of: &str, from: &str, millis: i64, more: &Value) -> Value {
    let mut members = json!({"data": {"request_id": of, "result": 1}});
    members
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    event(id, from, "node.response", millis, &members)
}

fn none() -> Value {
    json!({})
}

fn in_session(session: &str) -> Value {
    json!({"studiosession": session})
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn get(store: &MemoryStore, seq: u64) -> std::sync::Arc<Event> {
    let record = block_on(store.get(Seq(seq))).unwrap().unwrap();
    record.into_event().unwrap().event
}

fn of(store: &MemoryStore, seq: u64) -> Links {
    block_on(links(store, &get(store, seq))).unwrap()
}

fn seq(link: Option<&Link>) -> Option<u64> {
    link.map(|link| link.event.seq().0)
}

fn seqs(candidates: Option<&Candidates>) -> Vec<u64> {
    let candidates = candidates.cloned().unwrap_or_default();
    candidates.events.iter().map(|seq| seq.0).collect()
}

#[test]
fn links_of_one_event_know_whom_an_id_belongs_to() {
    let store = stored(&[
        request("q", "x", "y", 0, &none()),
        request("q", "a", "b", 1, &none()),
        event("t", "b", "note", 2, &json!({"causationid": "q"})),
        reply("r", "q", "b", 3, &none()),
    ]);
    let cause = of(&store, 3).cause;
    assert_eq!(
        seq(cause.as_ref()),
        Some(2),
        "sent to the node that sent the effect"
    );
    assert_eq!(seq(of(&store, 4).request.as_ref()), Some(2));
    assert_eq!(seq(of(&store, 2).response.as_ref()), Some(4));
    assert_eq!(seq(of(&store, 1).response.as_ref()), None);
    assert_eq!(of(&store, 2).effects.len(), 1);
    assert_eq!(of(&store, 1).effects.len(), 0);
}

/// What Loom's own tests of many runs look like to `links`: more namesakes than one page holds.
#[test]
fn the_right_namesake_is_found_behind_a_thousand() {
    let mut events: Vec<Value> = (0..1_000)
        .map(|n| request("q", &format!("x{n}"), "y", n, &none()))
        .collect();
    events.push(request("q", "a", "b", 2_000, &none()));
    events.extend((0..300).map(|n| reply(&format!("r{n}"), "q", "y", 3_000 + n, &none())));
    events.push(reply("r", "q", "b", 4_000, &none()));
    events.push(event("t", "b", "note", 4_001, &json!({"causationid": "q"})));
    let store = stored(&events);
    assert_eq!(seq(of(&store, 1_302).request.as_ref()), Some(1_001));
    assert_eq!(seq(of(&store, 1_001).response.as_ref()), Some(1_302));
    assert_eq!(seq(of(&store, 1_303).cause.as_ref()), Some(1_001));
    // A reply to nobody in particular may answer each of the thousand.
    let unclear = of(&store, 1_002);
    assert_eq!(seq(unclear.request.as_ref()), None);
    let candidates = unclear.request_candidates.unwrap();
    assert!(!candidates.is_complete && candidates.events.len() == MAX_CANDIDATES);
    // Also those of them that aren't listed.
    for request in [1, 500, 1_000] {
        let among = of(&store, request);
        let response = seq(among.response.as_ref());
        assert_eq!((response, among.response_candidates.len()), (None, 16));
    }
}

#[test]
fn of_namesakes_the_one_of_the_same_session_is_meant() {
    let with = |members: Value, session: &str| {
        let mut members = members;
        members["studiosession"] = session.into();
        members
    };
    let cause = json!({"causationid": "q"});
    let store = stored(&[
        request("q", "a", "b", 0, &in_session("one")),
        request("q", "c", "b", 1, &in_session("two")),
        event("t1", "b", "note", 2, &with(cause.clone(), "one")),
        event("t2", "b", "note", 3, &with(cause.clone(), "two")),
        event("t3", "b", "note", 4, &with(cause, "three")),
        reply("r1", "q", "b", 5, &in_session("one")),
        reply("r2", "q", "b", 6, &in_session("two")),
        reply("r3", "q", "b", 7, &in_session("three")),
    ]);
    let causes = [3, 4, 5].map(|event| of(&store, event));
    assert_eq!(
        causes.each_ref().map(|links| seq(links.cause.as_ref())),
        [Some(1), Some(2), None]
    );
    assert_eq!(seqs(causes[2].cause_candidates.as_ref()), [1, 2]);
    let requests = [6, 7, 8].map(|event| of(&store, event));
    assert_eq!(
        requests.each_ref().map(|links| seq(links.request.as_ref())),
        [Some(1), Some(2), None]
    );
    assert_eq!(seqs(requests[2].request_candidates.as_ref()), [1, 2]);
    for (request, effect, response) in [(1, 3, 6), (2, 4, 7)] {
        let links = of(&store, request);
        let effects: Vec<u64> = links
            .effects
            .iter()
            .map(|link| link.event.seq().0)
            .collect();
        assert_eq!(
            (effects, seq(links.response.as_ref())),
            (vec![effect], Some(response))
        );
    }
}

#[test]
fn of_namesakes_the_one_whose_trace_the_reply_carries_on_is_meant() {
    let trace = |number: u64| json!({"traceparent": traceparent(number)});
    let store = stored(&[
        request("q", "a", "c", 0, &trace(1)),
        request("q", "b", "c", 1, &trace(2)),
        reply("r", "q", "c", 2, &trace(2)),
        // For whom it is says more.
        reply(
            "s",
            "q",
            "c",
            3,
            &json!({"subject": "a", "traceparent": traceparent(2)}),
        ),
    ]);
    assert_eq!(seq(of(&store, 3).request.as_ref()), Some(2));
    assert_eq!(seq(of(&store, 4).request.as_ref()), Some(1));
    assert_eq!(
        (
            seq(of(&store, 2).response.as_ref()),
            seq(of(&store, 1).response.as_ref())
        ),
        (Some(3), Some(4))
    );
}

#[test]
fn another_workspace_has_no_part_in_it() {
    let store = stored(&[
        event("t", "b", "note", 2, &json!({"causationid": "q"})),
        reply("r", "q", "b", 3, &none()),
    ]);
    let other = AppendBatch {
        workspace: "other".into(),
        session: "s".into(),
        items: vec![Incoming::Event(
            request("q", "a", "b", 0, &none()).to_string().into(),
        )],
    };
    block_on(store.append(other)).unwrap();
    assert_eq!(
        (
            seq(of(&store, 1).cause.as_ref()),
            seq(of(&store, 2).request.as_ref())
        ),
        (None, None)
    );
    assert_eq!(
        (
            seq(of(&store, 3).response.as_ref()),
            of(&store, 3).effects.len()
        ),
        (None, 0)
    );
}

#[test]
fn the_response_is_the_first_by_time() {
    let store = stored(&[
        reply("late", "q", "b", 9, &none()),
        reply("first", "q", "b", 5, &none()),
        request("q", "a", "b", 0, &none()),
    ]);
    assert_eq!(seq(of(&store, 3).response.as_ref()), Some(2));
}

#[test]
fn the_first_hundred_of_many_effects_are_listed() {
    let mut events = vec![request("q", "a", "b", 0, &none())];
    let effects = 0..20_000;
    events.extend(effects.map(|n| {
        event(
            &format!("t{n}"),
            "b",
            "note",
            1,
            &json!({"causationid": "q"}),
        )
    }));
    // Effects far away are found too.
    events.push(request("lonely", "a", "b", 2, &none()));
    let noise = 0..70_000;
    events.extend(noise.map(|n| event(&format!("n{n}"), "z", "note", 3, &none())));
    events.push(event(
        "far",
        "b",
        "note",
        4,
        &json!({"causationid": "lonely"}),
    ));
    let store = stored(&events);
    let effects: Vec<u64> = of(&store, 1)
        .effects
        .iter()
        .map(|link| link.event.seq().0)
        .collect();
    assert_eq!(effects, (2..102).collect::<Vec<_>>());
    let effects: Vec<u64> = of(&store, 20_002)
        .effects
        .iter()
        .map(|link| link.event.seq().0)
        .collect();
    assert_eq!(effects, [90_003]);
}

/// A call that began thousands of events ago, in a run of many, of whose calls few are remembered.
#[test]
fn an_event_of_a_large_run_is_placed_without_its_tree() {
    let mut events = vec![
        request("root", "user", "a", 0, &none()),
        request("long", "a", "b", 1, &none()),
    ];
    for n in 0..3_000 {
        let (id, millis) = (format!("q{n}"), 10 + n * 4);
        events.push(request(&id, "b", "tool/t", millis, &none()));
        events.push(event(
            &format!("t{n}"),
            "tool/t",
            "note",
            millis + 1,
            &none(),
        ));
        events.push(reply(&format!("r{n}"), &id, "tool/t", millis + 2, &none()));
    }
    events.push(event("thought", "a", "note", 13_000, &none()));
    events.push(event("stray", "z", "note", 13_001, &none()));
    events.push(reply("re-long", "long", "b", 13_002, &none()));
    events.push(reply("re-root", "root", "a", 13_003, &none()));
    for n in 0..1_100 {
        events.push(request(&format!("p{n}"), "user", "tool/u", 13_010, &none()));
        events.push(reply(
            &format!("o{n}"),
            &format!("p{n}"),
            "tool/u",
            13_011,
            &none(),
        ));
    }
    let (store, all) = (stored(&events), records(&events));
    let place = |list: &RunList, seq: u64| {
        let event = get(&store, seq);
        let placement = block_on(async {
            let links = links(&store, &event).await.unwrap();
            placement(&store, &event, &links, list).await.unwrap()
        });
        let trust = placement.call.as_ref().map(|link| link.trust);
        assert!(trust.is_none_or(|trust| trust == Trust::Structure));
        placement
    };
    let few = RunLimits {
        calls: 1_000,
        fresh: 64,
        ..RunLimits::default()
    };
    let (note, ask) = (|n: u64| 4 + 3 * n, |n: u64| 3 + 3 * n);
    for limits in [RunLimits::default(), few] {
        let list = run_list(&all, limits);
        for (event, call) in [
            (note(2_900), Some(ask(2_900))),
            (note(20), Some(ask(20))),
            (ask(20), Some(2)),
            (9_003, Some(1)),
            (9_004, None),
        ] {
            let placement = place(&list, event);
            assert_eq!(seq(placement.call.as_ref()), call, "{event}");
            assert_eq!(placement.candidates, None);
            assert_eq!(placement.run, call.map(|_| RunId(Seq(1))));
        }
        // The call it was made in is too far back to be found: it isn't guessed.
        let far = place(&list, ask(2_900));
        if limits == few {
            assert_eq!(
                (seq(far.call.as_ref()), far.candidates),
                (None, Some(Candidates::default()))
            );
        } else {
            assert_eq!((seq(far.call.as_ref()), far.candidates), (Some(2), None));
        }
        assert_eq!(far.run, Some(RunId(Seq(1))));
    }
}

/// Each call is the consequence of the reply to the one before; what is too far from the first is never put into one in between.
#[test]
fn a_long_chain_of_calls_each_after_the_reply_to_the_last_is_in_one_call() {
    const CALLS: u64 = 100;
    let mut events = vec![request("root", "user", "a", 0, &none())];
    for n in 0..i64::try_from(CALLS).unwrap() {
        let cause = match n {
            0 => "root".to_owned(),
            n => format!("r{}", n - 1),
        };
        let id = format!("q{n}");
        let because = json!({"causationid": cause});
        events.push(request(&id, "a", "tool/t", 10 + n * 4, &because));
        events.push(reply(&format!("r{n}"), &id, "tool/t", 12 + n * 4, &none()));
    }
    let (store, all) = (stored(&events), records(&events));
    let few = RunLimits {
        fresh: 4,
        calls: 2,
        open_calls: 2,
        ..RunLimits::default()
    };
    for limits in [RunLimits::default(), few] {
        let list = run_list(&all, limits);
        for n in [0, 1, 9, 20, CALLS - 1] {
            let event = get(&store, 2 + 2 * n);
            let placement = block_on(async {
                let links = links(&store, &event).await.unwrap();
                placement(&store, &event, &links, &list).await.unwrap()
            });
            let call = seq(placement.call.as_ref());
            if limits == few && n > 20 {
                let is_open = placement.candidates == Some(Candidates::default());
                assert!(
                    call == Some(1) || (call.is_none() && is_open),
                    "{n}: {call:?}"
                );
            } else {
                assert_eq!(call, Some(1), "{n}");
            }
        }
    }
}
