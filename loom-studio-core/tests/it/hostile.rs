//! Logs nobody should send: they cost what their length costs, and get a defined answer.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures::FutureExt as _;
use loom_studio_core::*;

use crate::loom::{BASE_MICROS, WORKSPACE};

/// An event at so many milliseconds; `members` is JSON, beginning with a comma.
fn event(id: &str, from: &str, kind: &str, millis: i64, members: &str) -> String {
    let time = Timestamp::from_micros(BASE_MICROS + millis * 1_000);
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"{from}","type":"{kind}","time":"{time}"{members}}}"#
    )
}

fn request(id: &str, from: &str, to: &str, millis: i64, more: &str) -> String {
    let members = format!(r#","subject":"{to}"{more}"#);
    event(id, from, "node.request", millis, &members)
}

fn reply(id: &str, of: &str, from: &str, millis: i64) -> String {
    let members = format!(r#","data":{{"request_id":"{of}","result":1}}"#);
    event(id, from, "node.response", millis, &members)
}

fn caused(by: &str) -> String {
    format!(r#","causationid":"{by}""#)
}

fn now() -> Timestamp {
    Timestamp::from_micros(BASE_MICROS + 3_600_000_000)
}

fn stored(texts: impl Iterator<Item = String>) -> (MemoryStore, u64) {
    let clock = ManualClock::new(Timestamp::from_micros(4_000_000_000_000_000));
    let store = MemoryStore::new(MemoryStoreOptions::default(), Arc::new(clock), &RandomIds);
    let items: Vec<Incoming> = texts.map(|text| Incoming::Event(text.into())).collect();
    let count = items.len() as u64;
    let batch = AppendBatch {
        workspace: WORKSPACE.into(),
        session: "s".into(),
        items,
    };
    let appended = store.append(batch).now_or_never().unwrap().unwrap();
    assert_eq!((appended.added(), appended.rejected), (count, vec![]));
    (store, count)
}

fn visited(store: &MemoryStore, seqs: &[Seq], visit: &mut dyn FnMut(&Record)) {
    let keep = |record: &Record| {
        visit(record);
        ControlFlow::Continue(())
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(visit_records(store, seqs, keep)).unwrap();
}

/// All folds of such a log, and the tree as if it were one run.
struct Folded {
    tree: RunTree,
    measured: Measured,
    graph: Topology,
    runs: Vec<Run>,
}

fn folded(texts: impl Iterator<Item = String>) -> Folded {
    let (store, count) = stored(texts);
    let seqs: Vec<Seq> = (1..=count).map(Seq).collect();
    let (mut facts, mut measured) = (RunFacts::default(), Measured::default());
    visited(&store, &seqs, &mut |record| {
        facts.add(record);
        measured.apply(record);
    });
    let tree = facts.tree(now());
    let shown: usize = tree
        .calls
        .iter()
        .map(|call| {
            1 + usize::from(call.end.is_some()) + call.more_replies.len() + call.events.len()
        })
        .sum();
    assert_eq!(
        (shown + tree.unplaced.len()) as u64,
        count,
        "each event once"
    );
    for call in &tree.calls {
        assert!(call.duration_nanos >= 0 && call.self_nanos >= 0 && call.critical_nanos >= 0);
    }
    for step in &tree.critical_path {
        assert!(step.from < step.until);
    }
    Folded {
        tree,
        graph: measured.topologies.topology(WORKSPACE, now()),
        runs: measured.runs.runs(WORKSPACE, now()),
        measured,
    }
}

#[test]
fn causes_that_go_in_circles_are_cut_once_each() {
    const RING: usize = 10_000;
    const ALONE: usize = 5_000;
    let ring = (0..RING).map(|n| {
        let cause = caused(&format!("r{}", (n + 1) % RING));
        request(
            &format!("r{n}"),
            "a",
            "a",
            (n % 1_000).cast_signed() as i64,
            &cause,
        )
    });
    let alone = (0..ALONE).map(|n| {
        let id = format!("s{n}");
        request(&id, "b", "c", 5, &caused(&id))
    });
    let pairs = (0..ALONE).map(|n| {
        let (id, other) = (format!("p{n}"), format!("p{}", n ^ 1));
        request(&id, "d", "e", 6, &caused(&other))
    });
    let Folded { tree, .. } = folded(ring.chain(alone).chain(pairs));
    let cycles = tree
        .calls
        .iter()
        .filter(|call| call.parent == Parent::Cycle);
    assert_eq!(
        cycles.count(),
        1 + ALONE / 2,
        "an event is no cause of itself"
    );
    assert_eq!(tree.roots.len(), 1 + ALONE + ALONE / 2);
}

#[test]
fn nested_calls_as_deep_as_the_run_cost_no_stack() {
    const DEEP: i64 = 100_000;
    let asked = (0..DEEP).map(|n| {
        let cause = if n == 0 {
            String::new()
        } else {
            caused(&format!("q{}", n - 1))
        };
        request(
            &format!("q{n}"),
            &format!("n{}", n % 50),
            &format!("n{}", (n + 1) % 50),
            n,
            &cause,
        )
    });
    let failed = (0..DEEP).rev().map(|n| {
        let members = format!(r#","data":{{"request_id":"q{n}","error":"boom"}}"#);
        event(
            &format!("e{n}"),
            &format!("n{}", (n + 1) % 50),
            "node.error",
            2 * DEEP - n,
            &members,
        )
    });
    let Folded { tree, runs, .. } = folded(asked.chain(failed));
    assert_eq!((tree.roots.len(), tree.calls.len()), (1, DEEP as usize));
    assert!(!tree.critical_path.is_empty());
    let failure = tree.failure.unwrap();
    assert!(
        failure.is_fatal && failure.chain.len() <= 1_000,
        "{}",
        failure.chain.len()
    );
    let told = failure.chain.len() + failure.left_out;
    assert!(told >= DEEP as usize, "{told}");
    let root = tree.calls[tree.roots[0]].end.as_ref().unwrap().event;
    let last = failure.chain.iter().rev().take(2);
    let mut ends = last.map(|step| match step {
        Explanation::ReportedError { event, .. } | Explanation::NeverHeard { event, .. } => *event,
        other => panic!("{other:?}"),
    });
    assert!(ends.any(|event| event == root));
    assert_eq!(runs.len(), 1);
}

#[test]
fn a_clock_that_goes_back_makes_no_negative_times() {
    let events = (0..20_000_i64).flat_map(|n| {
        let cause = if n == 0 {
            String::new()
        } else {
            caused(&format!("q{}", n - 1))
        };
        let (id, to) = (format!("q{n}"), format!("n{}", n % 7 + 1));
        [
            request(&id, &format!("n{}", n % 7), &to, -n, &cause),
            reply(&format!("a{n}"), &id, &to, -n - 5_000),
        ]
    });
    let Folded { tree, measured, .. } = folded(events);
    assert_eq!((tree.roots.len(), tree.calls.len()), (1, 20_000));
    let figures = measured.view(WORKSPACE, None, now());
    assert_eq!(figures.calls.answered(), 20_000);
}

#[test]
fn who_calls_itself_is_its_own_neighbour() {
    let events = (0..20_000).flat_map(|n| {
        let id = format!("q{n}");
        [
            request(&id, "a", "a", n, ""),
            reply(&format!("a{n}"), &id, "a", n),
        ]
    });
    let Folded { tree, graph, .. } = folded(events);
    assert_eq!((graph.nodes.len(), graph.edges.len()), (1, 1));
    assert_eq!((graph.edges[0].count, tree.calls.len()), (20_000, 20_000));
}

#[test]
fn replies_nobody_asked_for_belong_to_no_call() {
    let events = (0..40_000).map(|n| reply(&format!("a{n}"), &format!("q{n}"), "a", n));
    let Folded {
        tree,
        measured,
        runs,
        ..
    } = folded(events);
    assert_eq!((tree.calls.len(), tree.unplaced.len()), (0, 40_000));
    let limits = RunLimits::default();
    assert!(runs.len() <= limits.runs, "{}", runs.len());
    let bounds = measured.runs.bounds();
    assert_eq!(
        bounds.forgotten_references,
        40_000 - limits.references as u64
    );
}

#[test]
fn an_id_that_everybody_uses_decides_nothing() {
    const SAME: usize = 10_000;
    let asked = (0..SAME).map(|n| request("x", &format!("/user/{n}"), "a", 1, ""));
    let answered = (0..SAME).map(|n| reply(&format!("a{n}"), "x", "a", 2));
    let effects = (0..SAME).map(|n| event(&format!("t{n}"), "a", "note", 1, &caused("x")));
    let Folded { tree, .. } = folded(asked.chain(answered).chain(effects));
    assert!(tree.calls.iter().all(|call| call.end.is_none()));
    let unclear = tree.unplaced.iter().all(|event| {
        event
            .candidates
            .as_ref()
            .is_some_and(|among| among.events.len() == 16 && !among.is_complete)
    });
    assert!(unclear && tree.unplaced.len() == 2 * SAME);
}

#[test]
fn more_nodes_than_are_kept_are_counted() {
    const NODES: usize = 120_000;
    let events = (0..NODES).map(|n| {
        request(
            &format!("q{n}"),
            &format!("n{n}"),
            &format!("n{}", n + 1),
            1,
            "",
        )
    });
    let Folded { graph, tree, .. } = folded(events);
    assert_eq!((graph.nodes.len(), graph.edges.len()), (100_000, 100_000));
    assert_eq!(graph.left_out as usize, NODES + 1 - 100_000);
    assert_eq!(tree.calls.len(), NODES);
}

#[test]
fn a_tree_holds_nothing_of_payloads() {
    const EVENTS: usize = 200;
    let mut text = String::new();
    write!(text, r#","data":{{"x":"{}"}}"#, "y".repeat(500_000)).unwrap();
    let events = (0..EVENTS).map(|n| event(&format!("t{n}"), "a", "note", 1, &text));
    let (store, count) = stored(events);
    let seqs: Vec<Seq> = (1..=count).map(Seq).collect();
    let mut facts = RunFacts::default();
    visited(&store, &seqs, &mut |record| facts.add(record));
    assert!(facts.bytes() < 100_000, "{} bytes", facts.bytes());
}

#[test]
fn names_as_long_as_events_are_not_kept() {
    const LONG: usize = 200_000;
    let name = |what: &str, n: usize| format!("{what}{}{n}", "z".repeat(LONG));
    let events = (0..40).flat_map(|n| {
        let (id, from, to) = (name("q", n), name("/f", n), name("/t", n));
        [
            request(&id, &from, &to, 1, &caused(&name("r", n))),
            reply(&name("a", n), &id, &to, 2),
            request(&format!("q{n}"), "a", "b", 1, ""),
        ]
    });
    let (store, count) = stored(events);
    let seqs: Vec<Seq> = (1..=count).map(Seq).collect();
    let (mut facts, mut measured) = (RunFacts::default(), Measured::default());
    let mut sessions = Sessions::default();
    visited(&store, &seqs, &mut |record| {
        facts.add(record);
        measured.apply(record);
        sessions.apply(record);
    });
    assert!(facts.bytes() < LONG, "{} bytes", facts.bytes());
    let tree = facts.tree(now());
    let answered = tree.calls.iter().filter(|call| call.end.is_some());
    assert_eq!(answered.count(), 40, "they still name each other");
    let saved = measured.topologies.save().len() + measured.runs.save().len();
    assert!(saved < LONG, "{saved} bytes");
    let graph = measured.topologies.topology(WORKSPACE, now());
    assert_eq!((graph.nodes.len(), graph.left_out), (2, 80));
}

#[test]
fn a_large_run_is_one_tree() {
    const CALLS: usize = 70_000;
    let root = std::iter::once(request("r", "/user/u", "a", 0, ""));
    let events = (0..CALLS).flat_map(|n| {
        let (id, to) = (format!("q{n}"), format!("t{}", n % 30));
        let at = n.cast_signed() as i64;
        [
            request(&id, "a", &to, at, ""),
            reply(&format!("a{n}"), &id, &to, at),
        ]
    });
    let Folded { tree, runs, .. } = folded(root.chain(events));
    assert_eq!((tree.roots.len(), tree.unplaced.len()), (1, 0));
    assert_eq!((runs.len(), runs[0].events), (1, 2 * CALLS as u64 + 1));
}
