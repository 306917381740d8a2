//! Single records.

use serde_json::json;

use super::support::{HERE, Open, event, event_with, events, kind_of, observation};
use super::{Factory, start};
use crate::clock::Timestamp;
use crate::error::ErrorKind;
use crate::event::{EventKey, Record, Stamps};
use crate::ids::Seq;
use crate::store::RetainPolicy;

/// "The record at a position; `None` beyond the head."
pub async fn get_answers_event_observation_and_nothing(factory: Factory) {
    let open = Open::new(factory).await;
    let store = open.store();
    assert!(store.get(Seq(1)).await.unwrap().is_none());
    open.append(vec![event("a"), observation("a", "post", json!({}))])
        .await;
    let first = store.get(Seq(1)).await.unwrap().unwrap();
    assert!(matches!(&first.record, Record::Event(event) if **event.id() == *"a"));
    assert_eq!(first.observations.len(), 1);
    assert_eq!(first.observations[0].seq, Seq(2));
    let second = store.get(Seq(2)).await.unwrap().unwrap();
    assert!(matches!(&second.record, Record::Observation(seen) if seen.of == Seq(1)));
    assert_eq!(
        (second.observations.len(), second.stamps),
        (0, Stamps::default())
    );
    assert!(second.into_event().is_none());
    for beyond in [Seq::ZERO, Seq(3), Seq(u64::MAX)] {
        assert!(store.get(beyond).await.unwrap().is_none(), "{beyond}");
    }
}

/// "`Gone` when retention has deleted it."
pub async fn get_names_what_was_deleted(factory: Factory) {
    let open = Open::new(factory).await;
    open.fill(events(1..=400)).await;
    let half = open.store().stats().await.unwrap().stored_bytes / 2;
    let policy = RetainPolicy {
        max_bytes: Some(half),
        max_age: None,
    };
    let first = open.store().retain(&policy).await.unwrap().first_seq;
    assert!(first > Seq(1));
    for seq in [Seq(1), first.previous()] {
        assert_eq!(
            kind_of(open.store().get(seq).await),
            Some(ErrorKind::Gone),
            "{seq}"
        );
    }
    for seq in [first, Seq(400)] {
        assert!(open.store().get(seq).await.unwrap().is_some(), "{seq}");
    }
    assert!(open.store().get(Seq(401)).await.unwrap().is_none());
}

/// "The event with this key": workspace, source as written, and id.
pub async fn get_by_id_wants_the_whole_key(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(vec![
        event("a"),
        event_with("a", json!({"source": "/node/b"})),
    ])
    .await;
    open.append_to("there", vec![event("a")]).await;
    let find = async |workspace: &str, source: &str, id: &str| {
        let key = EventKey {
            workspace: workspace.into(),
            source: source.into(),
            id: id.into(),
        };
        let found = open.store().get_by_id(&key).await.unwrap();
        if let Some(found) = &found {
            assert_eq!(found.event.key(), key);
        }
        found.map(|found| found.event.seq().0)
    };
    assert_eq!(find(HERE, "/node/a", "a").await, Some(1));
    assert_eq!(find(HERE, "/node/b", "a").await, Some(2));
    assert_eq!(find("there", "/node/a", "a").await, Some(3));
    assert_eq!(find("there", "/node/b", "a").await, None);
    assert_eq!(find(HERE, "node/a", "a").await, None);
    assert_eq!(find(HERE, "/node/a", "b").await, None);
}

/// Stamps say when an event was dispatched and published: from the event itself and from its observations.
pub async fn stamps_come_from_observations(factory: Factory) {
    let open = Open::new(factory).await;
    let before = |seconds: i64| Timestamp::from_micros(start().as_micros() - seconds * 1_000_000);
    let legacy = json!({"extensions": {"studio_phase": "pre", "studio_timestamp": before(9).as_micros() as f64 / 1e6}});
    open.append(vec![event("plain"), event_with("legacy", legacy)])
        .await;
    let stamps = async |id: &str| {
        let stamps = open.event(id).await.stamps;
        (stamps.dispatched, stamps.published)
    };
    assert_eq!(stamps("plain").await, (None, None));
    assert_eq!(stamps("legacy").await, (Some(before(9)), None));
    let at = |seconds| json!({"at": before(seconds).to_string()});
    open.append(vec![
        observation("plain", "pre", at(7)),
        observation("plain", "post", at(6)),
        observation("legacy", "raised", at(5)),
        observation("legacy", "post", at(4)),
    ])
    .await;
    assert_eq!(stamps("plain").await, (Some(before(7)), Some(before(6))));
    assert_eq!(stamps("legacy").await, (Some(before(9)), Some(before(4))));
    let record = open.store().get(Seq(1)).await.unwrap().unwrap();
    assert_eq!(record.stamps.published, Some(before(6)));
    let page = open.page(&crate::EventQuery::default()).await;
    assert_eq!(page.events[1].stamps.published, Some(before(4)));
}
