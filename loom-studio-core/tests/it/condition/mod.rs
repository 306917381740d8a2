//! The condition language: its texts, what they mean, and searching by them.

mod evaluation;
mod language;
mod oracle;
mod searching;

use std::sync::Arc;

use loom_studio_core::*;

/// Stores the JSON texts in a new memory store, as one batch of one session.
async fn store_of(texts: &[String]) -> MemoryStore {
    let start = Timestamp::parse_rfc3339("2026-01-02T03:04:05Z").unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let store = MemoryStore::new(MemoryStoreOptions::default(), clock, &SequentialIds::new(1));
    append(&store, texts).await;
    store
}

async fn append(store: &dyn EventStore, texts: &[String]) {
    let batch = AppendBatch {
        workspace: "default".into(),
        session: "run-1".into(),
        items: texts
            .iter()
            .map(|text| Incoming::Event(text.clone().into_bytes().into()))
            .collect(),
    };
    let appended = store.append(batch).await.unwrap();
    assert_eq!(appended.rejected, Vec::new());
}

/// The JSON texts as stored events.
fn events(texts: &[String]) -> Vec<Arc<Event>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = store_of(texts).await;
        let query = EventQuery {
            limit: texts.len().max(1),
            ..EventQuery::default()
        };
        let page = store.query(&query).await.unwrap();
        page.events.into_iter().map(|stored| stored.event).collect()
    })
}

/// An event with these members beside the required ones that are missing.
fn event(members: &str) -> Arc<Event> {
    let mut text = String::from(r#"{"specversion":"1.0""#);
    for (name, value) in [
        ("id", "e-1"),
        ("source", "/node/agent/a"),
        ("type", "node.request"),
    ] {
        if !members.contains(&format!("\"{name}\":")) {
            text.extend([",\"", name, "\":\"", value, "\""]);
        }
    }
    if !members.is_empty() {
        text.push(',');
    }
    text.push_str(members);
    text.push('}');
    events(&[text]).remove(0)
}
