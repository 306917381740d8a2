//! Idempotence: events, phases, observations.

use std::sync::Arc;

use serde_json::{Value, json};

use super::support::{HERE, Open, all, append, event, event_with, events, ids, observation};
use super::{Factory, start};
use crate::clock::Timestamp;
use crate::event::{Observation, Phase, Record, RejectCode};
use crate::ids::Seq;
use crate::store::{Appended, EventFilter, Incoming, StoredRecord, Total};

async fn record(open: &Open, seq: u64) -> StoredRecord {
    open.store().get(Seq(seq)).await.unwrap().unwrap()
}

async fn observed(open: &Open, seq: u64) -> Arc<Observation> {
    match record(open, seq).await.record {
        Record::Observation(observation) => observation,
        Record::Event(event) => panic!("{seq} is the event {}", event.id()),
    }
}

fn changed(observation: &Observation) -> Value {
    serde_json::from_slice(&observation.changed).unwrap()
}

fn phase(id: &str, phase: &str, stamp: f64, members: Value) -> Incoming {
    let mut all = json!({"extensions": {"studio_phase": phase, "studio_timestamp": stamp}});
    if let (Some(all), Value::Object(members)) = (all.as_object_mut(), members) {
        all.extend(members);
    }
    event_with(id, all)
}

/// "A second event with the same key is a duplicate: counted, not stored."
pub async fn a_resend_is_a_duplicate(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(events(1..=3)).await;
    let again = open.append(events(1..=3)).await;
    assert_eq!(
        again,
        Appended {
            duplicates: 3,
            ..Appended::default()
        }
    );
    let part = open.append(events(2..=5)).await;
    assert_eq!(
        (part.seqs, part.duplicates, part.rejected),
        (Some((Seq(4), Seq(5))), 2, Vec::new())
    );
    // What differs in a resend is not stored: the first stands.
    let other = open
        .append(vec![event_with("e1", json!({"type": "other"}))])
        .await;
    assert_eq!((other.added(), other.duplicates), (0, 1));
    assert_eq!(**open.event("e1").await.event.kind(), *"note");
}

/// A resend counts as one within a batch, too.
pub async fn a_resend_within_its_batch_is_a_duplicate(factory: Factory) {
    let open = Open::new(factory).await;
    let appended = open
        .append(vec![event("a"), event("a"), event("b"), event("a")])
        .await;
    assert_eq!(
        (appended.seqs, appended.duplicates),
        (Some((Seq(1), Seq(2))), 2)
    );
    assert_eq!(open.find(EventFilter::default()).await, ["a", "b"]);
}

/// "`(workspace, source, id)` names one occurrence": the source as written, and not the session.
pub async fn the_key_is_workspace_source_and_id(factory: Factory) {
    let open = Open::new(factory).await;
    let other_source = || event_with("e1", json!({"source": "/node/b"}));
    let other_spelling = || event_with("e1", json!({"source": "node/a"}));
    let batch = vec![event("e1"), other_source(), other_spelling(), event("E1")];
    assert_eq!(open.append(batch).await.added(), 4);
    assert_eq!(open.append_to("there", vec![event("e1")]).await.added(), 1);
    let other_session = event_with("e1", json!({"studiosession": "s-2"}));
    let again = open
        .append(vec![other_source(), other_spelling(), other_session])
        .await;
    assert_eq!((again.added(), again.duplicates), (0, 3));
    assert_eq!(
        open.append_to("there", vec![event("e1")]).await.duplicates,
        1
    );
    assert_eq!(open.find(EventFilter::workspace("there")).await, ["e1"]);
}

/// Resends that meet their first on the way are duplicates all the same.
pub async fn concurrent_resends_store_one_event(factory: Factory) {
    const WRITERS: u64 = 8;
    let open = Open::new(factory).await;
    let writers = (0..WRITERS).map(|_| {
        let store = Arc::clone(open.store());
        tokio::spawn(async move {
            let (mut added, mut duplicates) = (0, 0);
            for first in (1..=200).step_by(10) {
                let appended = append(&*store, HERE, events(first..=first + 9)).await;
                added += appended.added();
                duplicates += appended.duplicates;
            }
            (added, duplicates)
        })
    });
    let (mut added, mut duplicates) = (0, 0);
    for writer in futures::future::join_all(writers).await {
        let counts = writer.unwrap();
        added += counts.0;
        duplicates += counts.1;
    }
    assert_eq!((added, duplicates), (200, 200 * (WRITERS - 1)));
    let page = open.page(&all(EventFilter::default())).await;
    assert_eq!(page.total, Total::Exact(200));
    let mut unique = ids(&page.events);
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 200);
}

/// "If it carries a phase the first did not have, it is stored as an observation of the first instead", holding only the members that changed.
pub async fn a_second_phase_becomes_an_observation(factory: Factory) {
    let open = Open::new(factory).await;
    let micros = start().as_micros();
    let seconds = |offset: i64| (micros + offset) as f64 / 1e6;
    let pre = json!({"x": 1, "same": {"k": [1, 2]}, "gone": true});
    open.append(vec![phase("e", "pre", seconds(-2_000_000), pre)])
        .await;
    let post = json!({"x": 2, "same": {"k": [1, 2]}, "traceparent": "00-1-2-3"});
    let appended = open
        .append(vec![phase("e", "post", seconds(-1_000_000), post)])
        .await;
    assert_eq!(
        (appended.seqs, appended.duplicates, appended.rejected),
        (Some((Seq(2), Seq(2))), 0, Vec::new())
    );
    let seen = observed(&open, 2).await;
    assert_eq!(
        (seen.of, seen.phase, &*seen.workspace, &*seen.session),
        (Seq(1), Phase::Post, HERE, super::support::SESSION)
    );
    assert_eq!(
        changed(&seen),
        json!({"x": 2, "traceparent": "00-1-2-3", "gone": null})
    );
    assert_eq!(seen.at, Timestamp::from_micros(micros - 1_000_000));
    assert_eq!(seen.received, start());
    assert_eq!(open.find(EventFilter::default()).await, ["e"]);
}

/// "Once per phase; an `Incoming::Observation` likewise", also a phase the event itself was sent with.
pub async fn each_phase_is_stored_once(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(vec![phase("e", "pre", 1e9, Value::Null)]).await;
    let again = vec![
        phase("e", "pre", 1e9, json!({"x": 1})),
        observation("e", "pre", Value::Null),
        phase("e", "post", 1e9, Value::Null),
        phase("e", "post", 1e9, Value::Null),
        observation("e", "post", Value::Null),
        observation("e", "raised", Value::Null),
        observation("e", "raised", json!({"changed": {"x": 1}})),
        observation("e", "blocked", Value::Null),
        observation("e", "timeout", Value::Null),
        // A resend without a phase is a plain duplicate.
        event("e"),
    ];
    let appended = open.append(again).await;
    assert_eq!((appended.added(), appended.duplicates), (4, 6));
    let phases: Vec<Phase> = record(&open, 1)
        .await
        .observations
        .iter()
        .map(|observation| observation.phase)
        .collect();
    assert_eq!(
        phases,
        [Phase::Post, Phase::Raised, Phase::Blocked, Phase::TimedOut]
    );
}

/// An observation may stand in the batch of its event, and comes after it in the log.
pub async fn an_observation_may_follow_in_the_same_batch(factory: Factory) {
    let open = Open::new(factory).await;
    let at = "2026-01-02T03:04:04.25Z";
    let change = json!({"at": at, "changed": {"x": [1.0e2, "é"]}});
    let batch = vec![event("a"), event("b"), observation("a", "post", change)];
    assert_eq!(open.append(batch).await.seqs, Some((Seq(1), Seq(3))));
    let seen = observed(&open, 3).await;
    assert_eq!((seen.seq, seen.of), (Seq(3), Seq(1)));
    assert_eq!(Some(seen.at), Timestamp::parse_rfc3339(at));
    assert_eq!(seen.changed, r#"{"x":[100.0,"é"]}"#);
    // Without `at` it counts as observed when it was received, without `changed` nothing had changed.
    open.append(vec![observation("b", "pre", Value::Null)])
        .await;
    let seen = observed(&open, 4).await;
    assert_eq!((seen.at, seen.changed.as_ref()), (start(), &b"{}"[..]));
}

/// An observation of an event that isn't stored, or is another workspace's, is rejected.
pub async fn an_observation_needs_its_event(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(events(1..=1)).await;
    let other_source = observation("e1", "post", json!({"source": "/node/b"}));
    let batch = vec![
        observation("e2", "post", Value::Null),
        other_source,
        event("e2"),
    ];
    let appended = open.append(batch).await;
    let rejected: Vec<_> = appended
        .rejected
        .iter()
        .map(|r| (r.index, r.code))
        .collect();
    assert_eq!(
        rejected,
        [(0, RejectCode::UnknownEvent), (1, RejectCode::UnknownEvent)]
    );
    assert_eq!(appended.seqs, Some((Seq(2), Seq(2))));
    let elsewhere = open
        .append_to("there", vec![observation("e1", "post", Value::Null)])
        .await;
    assert_eq!(elsewhere.rejected[0].code, RejectCode::UnknownEvent);
}

/// "Observations have a seq and wake subscribers, but are no matches of a query."
pub async fn observations_are_no_matches(factory: Factory) {
    let open = Open::new(factory).await;
    let mark = json!({"changed": {"word": "needle"}});
    open.append(vec![event("a"), observation("a", "post", mark), event("b")])
        .await;
    let page = open.page(&all(EventFilter::default())).await;
    assert_eq!(
        (ids(&page.events), page.total),
        (vec!["a", "b"], Total::Exact(2))
    );
    assert_eq!(page.head, Seq(3));
    let by_text = EventFilter {
        text: Some("needle".into()),
        ..EventFilter::default()
    };
    assert_eq!(open.find(by_text).await, Vec::<String>::new());
    let stats = open.store().stats().await.unwrap();
    assert_eq!((stats.events, stats.observations), (2, 1));
}
