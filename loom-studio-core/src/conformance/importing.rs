//! Records of other logs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::support::{Open, all, event, event_json, observation};
use super::{Factory, start};
use crate::clock::{Clock as _, Timestamp};
use crate::event::{Observation, Phase, Record, RejectCode};
use crate::ids::Seq;
use crate::store::{EventFilter, Incoming, Pattern, Recorded, RetainPolicy, TimeRange};

fn recorded(session: &str, time: Timestamp, id: &str, members: Value) -> Incoming {
    Incoming::Recorded(Box::new(Recorded::Event {
        session: session.into(),
        time,
        json: event_json(id, members).to_string().into(),
    }))
}

fn recorded_observation(of: &str, phase: Phase, at: Timestamp, changed: &'static str) -> Incoming {
    Incoming::Recorded(Box::new(Recorded::Observation {
        source: "/node/a".into(),
        of: of.into(),
        phase,
        at,
        changed: Bytes::from_static(changed.as_bytes()),
    }))
}

async fn observed(open: &Open, seq: u64) -> Arc<Observation> {
    match open.store().get(Seq(seq)).await.unwrap().unwrap().record {
        Record::Observation(observation) => observation,
        Record::Event(event) => panic!("{seq} is the event {}", event.id()),
    }
}

/// "Keeps the session and the time that another log had settled", to the nanosecond and whatever the text says, and is found by them.
pub async fn what_another_log_settled_is_kept(factory: Factory) {
    let open = Open::new(factory).await;
    let nanos = |nanos| Timestamp::from_nanos(nanos);
    let cases = [
        // No time of its own: that log had filed it under its receipt.
        ("e1", "there-1", nanos(1_600_000_000_000_000_001), json!({})),
        // An absurd one, which is plausible by now or never was.
        (
            "e2",
            "there-2",
            nanos(1_600_000_000_000_000_002),
            json!({"time": "2026-01-02T03:04:04Z"}),
        ),
        (
            "e3",
            "there-2",
            nanos(5),
            json!({"time": "1969-12-31T23:59:59Z"}),
        ),
        // A session in the text, and another one at the import before.
        (
            "e4",
            "there-3",
            start().saturating_add(Duration::from_hours(24)),
            json!({"studiosession": "mine"}),
        ),
    ];
    let items = cases
        .iter()
        .map(|(id, session, time, members)| recorded(session, *time, id, members.clone()));
    let mut items: Vec<Incoming> = items.collect();
    items.push(recorded_observation(
        "e1",
        Phase::Blocked,
        nanos(7),
        "{\"x\":\n1}",
    ));
    items.push(event("plain"));
    let appended = open.append(items).await;
    assert_eq!(
        (appended.added(), appended.rejected),
        (6, Vec::new()),
        "in one batch with entries of its own"
    );
    for (id, session, time, members) in &cases {
        let stored = open.event(id).await.event;
        assert_eq!((stored.time(), &**stored.session()), (*time, *session));
        assert_eq!(
            *stored.raw(),
            event_json(id, members.clone()).to_string().into_bytes()
        );
        assert_eq!(stored.received(), start(), "the store's own");
        let filter = EventFilter {
            session: Some(Pattern::Exact((*session).to_owned())),
            time: TimeRange {
                start: Some(*time),
                end: Some(*time),
            },
            ..EventFilter::default()
        };
        assert_eq!(open.find(filter).await, [*id]);
    }
    let observation = observed(&open, 5).await;
    assert_eq!((observation.at, observation.of), (nanos(7), Seq(1)));
    assert_eq!(observation.changed, "{\"x\":\n1}");
    assert_eq!(&*observation.session, "there-1", "its event's");
    assert_eq!(observation.received, start());
    assert_eq!(open.event("plain").await.event.time(), start());
}

/// "In everything else it is an entry like the others": duplicates, phases, rules.
pub async fn a_recorded_entry_keeps_the_other_rules(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(vec![event("e1"), observation("e1", "post", json!({}))])
        .await;
    let long_ago = Timestamp::from_nanos(1);
    let appended = open
        .append(vec![
            recorded("other", long_ago, "e1", json!({})),
            recorded_observation("e1", Phase::Post, long_ago, "{}"),
            recorded_observation("e1", Phase::Raised, long_ago, "{}"),
            recorded_observation("nobody", Phase::Post, long_ago, "{}"),
            recorded_observation("e1", Phase::Pre, long_ago, "[]"),
            recorded("other", long_ago, "e2", json!({"type": ""})),
            recorded("other", long_ago, "e3", json!({"studioseq": 9})),
        ])
        .await;
    assert_eq!((appended.added(), appended.duplicates), (2, 2));
    let codes: Vec<_> = appended
        .rejected
        .iter()
        .map(|rejected| (rejected.index, rejected.code))
        .collect();
    assert_eq!(
        codes,
        [
            (3, RejectCode::UnknownEvent),
            (4, RejectCode::InvalidObservation),
            (5, RejectCode::MissingType)
        ]
    );
    assert_eq!(open.event("e1").await.event.time(), start());
    assert_eq!(
        *open.event("e3").await.event.raw(),
        event_json("e3", Value::Null).to_string().into_bytes()
    );
    assert_eq!(
        open.page(&all(EventFilter::default())).await.events.len(),
        2
    );
}

/// Retention by age counts from the store's own receipt, so that what was imported is not old at once.
pub async fn retention_of_what_was_imported_counts_from_its_import(factory: Factory) {
    let open = Open::new(factory).await;
    let long_ago = Timestamp::from_micros(start().as_micros() - 86_400_000_000 * 365);
    open.append(vec![recorded("there", long_ago, "e1", json!({}))])
        .await;
    open.subject.clock.advance(Duration::from_hours(1));
    let policy = RetainPolicy {
        max_age: Some(Duration::from_hours(2)),
        max_bytes: None,
    };
    open.store().retain(&policy).await.unwrap();
    assert_eq!(open.find(EventFilter::default()).await, ["e1"]);
    let oldest = open.store().stats().await.unwrap().oldest_received;
    assert_eq!(oldest, Some(start()));
    assert!(oldest < Some(open.subject.clock.now()));
}

/// What was imported survives the store's end as it was.
pub async fn what_was_imported_is_the_same_when_opened_again(factory: Factory) {
    let open = Open::new(factory).await;
    let time = Timestamp::from_nanos(1_500_000_000_000_000_003);
    open.append(vec![
        recorded("there", time, "e1", json!({"studiosession": "mine"})),
        recorded_observation("e1", Phase::Post, time, "{ }"),
    ])
    .await;
    let durable = open.store().capabilities().durable;
    assert_eq!(open.subject.reopen.is_some(), durable);
    let subject = open.subject;
    let Some(reopen) = subject.reopen else {
        return;
    };
    drop(subject.store);
    let open = Open {
        subject: reopen().await,
    };
    let stored = open.event("e1").await;
    assert_eq!(
        (stored.event.time(), &**stored.event.session()),
        (time, "there")
    );
    assert_eq!(stored.stamps.published, Some(time));
    assert_eq!(observed(&open, 2).await.changed, "{ }");
}
