//! States of a prepared range: put together from what each node and tree was told, they are what a fold gives.

use std::sync::Arc;

use loom_studio_core::*;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::memory_fold::Program;
use crate::memory_laws::{NODES, SESSIONS, any_step, records};

/// Everything that can be asked of a position.
fn answers(memories: &Memories) -> String {
    let mut answers = vec![format!("{} {}", memories.left_out(), memories.through().0)];
    let Some(memory) = memories.of_workspace("w") else {
        return answers.remove(0);
    };
    answers.push(format!("{} {:?}", memory.left_out(), memory.owners()));
    let sessions = || SESSIONS.into_iter().map(Some).chain([None, Some("none")]);
    let nodes: Vec<NodeId> = NODES.into_iter().map(NodeId::new).collect();
    let mut documents: Vec<StateOf<'_>> = sessions().map(StateOf::Session).collect();
    for node in &nodes {
        for session in sessions() {
            answers.push(format!("{:?}", memory.memory(node, session)));
            for entry in ["m0", "m3", "m8"] {
                answers.push(format!("{:?}", memory.blame(node, session, entry)));
            }
            documents.push(StateOf::Node(node, session));
        }
    }
    for document in documents {
        answers.push(format!("{:?}", memory.state_session(document)));
        answers.push(format!("{:?}", memory.state(document, "")));
        answers.push(format!("{:?}", memory.state_blame(document, "")));
        answers.push(format!("{:?}", memory.state_faults(document)));
    }
    answers.join("\n")
}

fn changes(earlier: &Memories, later: &Memories) -> String {
    let [Some(earlier), Some(later)] = [earlier, later].map(|memories| memories.of_workspace("w"))
    else {
        return String::new();
    };
    let nodes: Vec<NodeId> = NODES.into_iter().map(NodeId::new).collect();
    let of_nodes = nodes.iter().map(|node| earlier.diff(later, node, None));
    let of_nodes: Vec<_> = of_nodes.collect();
    let of_tree = earlier.state_diff(later, StateOf::Session(None));
    format!("{of_nodes:?} {of_tree:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// At every position it answers as the fold does, through versions kept and thinned out; so does what goes on from there.
    #[test]
    fn a_tracked_state_is_the_folded_one(steps in vec(any_step(), 1..60), begin in 0..400_usize, thinnings in 0..3_usize) {
        let records = records(&[&*steps; 8].concat());
        let mut expected = vec![Memories::default()];
        for record in &records {
            let mut next = expected.last().unwrap().clone();
            next.apply(record);
            expected.push(next);
        }
        let begin = begin.min(records.len());
        let mut state = expected[begin].clone();
        let mut track = MemoryTrack::begin(&mut state).unwrap();
        for (number, record) in records.iter().enumerate().skip(begin) {
            track.apply(&mut state, record);
            if number == records.len() / 2 {
                for _ in 0..thinnings {
                    track.thin();
                }
            }
        }
        track.close();
        assert_eq!(state.save(), expected[records.len()].save());
        let last = track.at(Seq(records.len() as u64));
        for at in (begin..=records.len()).step_by(13).chain([records.len()]) {
            let mut found = track.at(Seq(at as u64));
            assert_eq!(answers(&found), answers(&expected[at]), "at {at}");
            assert_eq!(changes(&found, &last), changes(&expected[at], &expected[records.len()]), "from {at}");
            assert_eq!(found.save(), expected[at].save());
            if let Some(record) = records.get(at) {
                found.apply(record);
                assert_eq!(found.save(), expected[at + 1].save());
            }
            // A track can begin where another one has a state.
            let mut again = track.at(Seq(at as u64));
            let other = MemoryTrack::begin(&mut again).unwrap();
            assert_eq!(answers(&other.at(Seq(at as u64))), answers(&expected[at]));
        }
    }
}

/// Many entries in several nodes, with long contents, and a state tree.
fn program() -> Program {
    let mut program = Program::default();
    for n in 0..600 {
        let (node, id) = (NODES[n % 2], n % 150);
        let content = "word ".repeat(40);
        let data = serde_json::json!({"entry_id": format!("m{id}"), "tier": "session", "content": content});
        program.from(node).event("memory.add", data);
        let value = serde_json::json!([{"op": "add", "path": format!("/p{}", n % 50), "value": n}]);
        program.patch(value);
    }
    program
}

#[tokio::test]
async fn prepared_memories_stay_within_their_bytes_and_right() {
    let program = program();
    let records = program.records();
    let mut expected = vec![Memories::default().save()];
    let mut state = Memories::default();
    for record in &records {
        state.apply(record);
        expected.push(state.save());
    }
    let prepared = async |max_prepared_bytes| {
        let store: Arc<dyn EventStore> = Arc::new(program.store());
        let options = HistoryOptions {
            step: 8,
            max_prepared_bytes,
            ..HistoryOptions::default()
        };
        let checkpoints = Arc::new(MemoryCheckpoints::default());
        let (scope, empty) = (EventFilter::default(), Memories::default());
        let history = History::open(store, scope, checkpoints, options, empty);
        let history = history.await.unwrap();
        let last = records.len() as u64;
        history
            .prepare(Seq(2), Seq(last), &mut |_, _| {})
            .await
            .unwrap();
        for at in (0..=last).step_by(41).chain([last]) {
            let found = history.at(Seq(at)).await.unwrap();
            assert!(found.save() == expected[at as usize], "at {at}");
        }
        history.prepared()
    };
    let (all_parts, all_bytes) = prepared(u64::MAX).await;
    assert!(all_parts > 0 && all_bytes > 0);
    // With fewer versions, and with a track that ends on the way.
    for share in [2, 4, 16, 64] {
        let (parts, bytes) = prepared(all_bytes / share).await;
        assert!(
            parts < all_parts.max(300) && bytes <= all_bytes / share,
            "{parts} of {all_parts} parts, {bytes} of {all_bytes} bytes"
        );
    }
}

#[tokio::test]
async fn contents_are_not_kept() {
    let program = program();
    let mut state = Memories::default();
    let mut track = MemoryTrack::begin(&mut state).unwrap();
    let mut stored = 0;
    for record in &program.records() {
        track.apply(&mut state, record);
        stored += record
            .as_event()
            .map_or(0, |event| event.raw().len() as u64);
    }
    let before = track.bytes();
    while track.thin() {}
    assert_eq!(track.states(), 0);
    assert!(track.bytes() < before && track.bytes() < stored);
}
