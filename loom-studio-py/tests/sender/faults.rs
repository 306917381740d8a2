//! Answers that are not acknowledgements, or don't come.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use loom_studio::sender::SenderConfig;
use serde_json::{Value, json};

use crate::fake::{FakeServer, Peer, Seen, Upgrade};
use crate::harness::{
    PATIENCE, TestServer, config, event, memory, observation, pause, start, wait_for,
};
use crate::stores::GatedStore;

/// One event to a batch.
fn one_by_one(url: &str) -> SenderConfig {
    SenderConfig {
        batch_events: 1,
        ..config(url)
    }
}

fn ids(groups: &[&[&str]]) -> Vec<Vec<String>> {
    let owned = |group: &&[&str]| group.iter().map(|id| (*id).to_owned()).collect();
    groups.iter().map(owned).collect()
}

#[test]
fn unacknowledged_batches_go_again_as_they_were() {
    let (before, after) = (Seen::default(), Seen::default());
    let (first, second) = (before.clone(), after.clone());
    let server = FakeServer::start(Upgrade::V1, move |connection, mut peer: Peer| {
        let (before, after) = (first.clone(), second.clone());
        async move {
            peer.hello(&json!({})).await;
            if connection > 1 {
                return peer.ack_all(&after).await;
            }
            for index in 0..4 {
                let batch = peer.batch().await.unwrap();
                before.add(&batch);
                if index == 0 {
                    peer.ack(&batch).await;
                }
            }
        }
    });
    let sender = start(one_by_one(&server.url()));
    for id in 1..=6 {
        sender.push(&event(id)).unwrap();
    }
    assert!(sender.flush(PATIENCE));
    assert_eq!(before.ids(), ids(&[&["1"], &["2"], &["3"], &["4"]]));
    assert_eq!(
        after.ids(),
        ids(&[&["2"], &["3"], &["4"], &["5"], &["6"]]),
        "what was acknowledged isn't sent again"
    );
    let numbers: Vec<u64> = after
        .batches()
        .iter()
        .map(|batch| batch["batch"].as_u64().unwrap())
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let stats = sender.stats();
    assert_eq!((stats.reconnects, stats.acknowledged_events), (1, 6));
}

#[test]
fn a_refused_batch_waits_and_goes_again_before_later_ones() {
    let seen = Seen::default();
    let heard = seen.clone();
    let server = FakeServer::start(Upgrade::V1, move |_, mut peer: Peer| {
        let seen = heard.clone();
        async move {
            peer.hello(&json!({})).await;
            let mut batches = Vec::new();
            for _ in 0..3 {
                let batch = peer.batch().await.unwrap();
                seen.add(&batch);
                batches.push(batch);
            }
            // The event is refused, its observation then unknown, something else stored.
            peer.nack(&batches[0]).await;
            let unknown = json!([{"index": 0, "code": "unknown_event", "detail": "not stored"}]);
            peer.ack_with(&batches[1], &unknown).await;
            peer.ack(&batches[2]).await;
            peer.ack_all(&seen).await;
        }
    });
    let sender = start(one_by_one(&server.url()));
    sender.push(&event(1)).unwrap();
    sender.observe(&observation(1)).unwrap();
    sender.push(&event(2)).unwrap();
    assert!(sender.flush(PATIENCE));
    sender.push(&event(3)).unwrap();
    assert!(sender.flush(PATIENCE));
    assert_eq!(seen.ids(), ids(&[&["1"], &[], &["2"], &["1"], &[], &["3"]]));
    let observed = |batch: &Value| batch["observations"][0]["of"].clone();
    let batches = seen.batches();
    assert_eq!(
        (observed(&batches[1]), observed(&batches[4])),
        (json!("1"), json!("1"))
    );
    let stats = sender.stats();
    assert_eq!((stats.refused_batches, stats.lost()), (1, 0), "{stats:?}");
    assert_eq!(stats.acknowledged_events, 3);
    assert_eq!(stats.acknowledged_observations, 1);
    let error = stats.last_error.unwrap();
    assert!(error.contains("store_full"), "{error}");
}

#[test]
fn a_full_store_gets_everything_once_it_has_space() {
    let store = GatedStore::full(memory());
    let server = TestServer::over(store.clone(), |_| {});
    let sender = start(one_by_one(&server.url()));
    for id in 1..=50 {
        sender.push(&event(id)).unwrap();
        sender.observe(&observation(id)).unwrap();
    }
    wait_for(&sender, "a refusal", |stats| stats.refused_batches > 0);
    store.set_full(false);
    assert!(sender.flush(PATIENCE));
    let stats = sender.stats();
    assert_eq!((stats.lost(), stats.acknowledged_events), (0, 50));
    assert_eq!(server.count(), 100);
}

#[test]
fn a_rejected_entry_costs_itself_and_is_told() {
    let server = TestServer::start();
    let sender = start(config(&server.url()));
    sender.push(&event(1)).unwrap();
    sender.push(br#"{"specversion":"1.0","id":"x"}"#).unwrap();
    sender.push(&event(2)).unwrap();
    sender.observe(&observation("never seen")).unwrap();
    assert!(sender.flush(PATIENCE));
    let stats = sender.stats();
    assert_eq!((stats.acknowledged_events, stats.rejected), (2, 2));
    assert_eq!(stats.acknowledged_observations, 0);
    let error = stats.last_error.unwrap();
    assert!(error.contains("unknown_event"), "{error}");
    assert_eq!(server.ids(), ["1", "2"]);
}

#[test]
fn what_is_no_json_costs_only_itself() {
    for compress in [false, true] {
        let server = TestServer::start();
        let mut config = config(&server.url());
        config.compress = compress;
        let sender = start(config);
        for text in ["", "[]", "1", "{", "}", "nothing"] {
            assert!(sender.push(text.as_bytes()).is_err(), "{text}");
        }
        sender.push(&event(1)).unwrap();
        // The server finds the end of this one by itself.
        sender.push(br#"{"id":NaN}"#).unwrap();
        assert!(sender.flush(PATIENCE));
        // Of these it can't.
        sender.push(br#"{"id":"open}"#).unwrap();
        sender.push(&event(2)).unwrap();
        sender.observe(&observation(2)).unwrap();
        assert!(sender.flush(PATIENCE));
        sender.push(&event(3)).unwrap();
        sender.push(b"{\"id\":\"\xff\"}").unwrap();
        sender.push(&event(4)).unwrap();
        assert!(sender.flush(PATIENCE));
        assert_eq!(server.ids(), ["1", "2", "3", "4"]);
        let stats = sender.stats();
        assert_eq!((stats.dropped_invalid, stats.rejected), (8, 1), "{stats:?}");
        assert_eq!(stats.acknowledged_observations, 1);
        assert_eq!((stats.queued_events, stats.queued_bytes), (0, 0));
    }
}

#[test]
fn a_server_that_can_read_nothing_is_not_asked_for_ever() {
    let server = FakeServer::start(Upgrade::V1, |_, mut peer: Peer| async move {
        peer.hello(&json!({})).await;
        while peer.batch().await.is_some() {
            let error =
                json!({"type": "error", "batch": null, "code": "invalid_frame", "detail": "?"});
            peer.send(&error).await;
        }
    });
    let sender = start(config(&server.url()));
    sender.push(&event(1)).unwrap();
    assert!(sender.flush(PATIENCE));
    assert_eq!(sender.stats().dropped_invalid, 1);
}

#[test]
fn a_silent_server_is_left_for_a_new_connection() {
    let seen = Seen::default();
    let heard = seen.clone();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let server = FakeServer::start(Upgrade::V1, move |connection, mut peer: Peer| {
        let (seen, kept) = (heard.clone(), Arc::clone(&kept));
        async move {
            peer.hello(&json!({})).await;
            if connection == 1 {
                // Neither read nor closed: as after a cable was pulled.
                kept.lock().unwrap().push(peer);
            } else {
                peer.ack_all(&seen).await;
            }
        }
    });
    let sender = start(SenderConfig {
        silence_timeout: Duration::from_millis(200),
        ..config(&server.url())
    });
    sender.push(&event(1)).unwrap();
    assert!(sender.flush(PATIENCE));
    assert_eq!(seen.ids(), ids(&[&["1"]]));
    assert_eq!(sender.stats().reconnects, 1);
}

#[test]
fn a_quiet_connection_is_kept_and_a_sleeping_sender_wakes() {
    let server = TestServer::start();
    let sender = start(SenderConfig {
        batch_delay: Duration::from_millis(1),
        silence_timeout: Duration::from_secs(1),
        ..config(&server.url())
    });
    for id in 1..=3 {
        // Long enough to fall asleep, and to be pinged.
        pause(Duration::from_millis(700));
        sender.push(&event(id)).unwrap();
        wait_for(&sender, "the event, without a flush", |stats| {
            stats.acknowledged_events == id
        });
    }
    assert_eq!(sender.stats().reconnects, 0);
}
