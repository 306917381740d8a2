//! Laws of memory and state: the same records give the same state however they are cut, put aside or shared, and a diff is complete and names its causes.

use std::collections::BTreeMap;
use std::sync::Arc;

use loom_studio_core::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::memory_fold::{Program, value_of};
use crate::memory_patch::any_operation;

const TIERS: [&str; 4] = ["session", "working", "L4", "mine"];
pub(crate) const NODES: [&str; 2] = ["/node/agent/a", "/node/agent/b"];
pub(crate) const SESSIONS: [&str; 2] = ["first", "second"];

/// One event: who, where, what, and its data.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    node: &'static str,
    session: &'static str,
    kind: &'static str,
    data: Value,
}

fn any_id() -> impl Strategy<Value = String> {
    (0..9_u8).prop_map(|number| format!("m{number}"))
}

fn any_memory_data() -> impl Strategy<Value = Value> {
    (
        any_id(),
        of(select(TIERS.to_vec())),
        vec(any_id(), 0..4),
        of(vec(any_id(), 0..7)),
        of(vec(any_id(), 0..5)),
    )
        .prop_map(|(id, tier, several, entries, others)| {
            let mut data =
                json!({"entry_id": id, "tier": tier, "sources": several, "role": "user"});
            if let Some(entries) = entries {
                data["entries"] = json!(entries);
            }
            if let Some(others) = others {
                data["tiers"] = json!({"L4": others});
            }
            data
        })
}

fn any_document() -> impl Strategy<Value = Value> {
    select(vec![
        json!({}),
        json!({"goals": ["x"], "variables": {"n": 1}}),
        json!({"goals": ["x", "y"], "variables": {"n": 1}}),
        json!({"goals": ["y"], "variables": {"n": 2, "m": [1, 2, 3]}}),
        json!({"goals": null, "variables": {"m": [1, 3]}}),
        Value::Null,
    ])
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let memory = (
        select(vec![
            "memory.add",
            "memory.add",
            "memory.consolidate",
            "memory.promote",
            "memory.evict",
            "memory.clear",
        ]),
        any_memory_data(),
    );
    let document = (select(vec!["pso", "merge"]), any_document())
        .prop_map(|(name, document)| ("pso.update", json!({name: document})));
    let patches = vec(any_operation(), 1..4);
    let what = prop_oneof![
        4 => memory,
        1 => document,
        1 => patches.clone().prop_map(|patches| ("pso.update", json!({"patches": patches}))),
        3 => patches.prop_map(|patches| ("state.patch", json!({"patches": patches}))),
        1 => Just(("node.request", json!({}))),
    ];
    (select(NODES.to_vec()), select(SESSIONS.to_vec()), what).prop_map(
        |(node, session, (kind, data))| Step {
            node,
            session,
            kind,
            data,
        },
    )
}

pub(crate) fn records(steps: &[Step]) -> Vec<Record> {
    let mut program = Program::default();
    for step in steps {
        program
            .from(step.node)
            .session(step.session)
            .event(step.kind, step.data.clone());
    }
    program.records()
}

fn folded(records: &[Record]) -> RecordedMemory {
    continued(RecordedMemory::default(), records)
}

fn continued(mut memory: RecordedMemory, records: &[Record]) -> RecordedMemory {
    for record in records {
        memory.apply(record);
    }
    memory
}

/// Everything, the hidden parts included.
fn all(memory: &RecordedMemory) -> String {
    format!("{memory:?}")
}

/// A tier's entries as the plainest implementation keeps them.
#[derive(Default)]
struct Naive(BTreeMap<&'static str, Vec<String>>);

impl Naive {
    fn tier_of(&self, id: &str) -> Option<&'static str> {
        self.0
            .iter()
            .find(|(_, ids)| ids.iter().any(|known| known == id))
            .map(|(tier, _)| *tier)
    }

    fn remove(&mut self, id: &str) -> bool {
        let count = |naive: &Self| naive.0.values().map(Vec::len).sum::<usize>();
        let before = count(self);
        self.0
            .values_mut()
            .for_each(|ids| ids.retain(|known| known != id));
        count(self) < before
    }

    fn put(&mut self, id: &str, tier: &'static str) {
        if self.tier_of(id) != Some(tier) {
            self.remove(id);
            self.0.entry(tier).or_default().push(id.to_owned());
        }
    }

    fn apply(&mut self, kind: &str, data: &Value) {
        let texts = |value: &Value| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .map(|text| text.as_str().unwrap().to_owned())
                .collect()
        };
        let id = data["entry_id"].as_str().unwrap();
        let reported = data["tier"]
            .as_str()
            .and_then(|tier| TIERS.into_iter().find(|known| *known == tier));
        let tier = reported.unwrap_or("session");
        match kind {
            "memory.add" | "memory.promote" => self.put(id, tier),
            "memory.consolidate" => {
                for source in texts(&data["sources"]) {
                    self.remove(&source);
                }
                self.put(id, tier);
            }
            "memory.evict" => {
                self.remove(id);
            }
            _ => match reported {
                Some(tier) => {
                    self.0.remove(tier);
                }
                None => self.0.clear(),
            },
        }
        let of_others = &data["tiers"]["L4"];
        // The last list of a tier counts.
        let of_event = if tier == "L4" && of_others.is_array() {
            &Value::Null
        } else {
            &data["entries"]
        };
        let lists = [(tier, of_event), ("L4", of_others)];
        for (tier, list) in lists.into_iter().filter(|(_, list)| list.is_array()) {
            let mut ids = Vec::new();
            for id in texts(list) {
                if !ids.contains(&id) {
                    self.remove(&id);
                    ids.push(id);
                }
            }
            self.0.insert(tier, ids);
        }
    }
}

/// Applies the changes of a document one after the other.
fn apply_changes(document: &mut Value, changes: &[StateChange]) {
    for change in changes {
        let parse = |json: &bytes::Bytes| serde_json::from_slice::<Value>(json).unwrap();
        let (before, after) = (
            change.before.as_ref().map(parse),
            change.after.as_ref().map(parse),
        );
        if change.pointer.is_empty() {
            assert_eq!(*document, before.unwrap_or_default());
            *document = after.unwrap_or_default();
            continue;
        }
        let (above, last) = change.pointer.rsplit_once('/').unwrap();
        let last = last.replace("~1", "/").replace("~0", "~");
        match document.pointer_mut(above).unwrap() {
            Value::Object(members) => {
                assert_eq!(members.get(&last), before.as_ref());
                match after {
                    Some(after) => members.insert(last, after),
                    None => members.remove(&last),
                };
            }
            Value::Array(items) => {
                let at: usize = last.parse().unwrap();
                match (before, after) {
                    (Some(before), Some(after)) => {
                        assert_eq!(std::mem::replace(&mut items[at], after), before);
                    }
                    (Some(before), None) => assert_eq!(items.remove(at), before),
                    (None, after) => items.insert(at, after.unwrap()),
                }
            }
            other => panic!("{other} at {above}"),
        }
    }
}

fn check_state_diff(
    before: &RecordedMemory,
    after: &RecordedMemory,
    of: StateOf<'_>,
    records: &[Record],
) {
    let mut document = value_of(before.state(of, ""));
    let changes = before.state_diff(after, of);
    apply_changes(&mut document, &changes);
    assert_eq!(document, value_of(after.state(of, "")), "{changes:#?}");
    for change in changes {
        check_cause(&change.cause, before, after, records);
        assert_ne!(change.before, change.after);
    }
}

fn check_cause(
    cause: &Origin,
    before: &RecordedMemory,
    after: &RecordedMemory,
    records: &[Record],
) {
    assert!(
        before.through() < cause.seq && cause.seq <= after.through(),
        "{cause:?}"
    );
    let event = records[cause.seq.0 as usize - 1].as_event().unwrap();
    assert_eq!(event.from(), &cause.by);
}

fn check_memory_diff(
    before: &RecordedMemory,
    after: &RecordedMemory,
    node: &NodeId,
    session: &str,
    records: &[Record],
) {
    let entries = |memory: &RecordedMemory| -> BTreeMap<Arc<str>, MemoryEntry> {
        let snapshot = memory.memory(node, Some(session));
        let entries = snapshot.into_iter().flat_map(|snapshot| snapshot.entries);
        entries
            .map(|entry| (Arc::clone(&entry.id), entry))
            .collect()
    };
    let mut held = entries(before);
    for change in before.diff(after, node, Some(session)) {
        check_cause(&change.cause, before, after, records);
        assert!(change.is_exact);
        match change.kind {
            MemoryChangeKind::Added(entry) => {
                assert_eq!(change.cause.seq, entry.written.seq);
                held.insert(Arc::clone(&entry.id), entry);
            }
            MemoryChangeKind::Moved { entry, from } => {
                assert_eq!(held[&entry.id].tier, from);
                held.insert(Arc::clone(&entry.id), entry);
            }
            MemoryChangeKind::Evicted { entry, .. } => {
                let seq = change.cause.seq.0 as usize;
                let is_there = |count| entries(&folded(&records[..count])).contains_key(&entry.id);
                // One event may put an entry in and take it out again.
                let event = records[seq - 1].as_event().unwrap();
                let own = format!("\"entry_id\":\"{}\"", entry.id);
                let may_have_come = event.data().unwrap().contains(&own);
                assert!(
                    !is_there(seq) && (is_there(seq - 1) || may_have_come),
                    "{entry:?} {seq}"
                );
                assert_eq!(held.remove(&entry.id), Some(entry));
            }
        }
    }
    assert_eq!(held, entries(after));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_checkpoint_at_any_position_changes_nothing(steps in vec(any_step(), 1..60), cut in any::<prop::sample::Index>()) {
        let records = records(&steps);
        let cut = cut.index(records.len() + 1);
        let straight = folded(&records);
        let half = folded(&records[..cut]);
        let restored = RecordedMemory::restore(&half.save()).unwrap();
        prop_assert_eq!(all(&restored), all(&half));
        prop_assert_eq!(restored.save(), half.save());
        // What a clone goes through leaves its original alone.
        let kept = all(&half);
        let resumed = continued(half.clone(), &records[cut..]);
        prop_assert_eq!(all(&half), kept);
        prop_assert_eq!(all(&resumed), all(&straight));
        prop_assert_eq!(all(&continued(restored, &records[cut..])), all(&straight));
    }

    #[test]
    fn tiers_hold_what_a_naive_implementation_holds(steps in vec((select(vec!["memory.add", "memory.consolidate", "memory.promote", "memory.evict", "memory.clear"]), any_memory_data()), 1..80)) {
        let mut program = Program::default();
        let mut naive = Naive::default();
        for (kind, data) in &steps {
            program.event(kind, data.clone());
            naive.apply(kind, data);
        }
        let snapshot = program.folded().memory(&NodeId::new("agent/a"), None).unwrap();
        let mut held: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for entry in &snapshot.entries {
            held.entry(&*entry.reported_tier).or_default().push(entry.id.to_string());
        }
        naive.0.retain(|_, ids| !ids.is_empty());
        prop_assert_eq!(held, naive.0);
    }

    #[test]
    fn a_diff_is_complete_and_names_its_causes(steps in vec(any_step(), 1..60), first in any::<prop::sample::Index>(), second in any::<prop::sample::Index>()) {
        let records = records(&steps);
        let (first, second) = (first.index(records.len() + 1), second.index(records.len() + 1));
        let (first, second) = (first.min(second), first.max(second));
        let before = folded(&records[..first]);
        let shared = continued(before.clone(), &records[first..second]);
        // Whether the two share their parts or not.
        for after in [shared, folded(&records[..second])] {
            for session in SESSIONS {
                check_state_diff(&before, &after, StateOf::Session(Some(session)), &records);
                for node in NODES.map(NodeId::new) {
                    check_state_diff(&before, &after, StateOf::Node(&node, Some(session)), &records);
                    check_memory_diff(&before, &after, &node, session, &records);
                }
            }
        }
    }

    #[test]
    fn changes_of_an_array_can_be_applied_in_their_order(before in vec(0..4_u8, 0..8), after in vec(0..4_u8, 0..8), whole in any::<bool>()) {
        let mut program = Program::default();
        for items in [&before, &after] {
            if whole {
                program.event("pso.update", json!({"pso": {"items": items}}));
            } else {
                program.event("pso.update", json!({"patches": [{"op": "add", "path": "/items", "value": items}]}));
            }
        }
        let records = program.records();
        let node = NodeId::new("agent/a");
        let first = folded(&records[..1]);
        check_state_diff(&first, &folded(&records), StateOf::Node(&node, None), &records);
        let of = StateOf::Node(&node, None);
        let same = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
        for (index, _) in after.iter().enumerate() {
            let written = folded(&records).state(of, &format!("/items/{index}")).unwrap().written.seq.0;
            prop_assert!(!whole || index >= same || written == 1);
        }
    }

    #[test]
    fn bytes_that_are_no_checkpoint_are_none(steps in vec(any_step(), 1..20), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let saved = folded(&records(&steps)).save();
        let at = at.index(saved.len());
        prop_assert!(RecordedMemory::restore(&saved[..at]).is_none());
        let mut longer = saved.clone();
        longer.push(0);
        prop_assert!(RecordedMemory::restore(&longer).is_none());
        let mut broken = saved;
        broken[at] = byte;
        // Any answer but a panic.
        let _ = RecordedMemory::restore(&broken);
    }
}
