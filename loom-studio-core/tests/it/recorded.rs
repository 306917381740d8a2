//! Real traffic of known truth: a `loom-agent` 0.3.3 program with a crew, a router, agents, tools that two agents share, calls by `asyncio.gather`, four runs at once, and a tool that raises, as
//! Loom's own interceptor reported it. What was being handled when each event was dispatched was noted inside the program.

use std::collections::{BTreeMap, HashMap};

use loom_studio_core::*;
use serde_json::{Value, json};

use crate::loom::{WORKSPACE, records, run_list};
use crate::oracle::open_at;

struct Recording {
    events: Vec<Value>,
    /// For each event's id that of the request that was being handled.
    causes: HashMap<String, Option<String>>,
}

fn recording() -> Recording {
    let text = include_str!("fixtures/loom-agent-0.3.3.json");
    let document: Value = serde_json::from_str(text).unwrap();
    Recording {
        events: document["events"].as_array().unwrap().clone(),
        causes: serde_json::from_value(document["causes"].clone()).unwrap(),
    }
}

impl Recording {
    /// As a client that reports causes would have sent it.
    fn with_causes(mut self) -> Self {
        for event in &mut self.events {
            if let Some(cause) = &self.causes[event["id"].as_str().unwrap()] {
                event["causationid"] = json!(cause);
            }
        }
        self
    }

    fn root_of<'a>(&'a self, id: &'a str) -> &'a str {
        match &self.causes[id] {
            Some(cause) => self.root_of(cause),
            None => id,
        }
    }
}

/// After the end of the recording.
fn now(records: &[Record]) -> Timestamp {
    let times = records
        .iter()
        .filter_map(Record::as_event)
        .map(|event| event.time());
    times
        .max()
        .unwrap()
        .saturating_add(std::time::Duration::from_mins(1))
}

fn id_of(records: &[Record], seq: Seq) -> String {
    records[seq.0 as usize - 1]
        .as_event()
        .unwrap()
        .id()
        .to_string()
}

/// Compares every link; returns how many of each trust there are, and how many are ambiguous.
fn check(recording: &Recording) -> (BTreeMap<&'static str, usize>, usize) {
    let records = records(&recording.events);
    let tree = call_tree(&records, now(&records));
    let (mut by_trust, mut ambiguous) = (BTreeMap::new(), 0);
    let mut right = |event: Seq, call: usize, trust: Trust| {
        let cause = recording.causes[&id_of(&records, event)].clone();
        assert_eq!(
            cause,
            Some(id_of(&records, tree.calls[call].request)),
            "{event}"
        );
        *by_trust.entry(trust.as_str()).or_insert(0) += 1;
    };
    let mut seen = 0;
    for (index, call) in tree.calls.iter().enumerate() {
        match &call.parent {
            Parent::Call {
                call: parent,
                trust,
                ..
            } => right(call.request, *parent, *trust),
            Parent::Root => assert_eq!(recording.causes[&id_of(&records, call.request)], None),
            Parent::Ambiguous(candidates) => {
                let seqs = &candidates.events;
                assert!(candidates.is_complete);
                let cause = recording.causes[&id_of(&records, call.request)]
                    .clone()
                    .unwrap();
                assert!(seqs.iter().any(|seq| id_of(&records, *seq) == cause));
                let event = records[call.request.0 as usize - 1].as_event().unwrap();
                assert_eq!(*seqs, open_at(&records, event), "unambiguous: {event:?}");
                assert!(seqs.len() > 1);
                ambiguous += 1;
            }
            Parent::Cycle => panic!("{call:?}"),
        }
        let end = call.end.as_ref().map(|end| (end.event, end.trust));
        for (event, trust) in end
            .into_iter()
            .chain(call.events.iter().map(|a| (a.event, a.trust)))
        {
            right(event, index, trust);
            seen += 1;
        }
        assert!(call.more_replies.is_empty());
    }
    assert_eq!(
        (tree.unplaced.len(), seen + tree.calls.len()),
        (0, records.len())
    );
    (by_trust, ambiguous)
}

#[test]
fn every_link_is_right_or_called_ambiguous() {
    let (by_trust, ambiguous) = check(&recording());
    let requests_with_a_caller = 70 - 10;
    assert_eq!(by_trust["request_id"], 70);
    // Thoughts carry on the context of the request that is being handled.
    assert_eq!(by_trust["traceparent"], 26);
    assert_eq!(by_trust["structure"] + ambiguous, requests_with_a_caller);
    // Four runs at once share their nodes; what they ask at the same time can't be told apart.
    assert_eq!(ambiguous, 27);
}

#[test]
fn with_causes_every_link_is_exact() {
    let (by_trust, ambiguous) = check(&recording().with_causes());
    assert_eq!(by_trust, BTreeMap::from([("causation", 156)]));
    assert_eq!(ambiguous, 0);
}

#[test]
fn the_list_has_the_runs_of_the_program() {
    let recording = recording().with_causes();
    let records = records(&recording.events);
    let list = run_list(&records, RunLimits::default());
    let runs = list.runs(WORKSPACE, now(&records));
    assert_eq!(runs.len(), 10);
    for run in &runs {
        let root = id_of(&records, run.id.0);
        for seq in list.members(WORKSPACE, run.id.0) {
            assert_eq!(recording.root_of(&id_of(&records, seq)), root);
            assert_eq!(list.find(WORKSPACE, seq), Some(run.id));
        }
        assert_eq!(
            (&*run.session, run.from.as_str(), run.open_calls, run.roots),
            ("s", "/user/sdk", 0, 1)
        );
        assert_eq!(run.tokens, None, "the program reports none");
    }
    let failed: Vec<u64> = runs
        .iter()
        .filter(|run| run.status == RunStatus::Failed)
        .map(|run| run.errors)
        .collect();
    assert_eq!(failed, [1, 4], "two runs meet the closed archive");
    assert!(
        runs[2..]
            .iter()
            .all(|run| run.status == RunStatus::Ok && run.errors == 0)
    );
}

/// Without causes the four runs at once fall apart; each part says what it may belong to, and each call what may belong to it.
#[test]
fn parts_of_runs_that_cannot_be_told_apart_are_marked() {
    let recording = recording();
    let records = records(&recording.events);
    let list = run_list(&records, RunLimits::default());
    let now = now(&records);
    let runs = list.runs(WORKSPACE, now);
    let roots: Vec<&Run> = runs.iter().filter(|run| run.ambiguity.is_none()).collect();
    assert_eq!((runs.len(), roots.len()), (37, 10));
    for run in &roots {
        assert_eq!(recording.causes[&id_of(&records, run.id.0)], None);
    }
    let seq_of = |id: &str| {
        let at = records
            .iter()
            .position(|r| &**r.as_event().unwrap().id() == id);
        Seq(at.unwrap() as u64 + 1)
    };
    let mut possible_parts = 0;
    for run in runs.iter().filter(|run| run.ambiguity.is_some()) {
        let candidates = run.ambiguity.clone().unwrap();
        let cause = recording.causes[&id_of(&records, run.id.0)]
            .clone()
            .unwrap();
        let caller = seq_of(&cause);
        assert!(candidates.is_complete && candidates.events.contains(&caller));
        // The run of the true caller shows it as possible, under that call among others.
        let of_caller = list.find(WORKSPACE, caller).unwrap();
        let members = list.members(WORKSPACE, of_caller.0);
        let own: Vec<Record> = members
            .iter()
            .map(|seq| records[seq.0 as usize - 1].clone())
            .collect();
        let ambiguities = list.ambiguities(WORKSPACE, of_caller.0);
        let tree = call_tree_with(&own, &ambiguities, now);
        if of_caller == run.id {
            continue;
        }
        let possible = ambiguities
            .possible
            .iter()
            .find(|p| p.event == run.id.0)
            .unwrap();
        assert_eq!(
            (possible.run, &possible.to),
            (Some(run.id), &Some(run.to.clone()))
        );
        let calls = possible.calls_of(&tree);
        assert!(calls.iter().any(|call| tree.calls[*call].request == caller));
        assert!(!tree.calls.iter().any(|call| call.request == run.id.0));
        possible_parts += 1;
    }
    assert_eq!(possible_parts, 27);
}

/// The nine runs before and after are not part of it: the tree of one run, and what it says of the tool that raised.
#[test]
fn the_run_that_met_the_closed_archive_is_explained() {
    for recording in [recording(), recording().with_causes()] {
        let records = records(&recording.events);
        let list = run_list(&records, RunLimits::default());
        let now = now(&records);
        let run = list.runs(WORKSPACE, now).into_iter().nth(1).unwrap();
        let members = list.members(WORKSPACE, run.id.0);
        let own: Vec<Record> = members
            .iter()
            .map(|seq| records[seq.0 as usize - 1].clone())
            .collect();
        let tree = call_tree(&own, now);
        let name = |call: usize| tree.calls[call].to.name().to_owned();
        let failure = tree.failure.as_ref().unwrap();
        assert_eq!(
            (name(failure.call).as_str(), failure.is_fatal),
            ("archive", true)
        );
        let said: Vec<String> = failure.chain.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "archive reported an error: Tool execution failed: the archive is closed",
                "digger never heard the error: Loom does not deliver node.error; it waited 30 s",
                "digger answered after 30.6 s, when its caller had given up",
                "desk reported an error",
                "fan never heard the error: Loom does not deliver node.error; it waited 30 s",
                "fan answered with an error: somebody did not answer",
                "office answered with an error: Agent fan failed: ",
            ]
        );
        // The time went by while the digger waited for what it never heard.
        let in_vain = tree
            .critical_path
            .iter()
            .find(|step| step.pursuit == Pursuit::WaitInVain);
        let in_vain = in_vain.unwrap();
        assert_eq!(name(in_vain.call), "archive");
        assert_eq!(in_vain.until.nanos_since(in_vain.from) / 1_000_000_000, 29);
        let path: Vec<String> = tree
            .critical_path
            .iter()
            .map(|step| name(step.call))
            .collect();
        assert_eq!(path[..3], ["office", "fan", "desk"]);
    }
}
