//! Producers whose clocks are wrong: they bother nobody but themselves, and even of them nothing wrong is said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::FutureExt as _;
use loom_studio_core::*;
use serde_json::{Value, json};

use crate::loom::{at, event};

const HOUR: i64 = 3_600_000;

/// What one producer sends in one round: a run in which a user asks an agent, which asks a tool. The ids begin with the run's name.
fn run(session: &str, name: &str, millis: i64) -> Vec<Value> {
    let call = |id: &str, from: &str, to: &str, millis: i64| {
        let members = json!({"subject": to, "studiosession": session});
        event(
            &format!("{name}/{id}"),
            from,
            "node.request",
            millis,
            &members,
        )
    };
    let reply = |of: &str, from: &str, millis: i64| {
        let data = json!({"request_id": format!("{name}/{of}"), "result": 1});
        let members = json!({"data": data, "studiosession": session});
        event(
            &format!("{name}/re-{of}"),
            from,
            "node.response",
            millis,
            &members,
        )
    };
    vec![
        call("root", "/user/sdk", "agent/a", millis),
        call("tool", "agent/a", "tool/t", millis + 1),
        reply("tool", "tool/t", millis + 2),
        reply("root", "agent/a", millis + 3),
    ]
}

/// The records of events that arrive in this order, each in its workspace.
fn records(arriving: &[(&str, Value)]) -> Vec<Record> {
    let clock = ManualClock::new(Timestamp::from_micros(4_000_000_000_000_000));
    let store = MemoryStore::new(MemoryStoreOptions::default(), Arc::new(clock), &RandomIds);
    for (workspace, event) in arriving {
        let batch = AppendBatch {
            workspace: (*workspace).into(),
            session: "none".into(),
            items: vec![Incoming::Event(event.to_string().into())],
        };
        let appended = store.append(batch).now_or_never().unwrap().unwrap();
        assert_eq!(appended.rejected, vec![]);
    }
    let everything = store.subscribe(StartAt::Beginning, EventFilter::default());
    let mut everything = everything.now_or_never().unwrap().unwrap();
    let mut records = Vec::new();
    while let Some(delivery) = everything.try_next(1_000).now_or_never().unwrap().unwrap() {
        records.extend(delivery.records);
    }
    records
}

fn limits() -> RunLimits {
    RunLimits {
        fresh: 64,
        open_calls: 64,
        ..RunLimits::default()
    }
}

/// The runs of a workspace: by the names in the ids of their members, how many events each has.
fn listed(
    list: &RunList,
    records: &[Record],
    workspace: &str,
) -> Vec<(BTreeSet<String>, usize, Run)> {
    let name = |seq: &Seq| {
        let event = records[seq.0 as usize - 1].as_event().unwrap();
        event.id().split('/').next().unwrap().to_owned()
    };
    let runs = list.runs(workspace, at(10 * HOUR));
    let of = |run: Run| {
        let members = list.members(workspace, run.id.0);
        (members.iter().map(name).collect(), members.len(), run)
    };
    runs.into_iter().map(of).collect()
}

/// Rounds of two producers, the second with a clock of its own.
fn two_producers(
    workspaces: [&'static str; 2],
    rounds: i64,
    second: impl Fn(i64) -> i64,
) -> Vec<Record> {
    let mut arriving = Vec::new();
    for round in 0..rounds {
        let steady = run("steady", &format!("steady{round}"), round * 10);
        let astray = run("astray", &format!("astray{round}"), second(round * 10));
        for (one, other) in steady.into_iter().zip(astray) {
            arriving.push((workspaces[0], one));
            arriving.push((workspaces[1], other));
        }
    }
    records(&arriving)
}

fn assert_whole(found: &[(BTreeSet<String>, usize, Run)], producer: &str, rounds: usize) {
    let own: Vec<_> = found
        .iter()
        .filter(|(names, ..)| names.iter().any(|name| name.starts_with(producer)))
        .collect();
    assert_eq!(own.len(), rounds, "{producer}");
    for (names, events, run) in own {
        assert_eq!(
            (names.len(), *events, run.calls, run.roots),
            (1, 4, 2, 1),
            "{names:?}"
        );
        assert_eq!((run.status, &run.ambiguity), (RunStatus::Ok, &None));
    }
}

#[test]
fn a_clock_far_behind_changes_nothing_for_anybody() {
    for workspaces in [["w", "v"], ["w", "w"]] {
        let records = two_producers(workspaces, 200, |millis| millis - HOUR);
        let mut list = RunList::new(limits());
        for record in &records {
            list.apply(record);
        }
        for (workspace, producer) in workspaces.into_iter().zip(["steady", "astray"]) {
            assert_whole(&listed(&list, &records, workspace), producer, 200);
        }
        let bounds = list.bounds();
        assert_eq!((bounds.forgotten_open_calls, bounds.late_events), (0, 0));
    }
}

/// The clock of one goes back by an hour in the middle. What it does then is in the time of what it did before: that is ambiguous, never wrong, and passes.
#[test]
fn a_clock_that_goes_back_bothers_only_its_own_session() {
    let steps_back = |millis: i64| if millis < 1_000 { millis } else { millis - 700 };
    for workspaces in [["w", "v"], ["w", "w"]] {
        let records = two_producers(workspaces, 400, steps_back);
        let mut list = RunList::new(limits());
        for record in &records {
            list.apply(record);
        }
        assert_whole(&listed(&list, &records, workspaces[0]), "steady", 400);
        let astray = listed(&list, &records, workspaces[1]);
        let astray = astray
            .iter()
            .filter(|(names, ..)| names.iter().any(|name| name.starts_with("astray")));
        let mut whole = BTreeSet::new();
        for (names, events, run) in astray {
            assert_eq!(names.len(), 1, "a wrong link");
            if *events == 4 {
                whole.insert(
                    names.first().unwrap()["astray".len()..]
                        .parse::<i64>()
                        .unwrap(),
                );
            } else if run.from.as_str() == "/node/agent/a" {
                assert!(run.ambiguity.is_some(), "{names:?} is shown as a root");
            }
        }
        // Before the step, and when the clock is where it was.
        let unbothered = |round: &i64| *round < 90 || (180..).contains(round);
        assert!(
            (0..400)
                .filter(unbothered)
                .all(|round| whole.contains(&round))
        );
        assert!(whole.len() < 400);
        assert_eq!(list.bounds().forgotten_open_calls, 0);
    }
}

/// A producer that never gets answers has more open calls than there is room for: those of others stay.
#[test]
fn a_session_with_too_many_open_calls_loses_its_own() {
    let mut arriving = Vec::new();
    for round in 0..300 {
        let unanswered = run("mute", &format!("mute{round}"), round * 10)
            .into_iter()
            .take(1);
        arriving.extend(unanswered.map(|event| ("w", event)));
        arriving.extend(
            run("steady", &format!("steady{round}"), round * 10)
                .into_iter()
                .map(|event| ("w", event)),
        );
    }
    // What it did then may have been done in calls that are forgotten.
    let members = json!({"subject": "tool/t", "studiosession": "mute"});
    arriving.push((
        "w",
        event("last/tool", "agent/a", "node.request", 9_000, &members),
    ));
    let records = records(&arriving);
    let mut list = RunList::new(limits());
    for record in &records {
        list.apply(record);
    }
    let found = listed(&list, &records, "w");
    assert_whole(&found, "steady", 300);
    assert!(list.bounds().forgotten_open_calls > 200);
    let strayed = found
        .iter()
        .find(|(names, ..)| names.contains("last"))
        .unwrap();
    let candidates = strayed.2.ambiguity.clone().unwrap();
    assert!(!candidates.is_complete && candidates.events.len() == MAX_CANDIDATES);
}

/// Answers that come after their calls were forgotten make the node believable again.
#[test]
fn forgetting_an_open_call_is_not_for_ever() {
    let mut arriving: Vec<(&str, Value)> = Vec::new();
    let many: Vec<Vec<Value>> = (0..100).map(|n| run("s", &format!("many{n}"), n)).collect();
    arriving.extend(many.iter().map(|run| ("w", run[0].clone())));
    let notes = |from: i64| {
        (0..100).map(move |n| {
            (
                "w",
                event(
                    &format!("note{from}-{n}"),
                    "z",
                    "note",
                    from + n,
                    &json!({"studiosession": "s"}),
                ),
            )
        })
    };
    arriving.extend(notes(200));
    let mut unsure = run("s", "unsure", 400);
    arriving.extend(unsure.drain(..2).map(|event| ("w", event)));
    for (n, run) in (0..).zip(&many) {
        let mut reply = run[3].clone();
        reply["time"] = at(500 + n).to_string().into();
        arriving.push(("w", reply));
    }
    arriving.push(("w", {
        let mut reply = unsure[1].clone();
        reply["time"] = at(700).to_string().into();
        reply
    }));
    arriving.extend(notes(800));
    arriving.extend(
        run("s", "sure", 1_000)
            .into_iter()
            .map(|event| ("w", event)),
    );
    let records = records(&arriving);
    let mut list = RunList::new(limits());
    for record in &records {
        list.apply(record);
    }
    assert!(list.bounds().forgotten_open_calls > 0);
    let mut calls: BTreeMap<String, u64> = BTreeMap::new();
    for (names, _, run) in listed(&list, &records, "w") {
        assert_eq!(names.len(), 1);
        calls.insert(names.into_iter().next().unwrap(), run.calls);
    }
    assert_eq!((calls["sure"], calls["unsure"]), (2, 1));
}
