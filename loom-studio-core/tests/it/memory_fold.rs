//! Memories: what each event does, what odd ones come to, and what is known of an entry afterwards.

#![expect(clippy::needless_pass_by_value, reason = "JSON is written in place")]

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use loom_studio_core::conformance::start;
use loom_studio_core::*;
use serde_json::{Value, json};

/// Events of one program, in the making.
#[derive(Default)]
pub(crate) struct Program {
    events: Vec<Bytes>,
    from: Option<String>,
    session: Option<String>,
}

pub(crate) fn value_of(value: Option<StateValue>) -> Value {
    value.map_or(Value::Null, |value| {
        serde_json::from_slice(&value.json).unwrap()
    })
}

impl Program {
    /// Who sends the next event; else it is `/node/agent/a`.
    pub(crate) fn from(&mut self, node: &str) -> &mut Self {
        self.from = Some(node.to_owned());
        self
    }

    /// The session of the next event; else it is `first`.
    pub(crate) fn session(&mut self, session: &str) -> &mut Self {
        self.session = Some(session.to_owned());
        self
    }

    pub(crate) fn raw(&mut self, kind: &str, data: &str) -> &mut Self {
        let number = self.events.len() + 1;
        let from = self
            .from
            .take()
            .unwrap_or_else(|| "/node/agent/a".to_owned());
        let session = self.session.take().unwrap_or_else(|| "first".to_owned());
        let event = format!(
            r#"{{"specversion":"1.0","id":"{number}","source":"{from}","type":"{kind}","studiosession":"{session}","data":{data}}}"#
        );
        self.events.push(event.into());
        self
    }

    pub(crate) fn event(&mut self, kind: &str, data: Value) -> &mut Self {
        self.raw(kind, &data.to_string())
    }

    pub(crate) fn patch(&mut self, patches: Value) -> &mut Self {
        self.event("state.patch", json!({ "patches": patches }))
    }

    pub(crate) fn store(&self) -> MemoryStore {
        let clock = ManualClock::new(start());
        let store = MemoryStore::new(MemoryStoreOptions::default(), Arc::new(clock), &RandomIds);
        let batch = AppendBatch {
            workspace: "w".into(),
            session: "connection".into(),
            items: self.events.iter().cloned().map(Incoming::Event).collect(),
        };
        let appended = store.append(batch).now_or_never().unwrap().unwrap();
        assert_eq!(
            (appended.added(), appended.rejected),
            (self.events.len() as u64, vec![])
        );
        store
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        let store = self.store();
        let mut all = store
            .subscribe(StartAt::Beginning, EventFilter::default())
            .now_or_never()
            .unwrap()
            .unwrap();
        let mut records = Vec::new();
        while records.len() < self.events.len() {
            let delivery = all
                .try_next(self.events.len())
                .now_or_never()
                .unwrap()
                .unwrap();
            records.extend(delivery.unwrap().records);
        }
        records
    }

    pub(crate) fn folded(&self) -> RecordedMemory {
        let mut memory = RecordedMemory::default();
        for record in self.records() {
            memory.apply(&record);
        }
        memory
    }

    fn snapshot(&self) -> MemorySnapshot {
        self.folded().memory(&node(), None).unwrap()
    }
}

fn node() -> NodeId {
    NodeId::new("agent/a")
}

fn add(id: &str, tier: &str) -> Value {
    json!({"entry_id": id, "tier": tier, "role": "user", "content": format!("content of {id}")})
}

/// The entries as `tier:id`, in order.
fn held(snapshot: &MemorySnapshot) -> Vec<String> {
    let name = |entry: &MemoryEntry| format!("{}:{}", entry.reported_tier, entry.id);
    snapshot.entries.iter().map(name).collect()
}

fn reasons(snapshot: &MemorySnapshot) -> Vec<(u64, &'static str)> {
    let faults = snapshot.faults.faults.iter();
    faults
        .map(|fault| (fault.origin.seq.0, fault.reason.as_str()))
        .collect()
}

#[test]
fn an_entry_is_what_was_reported_of_it() {
    let mut program = Program::default();
    program.event(
        "memory.add",
        json!({"entry_id": "m1", "tier": "L4", "role": "assistant", "content": "x", "importance": 0.5, "timestamp": 1_767_323_000.5}),
    );
    program.event(
        "memory.add",
        json!({"entry_id": 7, "metadata": {"tier": "ephemeral", "importance": "0.25"}}),
    );
    program.event(
        "memory.add",
        json!({"entry": {"id": "m3", "role": "user"}, "tier": "L2"}),
    );
    let snapshot = program.snapshot();
    assert_eq!(held(&snapshot), ["ephemeral:7", "L2:m3", "L4:m1"]);
    let [second, third, first] = &snapshot.entries[..] else {
        panic!()
    };
    assert_eq!(
        (first.tier.clone(), first.importance),
        (MemoryTier::LongTerm, Some(0.5))
    );
    assert_eq!(first.role.as_deref(), Some("assistant"));
    assert_eq!(first.time, Timestamp::from_micros(1_767_323_000_500_000));
    assert_eq!(
        (first.written.seq, first.written.by.clone()),
        (Seq(1), node())
    );
    assert_eq!(
        (second.tier.clone(), second.importance, second.role.clone()),
        (MemoryTier::Ephemeral, Some(0.25), None)
    );
    assert_eq!(
        (third.tier.clone(), third.role.as_deref()),
        (MemoryTier::Session, Some("user"))
    );
    assert_eq!(snapshot.project_state, None);
    assert_eq!(snapshot.faults, Faulty::default());
}

#[test]
fn the_owner_is_the_sender_unless_the_data_names_one() {
    let mut program = Program::default();
    program.event("memory.add", json!({"entry_id": "m", "node_id": "crew/x"}));
    let memory = program.folded();
    let owners = memory.owners();
    let [owner] = &owners[..] else {
        panic!("{owners:?}")
    };
    assert_eq!(
        (
            owner.node.as_str(),
            &*owner.session,
            owner.entries,
            owner.last
        ),
        ("/node/crew/x", "first", 1, Seq(1))
    );
    let snapshot = memory.memory(&owner.node, None).unwrap();
    assert_eq!(snapshot.entries[0].written.by, node());
    assert_eq!(memory.memory(&node(), None), None);
}

#[test]
fn entries_move_merge_and_go() {
    let mut program = Program::default();
    for id in ["1", "2", "3", "4", "5"] {
        program.event("memory.add", add(id, "session"));
    }
    program.event(
        "memory.promote",
        json!({"entry_id": "2", "tier": "working"}),
    );
    program.event(
        "memory.consolidate",
        json!({"entry_id": "s", "tier": "long-term", "sources": ["1", "3", "gone"]}),
    );
    program.event("memory.evict", json!({"entry_id": "4", "reason": "limit"}));
    let snapshot = program.snapshot();
    assert_eq!(held(&snapshot), ["session:5", "working:2", "long-term:s"]);
    assert_eq!(
        snapshot.entries[2].sources,
        ["1".into(), "3".into(), "gone".into()]
    );
    assert_eq!(snapshot.entries[1].written.seq, Seq(2));
    assert_eq!(snapshot.entries[1].changed.seq, Seq(6));
    let kinds: Vec<_> = snapshot
        .history
        .iter()
        .map(|step| (step.origin.seq.0, step.kind.clone()))
        .collect();
    assert_eq!(
        kinds,
        [
            (
                6,
                MemoryStepKind::Promoted {
                    id: "2".into(),
                    from: "session".into(),
                    to: "working".into()
                }
            ),
            (
                7,
                MemoryStepKind::Consolidated {
                    sources: vec!["1".into(), "3".into(), "gone".into()],
                    into: Some("s".into())
                }
            ),
            (
                8,
                MemoryStepKind::Evicted {
                    ids: vec!["4".into()],
                    reason: Some("limit".into())
                }
            ),
        ]
    );
    program.event("memory.clear", json!({"tier": "long_term"}));
    assert_eq!(held(&program.snapshot()), ["session:5", "working:2"]);
    program.event("memory.clear", json!({}));
    assert_eq!(held(&program.snapshot()), Vec::<String>::new());
}

#[test]
fn membership_follows_the_recorded_lists() {
    let mut program = Program::default();
    for id in ["1", "2", "3", "4"] {
        program.event("memory.add", add(id, "session"));
    }
    program.event("memory.add", add("w", "working"));
    // The store popped its first entry while it took in the fifth.
    program.event(
        "memory.add",
        json!({"entry_id": "5", "tier": "session", "entries": ["2", "3", "4", "5"]}),
    );
    assert_eq!(
        held(&program.snapshot()),
        [
            "session:2",
            "session:3",
            "session:4",
            "session:5",
            "working:w"
        ]
    );
    // A summary that stands in front, and an entry nobody had reported before.
    program.event(
        "memory.consolidate",
        json!({"entry_id": "s", "tier": "session", "sources": ["2", "3"], "entries": ["s", "4", {"id": "new", "role": "tool"}, "5"]}),
    );
    let snapshot = program.snapshot();
    assert_eq!(
        held(&snapshot),
        [
            "session:s",
            "session:4",
            "session:new",
            "session:5",
            "working:w"
        ]
    );
    assert_eq!(snapshot.entries[2].role.as_deref(), Some("tool"));
    // Several tiers at once; an entry that is now listed in another has moved.
    program.event("memory.promote", json!({"entry_id": "4", "tier": "working", "tiers": {"session": ["new"], "working": ["4", "w", "5"]}}));
    let snapshot = program.snapshot();
    assert_eq!(
        held(&snapshot),
        ["session:new", "working:4", "working:w", "working:5"]
    );
    let evicted: Vec<_> = snapshot
        .history
        .iter()
        .filter_map(|step| match &step.kind {
            MemoryStepKind::Evicted { ids, .. } => Some((
                step.origin.seq.0,
                ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
            )),
            _ => None,
        })
        .collect();
    assert_eq!(
        evicted,
        [(6, vec!["1".to_owned()]), (8, vec!["s".to_owned()])]
    );
    program.event("memory.evict", json!({"tier": "working", "entries": []}));
    assert_eq!(held(&program.snapshot()), ["session:new"]);
}

#[test]
fn odd_events_are_facts_and_stop_nothing() {
    let mut program = Program::default();
    program.event("memory.evict", json!({"entry_id": "unknown"}));
    program.event(
        "memory.promote",
        json!({"entry_id": "early", "tier": "L3", "role": "user"}),
    );
    program.event("memory.add", json!({"content": "no id"}));
    program.event("memory.consolidate", json!({}));
    program.event("memory.add", json!("no object"));
    program.event("memory.clear", json!({"tier": "nothing"}));
    // A cycle, and an entry made of itself.
    program.event(
        "memory.consolidate",
        json!({"entry_id": "a", "sources": ["b"]}),
    );
    program.event(
        "memory.consolidate",
        json!({"entry_id": "b", "sources": ["a", "b"]}),
    );
    program.event("memory.unheard", json!({"entry_id": "x"}));
    let snapshot = program.snapshot();
    assert_eq!(held(&snapshot), ["session:b", "L3:early"]);
    assert_eq!(
        reasons(&snapshot),
        [
            (1, "unknown_entry"),
            (2, "unknown_entry"),
            (3, "malformed"),
            (4, "malformed"),
            (5, "malformed")
        ]
    );
}

#[test]
fn an_id_used_again_is_another_entry_in_the_same_place() {
    let mut program = Program::default();
    program.event("memory.add", add("1", "session"));
    program.event("memory.add", add("2", "session"));
    program.event(
        "memory.add",
        json!({"entry_id": "1", "tier": "session", "role": "tool"}),
    );
    let snapshot = program.snapshot();
    assert_eq!(held(&snapshot), ["session:1", "session:2"]);
    assert_eq!(
        (
            snapshot.entries[0].written.seq,
            snapshot.entries[0].role.as_deref()
        ),
        (Seq(3), Some("tool"))
    );
    program.event("memory.add", add("1", "working"));
    assert_eq!(held(&program.snapshot()), ["session:2", "working:1"]);
}

#[test]
fn blame_tells_the_life_of_an_entry_even_when_it_is_gone() {
    let mut program = Program::default();
    program.event("memory.add", add("1", "session"));
    program.event(
        "memory.promote",
        json!({"entry_id": "1", "tier": "working"}),
    );
    program.from("/node/crew/b").event(
        "memory.evict",
        json!({"entry_id": "1", "node_id": "agent/a"}),
    );
    program.event("memory.add", add("1", "session"));
    let memory = program.folded();
    let told: Vec<_> = memory
        .blame(&node(), None, "1")
        .into_iter()
        .map(|step| (step.origin.seq.0, step.origin.by.to_string()))
        .collect();
    let a = "/node/agent/a".to_owned();
    assert_eq!(
        told,
        [(2, a.clone()), (3, "/node/crew/b".to_owned()), (4, a)]
    );
    assert_eq!(memory.blame(&node(), None, "2"), []);
}

#[test]
fn a_project_state_object_keeps_the_origin_of_what_stayed_the_same() {
    let mut program = Program::default();
    let of = StateOf::Node;
    program.event("memory.add", add("1", "session"));
    assert_eq!(program.snapshot().project_state, None);
    program.event(
        "pso.update",
        json!({"pso": {"goals": ["a"], "variables": {"x": 1}, "context": ""}}),
    );
    program.event(
        "pso.update",
        json!({"pso": {"goals": ["a", "b"], "variables": {"x": 1}}}),
    );
    program.event(
        "pso.update",
        json!({"merge": {"variables": {"y": 2, "x": null}, "new": {"n": null}}}),
    );
    program.event(
        "pso.update",
        json!({"patches": [{"op": "add", "path": "/goals/-", "value": "c"}]}),
    );
    program.event(
        "pso.update",
        json!({"patches": [{"op": "remove", "path": "/none"}]}),
    );
    program.event("pso.update", json!({"unknown": {}}));
    let memory = program.folded();
    let node = node();
    let whole = memory.state(of(&node, None), "");
    assert_eq!(
        value_of(whole.clone()),
        json!({"goals": ["a", "b", "c"], "variables": {"y": 2}, "new": {}})
    );
    let written = |pointer: &str| {
        memory
            .state(of(&node, None), pointer)
            .unwrap()
            .written
            .seq
            .0
    };
    assert_eq!(
        (
            written("/goals/0"),
            written("/goals/1"),
            written("/goals/2"),
            written("/variables/y")
        ),
        (2, 3, 5, 4)
    );
    assert_eq!(program.snapshot().project_state, whole);
    assert_eq!(
        reasons(&program.snapshot()),
        [(6, "not_found"), (7, "malformed")]
    );
    program.event("pso.update", json!({"pso": null}));
    assert_eq!(program.snapshot().project_state, None);
}

#[test]
fn what_moved_up_in_an_array_keeps_its_origin() {
    let mut program = Program::default();
    for queue in [
        json!(["a", "b", "c"]),
        json!(["b", "c"]),
        json!(["z", "b", "c"]),
    ] {
        program.event("pso.update", json!({"pso": {"queue": queue}}));
    }
    let memory = program.folded();
    let node = node();
    let written = |index: usize| {
        let value = memory.state(StateOf::Node(&node, None), &format!("/queue/{index}"));
        value.unwrap().written.seq.0
    };
    assert_eq!([0, 1, 2].map(written), [3, 1, 1]);
}

#[test]
fn sessions_are_kept_apart_and_the_last_one_answers() {
    let mut program = Program::default();
    program.event("memory.add", add("1", "session"));
    program
        .session("second")
        .event("memory.add", add("2", "session"));
    let memory = program.folded();
    assert_eq!(held(&memory.memory(&node(), None).unwrap()), ["session:2"]);
    assert_eq!(
        held(&memory.memory(&node(), Some("first")).unwrap()),
        ["session:1"]
    );
    assert_eq!(memory.memory(&node(), Some("third")), None);
    assert_eq!(memory.owners().len(), 2);
}

#[test]
fn history_is_bounded_counted_and_never_loses_a_cause() {
    let mut program = Program::default();
    for number in 0..3000 {
        program.event("memory.add", add(&number.to_string(), "session"));
    }
    for number in 0..2500 {
        program.event("memory.evict", json!({"entry_id": number.to_string()}));
    }
    let records = program.records();
    let mut memory = RecordedMemory::default();
    for record in &records[..3000] {
        memory.apply(record);
    }
    let before = memory.clone();
    for record in &records[3000..] {
        memory.apply(record);
    }
    let snapshot = memory.memory(&node(), None).unwrap();
    assert_eq!(
        snapshot.history.len() as u64 + snapshot.history_dropped,
        2500
    );
    assert_eq!(snapshot.history.len(), 2048);
    let changes = before.diff(&memory, &node(), None);
    assert_eq!(changes.len(), 2500);
    assert_eq!(
        changes.iter().filter(|change| change.is_exact).count(),
        2048
    );
    assert!(changes.iter().all(|change| change.cause.seq > Seq(3000)));
}

#[test]
fn contents_are_read_from_the_log_within_bounds() {
    let mut program = Program::default();
    program.event(
        "memory.add",
        json!({"entry_id": "1", "tier": "session", "content": "first", "metadata": {"k": 1}}),
    );
    program.event("memory.add", json!({"entry_id": "2", "tier": "session", "content": {"text": "second"}, "entries": ["1", "2", {"id": "3", "content": "third"}]}));
    program.event(
        "memory.promote",
        json!({"entry_id": "2", "tier": "session", "content": null}),
    );
    let store = program.store();
    let snapshot = program.snapshot();
    let read = |skip, limit, max_bytes| {
        let recalled = recall(
            &store,
            &snapshot,
            Recall {
                skip,
                limit,
                max_bytes,
            },
        )
        .now_or_never()
        .unwrap()
        .unwrap();
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        recalled
            .iter()
            .map(|found| {
                (
                    found.entry.id.to_string(),
                    found.content.as_ref().map(text),
                    found.metadata.as_ref().map(text),
                )
            })
            .collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    let first = ("1".to_owned(), some("\"first\""), some("{\"k\":1}"));
    let second = ("2".to_owned(), some("{\"text\":\"second\"}"), None);
    let third = ("3".to_owned(), some("\"third\""), None);
    assert_eq!(read(0, 10, 1000), [first.clone(), second, third.clone()]);
    assert_eq!(read(2, 10, 1000), [third]);
    assert_eq!(read(0, 2, 3), [first, ("2".to_owned(), None, None)]);
}

#[test]
fn there_is_a_bound_on_memories_and_states() {
    let events: Vec<String> = (0..100_002)
        .map(|number| {
            let data = if number % 2 == 0 { r#"{"pso":1}"# } else { r#"{"patches":[]}"# };
            let kind = if number % 2 == 0 { "pso.update" } else { "state.patch" };
            format!(r#"{{"specversion":"1.0","id":"{number}","source":"n{number}","type":"{kind}","studiosession":"s{number}","data":{data}}}"#)
        })
        .collect();
    let program = Program {
        events: events.into_iter().map(Bytes::from).collect(),
        ..Program::default()
    };
    let known = program.events.first().cloned().unwrap();
    let mut memory = program.folded();
    assert_eq!((memory.owners().len(), memory.left_out()), (50_000, 2));
    assert_eq!(memory.state(StateOf::Session(Some("s100001")), ""), None);
    assert_eq!(
        memory.state_session(StateOf::Session(None)).as_deref(),
        Some("s99999")
    );
    let mut again = Program {
        events: vec![known],
        ..Program::default()
    };
    memory = RecordedMemory::restore(&memory.save()).unwrap();
    for record in again.records() {
        memory.apply(&record);
    }
    assert_eq!(
        (memory.owners().len(), memory.left_out()),
        (50_000, 2),
        "known ones go on"
    );
    again.event("memory.add", json!({"entry_id": "new"}));
    for record in again.records() {
        memory.apply(&record);
    }
    assert_eq!((memory.owners().len(), memory.left_out()), (50_000, 3));
}

#[test]
fn memories_are_kept_apart_by_workspace_and_other_records_cost_nothing_of_them() {
    let mut program = Program::default();
    for _ in 0..50 {
        program.event("node.request", json!({"entry_id": "no", "patches": []}));
        program.event("memory.recall", json!({"entry_id": "no"}));
    }
    let unrelated = program.records();
    let mut memories = Memories::default();
    let nothing = format!("{memories:?}").replace("Seq(0)", "Seq(100)");
    for record in &unrelated {
        memories.apply(record);
    }
    assert_eq!(format!("{memories:?}"), nothing, "only the position moved");
    assert!(memories.of_workspace("w").is_none());

    let mut program = Program::default();
    program.event("memory.add", json!({"entry_id": "1"}));
    for record in program.records() {
        memories.apply(&record);
    }
    let known = memories.of_workspace("w").unwrap();
    assert_eq!((known.owners().len(), memories.left_out()), (1, 0));
    assert!(memories.of_workspace("other").is_none());
    let restored = Memories::restore(&memories.save()).unwrap();
    assert_eq!(format!("{restored:?}"), format!("{memories:?}"));
}
