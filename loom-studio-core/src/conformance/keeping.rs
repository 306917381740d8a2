//! Retention, counts, abilities.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{HERE, Open, all, append, event, event_with, events, ids, observation};
use super::{CAPACITY, Factory, UNIT, start};
use crate::event::EventKey;
use crate::ids::Seq;
use crate::store::{EventFilter, EventQuery, Health, Pattern, RetainPolicy, Retained, Total};

const HOUR: Duration = Duration::from_hours(1);

fn by_bytes(max_bytes: u64) -> RetainPolicy {
    RetainPolicy {
        max_age: None,
        max_bytes: Some(max_bytes),
    }
}

async fn count(open: &Open) -> u64 {
    open.page(&EventQuery::default()).await.total.count()
}

/// "Delete records received longer ago than this": at most a unit of them stays, and nothing younger leaves.
pub async fn retention_by_age_keeps_what_is_young(factory: Factory) {
    let open = Open::new(factory).await;
    // The event's own time doesn't count.
    let old = json!({"time": "2026-01-02T03:04:05Z"});
    open.fill(
        (1..=200)
            .map(|n| event_with(&format!("e{n}"), old.clone()))
            .collect(),
    )
    .await;
    open.subject.clock.advance(HOUR);
    open.fill(
        (201..=400)
            .map(|n| event_with(&format!("e{n}"), old.clone()))
            .collect(),
    )
    .await;
    let policy = RetainPolicy {
        max_age: Some(HOUR),
        max_bytes: None,
    };
    let kept = open.store().retain(&policy).await.unwrap();
    assert_eq!(
        kept,
        Retained {
            deleted_records: 0,
            first_seq: Seq(1)
        },
        "an hour is not longer than an hour"
    );
    open.subject.clock.advance(Duration::from_secs(1));
    let retained = open.store().retain(&policy).await.unwrap();
    assert!(
        retained.deleted_records <= 200 && retained.deleted_records >= 200 - UNIT,
        "{retained:?}"
    );
    assert_eq!(retained.first_seq, Seq(retained.deleted_records + 1));
    assert_eq!(count(&open).await, 400 - retained.deleted_records);
    open.subject.clock.advance(HOUR);
    let retained = open.store().retain(&policy).await.unwrap();
    assert!(retained.deleted_records > 0);
    assert!(count(&open).await <= UNIT);
    // A clock that goes back deletes nothing.
    open.subject.clock.set(start());
    assert_eq!(
        open.store().retain(&policy).await.unwrap().deleted_records,
        0
    );
}

/// "Delete the oldest records above this many bytes": what stays is the newest, within the size or one unit of it.
pub async fn retention_by_size_keeps_what_is_new(factory: Factory) {
    let open = Open::new(factory).await;
    open.fill(events(1..=400)).await;
    let full = open.store().stats().await.unwrap();
    let unit = full.stored_bytes * UNIT / 400;
    for share in [2, 4, 100] {
        let wanted = full.stored_bytes / share;
        let retained = open.store().retain(&by_bytes(wanted)).await.unwrap();
        let stats = open.store().stats().await.unwrap();
        assert!(stats.stored_bytes <= wanted + unit, "{stats:?}");
        if wanted > 2 * unit {
            assert!(stats.stored_bytes >= wanted - 2 * unit, "{stats:?}");
        }
        assert_eq!(stats.first_seq, retained.first_seq);
        assert_eq!(stats.last_seq, Seq(400));
        let left = open.page(&all(EventFilter::default())).await;
        let first = if retained.first_seq == Seq::ZERO {
            401
        } else {
            retained.first_seq.0
        };
        let found: Vec<u64> = left
            .events
            .iter()
            .map(|stored| stored.event.seq().0)
            .collect();
        assert_eq!(found, (first..=400).collect::<Vec<_>>());
    }
}

/// "`None` means no limit."
pub async fn an_empty_policy_deletes_nothing(factory: Factory) {
    let open = Open::new(factory).await;
    let nothing = open.store().retain(&RetainPolicy::default()).await.unwrap();
    assert_eq!(nothing, Retained::default());
    assert_eq!(
        open.store().retain(&by_bytes(0)).await.unwrap(),
        Retained::default()
    );
    open.append(events(1..=50)).await;
    open.subject.clock.advance(1000 * HOUR);
    let kept = open.store().retain(&RetainPolicy::default()).await.unwrap();
    assert_eq!(
        kept,
        Retained {
            deleted_records: 0,
            first_seq: Seq(1)
        }
    );
    assert_eq!(
        open.store()
            .retain(&by_bytes(u64::MAX))
            .await
            .unwrap()
            .deleted_records,
        0
    );
}

/// "The position at which the log would begin after `retain`": deleting up to it does the same, and appends in between change nothing.
pub async fn what_retention_would_delete_can_be_asked_before(factory: Factory) {
    let open = Open::new(factory).await;
    assert_eq!(open.store().retainable(&by_bytes(0)).await.unwrap(), Seq(1));
    open.fill(events(1..=300)).await;
    let stats = open.store().stats().await.unwrap();
    let keep_all = RetainPolicy::default();
    assert_eq!(open.store().retainable(&keep_all).await.unwrap(), Seq(1));
    let half = by_bytes(stats.stored_bytes / 2);
    let first = open.store().retainable(&half).await.unwrap();
    assert!(first > Seq(1) && first <= Seq(300), "{first}");
    assert_eq!(open.store().stats().await.unwrap().first_seq, Seq(1));
    open.append(vec![event("more")]).await;
    let retained = open.store().delete_before(first).await.unwrap();
    assert_eq!(retained.first_seq, first);
    assert_eq!(retained.deleted_records, first.0 - 1);
    // A position inside a unit deletes none of it.
    let again = open.store().delete_before(first.next()).await.unwrap();
    assert_eq!(again.first_seq, first);
    let all = open.store().retainable(&by_bytes(0)).await.unwrap();
    assert_eq!(all, Seq(302));
    let retained = open.store().delete_before(all).await.unwrap();
    assert_eq!(retained.first_seq, Seq::ZERO);
    assert_eq!(open.store().stats().await.unwrap().events, 0);
}

/// "A deleted position … is never used again."
pub async fn a_deleted_seq_is_not_used_again(factory: Factory) {
    let open = Open::new(factory).await;
    open.fill(events(1..=200)).await;
    open.store().retain(&by_bytes(0)).await.unwrap();
    assert_eq!(
        open.append(vec![event("new")]).await.seqs,
        Some((Seq(201), Seq(201)))
    );
    assert_eq!(open.store().stats().await.unwrap().last_seq, Seq(201));
}

/// "While the first is stored" a second is a duplicate; afterwards it is an event again, and observations of the deleted one are refused.
pub async fn a_deleted_event_may_come_again(factory: Factory) {
    let open = Open::new(factory).await;
    open.fill(events(1..=300)).await;
    let half = open.store().stats().await.unwrap().stored_bytes / 2;
    let first = open
        .store()
        .retain(&by_bytes(half))
        .await
        .unwrap()
        .first_seq;
    assert!(first > Seq(1));
    assert_eq!(
        open.append(vec![observation("e1", "post", Value::Null)])
            .await
            .rejected
            .len(),
        1
    );
    let again = open.append(vec![event("e1"), event("e300")]).await;
    assert_eq!(
        (again.seqs, again.duplicates),
        (Some((Seq(301), Seq(301))), 1)
    );
    assert_eq!(open.append(vec![event("e1")]).await.duplicates, 1);
    assert_eq!(open.event("e1").await.event.seq(), Seq(301));
}

/// Whether a filter keeps event `n`.
type Keeps = fn(u64) -> bool;

/// "Old records vanish from the front only", also from every index.
pub async fn queries_after_retention_find_what_is_left(factory: Factory) {
    let open = Open::new(factory).await;
    for n in 1..=300_u64 {
        let members = json!({
            "type": format!("t{}", n % 3), "subject": format!("n{}", n % 5), "studiosession": format!("s{}", n % 7),
            "time": format!("2026-01-02T03:{:02}:00Z", n % 4), "causationid": format!("c{}", n % 11), "data": {"request_id": format!("r{}", n % 13)},
        });
        let workspace = if n % 2 == 0 { HERE } else { "there" };
        open.append_to(
            workspace,
            vec![
                event_with(&format!("e{n}"), members),
                observation(&format!("e{n}"), "post", Value::Null),
            ],
        )
        .await;
    }
    let half = open.store().stats().await.unwrap().stored_bytes / 2;
    let first = open
        .store()
        .retain(&by_bytes(half))
        .await
        .unwrap()
        .first_seq
        .0;
    assert!(first > 1);
    let none = EventFilter::default;
    let exact = |text: &str| Some(Pattern::Exact(text.into()));
    let cases: [(EventFilter, Keeps); 8] = [
        (none(), |_| true),
        (EventFilter::workspace(HERE), |n| n.is_multiple_of(2)),
        (
            EventFilter {
                kind: exact("t1"),
                ..none()
            },
            |n| n % 3 == 1,
        ),
        (
            EventFilter {
                node: exact("n2"),
                ..none()
            },
            |n| n % 5 == 2,
        ),
        (
            EventFilter {
                session: exact("s3"),
                ..none()
            },
            |n| n % 7 == 3,
        ),
        (
            EventFilter {
                causation_id: Some("c4".into()),
                ..none()
            },
            |n| n % 11 == 4,
        ),
        (
            EventFilter {
                request_id: Some("r5".into()),
                ..none()
            },
            |n| n % 13 == 5,
        ),
        (
            EventFilter {
                text: Some("\"t2\"".into()),
                ..none()
            },
            |n| n % 3 == 2,
        ),
    ];
    for (filter, keeps) in cases {
        let page = open.page(&all(filter.clone())).await;
        // Event n has the seq 2n - 1.
        let expected: Vec<String> = (1..=300)
            .filter(|n| 2 * n > first && keeps(*n))
            .map(|n| format!("e{n}"))
            .collect();
        assert_eq!(ids(&page.events), expected, "{filter:?}");
        assert_eq!(page.total, Total::Exact(expected.len() as u64));
    }
    let key = |n: u64| EventKey {
        workspace: if n.is_multiple_of(2) { HERE } else { "there" }.into(),
        source: "/node/a".into(),
        id: format!("e{n}").into(),
    };
    assert!(open.store().get_by_id(&key(1)).await.unwrap().is_none());
    assert!(open.store().get_by_id(&key(300)).await.unwrap().is_some());
}

/// "Counts and sizes at this moment."
pub async fn stats_count_what_is_stored(factory: Factory) {
    let open = Open::new(factory).await;
    let stats = open.store().stats().await.unwrap();
    assert_eq!(
        (
            stats.events,
            stats.observations,
            stats.payload_bytes,
            stats.dropped_records
        ),
        (0, 0, 0, 0)
    );
    assert_eq!(
        (stats.first_seq, stats.last_seq, stats.oldest_received),
        (Seq::ZERO, Seq::ZERO, None)
    );
    let change = json!({"changed": {"x": 1}});
    open.append(vec![
        event("a"),
        event("a"),
        observation("a", "post", change),
    ])
    .await;
    open.subject.clock.advance(HOUR);
    open.append_to("there", vec![event("b"), super::support::text("{}")])
        .await;
    let stats = open.store().stats().await.unwrap();
    let texts = open.event("a").await.event.raw().len() * 2 + r#"{"x":1}"#.len();
    assert_eq!((stats.events, stats.observations), (2, 1));
    assert_eq!(stats.payload_bytes, texts as u64);
    assert_eq!((stats.first_seq, stats.last_seq), (Seq(1), Seq(3)));
    assert_eq!(stats.oldest_received, Some(start()));
    assert!(stats.stored_bytes > 0);
    let retained = open.store().retain(&by_bytes(0)).await.unwrap();
    let stats = open.store().stats().await.unwrap();
    assert_eq!(stats.dropped_records, retained.deleted_records);
    assert_eq!(
        stats.events + stats.observations,
        3 - retained.deleted_records
    );
}

/// "Returns when everything acknowledged so far would survive"; a store in order is ready.
pub async fn sync_and_health_of_a_good_store(factory: Factory) {
    let open = Open::new(factory).await;
    assert_eq!(open.store().health(), Health::Ready);
    open.store().sync().await.unwrap();
    open.append(events(1..=10)).await;
    open.store().sync().await.unwrap();
    assert_eq!(open.store().health(), Health::Ready);
}

/// What a store says it can do it does, and what it says it can't it doesn't.
pub async fn capabilities_are_true(factory: Factory) {
    let open = Open::new(factory).await;
    let capabilities = open.store().capabilities();
    for round in 0..3 {
        let first = round * CAPACITY + 1;
        open.append(events(first..=first + CAPACITY - 1)).await;
    }
    let stats = open.store().stats().await.unwrap();
    assert_eq!(stats.last_seq, Seq(3 * CAPACITY));
    if capabilities.bounded {
        assert!(stats.dropped_records > 0, "{stats:?}");
        assert!(stats.events >= CAPACITY - UNIT, "{stats:?}");
    } else {
        assert_eq!((stats.dropped_records, stats.first_seq), (0, Seq(1)));
    }
    let epoch = open.store().epoch();
    let reopen = open.subject.reopen;
    assert_eq!(capabilities.durable, reopen.is_some());
    drop(open.subject.store);
    if let Some(reopen) = reopen {
        let subject = reopen().await;
        assert_eq!(subject.store.epoch(), epoch);
        assert_eq!(
            subject.store.stats().await.unwrap().last_seq,
            stats.last_seq
        );
        let again = append(
            &*subject.store,
            HERE,
            vec![event(&format!("e{}", 3 * CAPACITY))],
        )
        .await;
        assert_eq!(again.duplicates, 1);
    } else {
        let fresh = Open::new(factory).await;
        assert_ne!(fresh.store().epoch(), epoch);
        assert_eq!(count(&fresh).await, 0);
    }
}

/// A store can be named in a message.
pub async fn a_store_names_itself(factory: Factory) {
    let open = Open::new(factory).await;
    assert!(!open.store().to_string().is_empty());
    assert!(!format!("{:?}", open.store()).is_empty());
    assert_eq!(open.store().epoch(), open.store().epoch());
    assert_eq!(
        open.store().epoch().to_string().parse(),
        Ok(open.store().epoch())
    );
}
