//! Events in Loom's shape, and records of them.

use std::sync::Arc;

use futures::FutureExt as _;
use loom_studio_core::*;
use serde_json::{Value, json};

pub(crate) const BASE_MICROS: i64 = 1_767_323_000_000_000;
pub(crate) const WORKSPACE: &str = "w";

pub(crate) fn at_micros(micros: i64) -> Timestamp {
    Timestamp::from_micros(BASE_MICROS + micros)
}

/// So many milliseconds after the base.
pub(crate) fn at(millis: i64) -> Timestamp {
    at_micros(millis * 1_000)
}

/// An event of one node; `members` replace or add.
pub(crate) fn event(id: &str, from: &str, kind: &str, millis: i64, members: &Value) -> Value {
    let mut event = json!({"specversion": "1.0", "id": id, "source": from, "type": kind, "time": at(millis).to_string()});
    let members = members.as_object().cloned().unwrap_or_default();
    event.as_object_mut().unwrap().extend(members);
    event
}

pub(crate) fn traceparent(number: u64) -> String {
    format!("00-{number:032x}-{number:016x}-01")
}

pub(crate) fn stored(events: &[Value]) -> MemoryStore {
    // Later than every event, so that each is filed under its own time.
    let clock = ManualClock::new(Timestamp::from_micros(4_000_000_000_000_000));
    let store = MemoryStore::new(MemoryStoreOptions::default(), Arc::new(clock), &RandomIds);
    let incoming = |event: &Value| match event.get("phase") {
        Some(_) => Incoming::Observation(event.to_string().into()),
        None => Incoming::Event(event.to_string().into()),
    };
    let batch = AppendBatch {
        workspace: WORKSPACE.into(),
        session: "s".into(),
        items: events.iter().map(incoming).collect(),
    };
    let appended = store.append(batch).now_or_never().unwrap().unwrap();
    assert_eq!(
        (appended.added(), appended.rejected),
        (events.len() as u64, vec![])
    );
    store
}

/// The records of a log with these events, in this order of arrival.
pub(crate) fn records(events: &[Value]) -> Vec<Record> {
    let store = stored(events);
    let mut all = store
        .subscribe(StartAt::Beginning, EventFilter::default())
        .now_or_never()
        .unwrap()
        .unwrap();
    let mut records = Vec::new();
    while let Some(delivery) = all.try_next(events.len()).now_or_never().unwrap().unwrap() {
        records.extend(delivery.records);
    }
    records
}

/// The list of runs after these records.
pub(crate) fn run_list(records: &[Record], limits: RunLimits) -> RunList {
    let mut list = RunList::new(limits);
    for record in records {
        list.apply(record);
    }
    list
}
