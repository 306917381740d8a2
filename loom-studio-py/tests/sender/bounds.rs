//! What is held stays within its bounds, and no wait outlasts its limit.

use std::time::Duration;

use loom_studio::sender::{Refused, Sender, SenderConfig};

use crate::harness::{
    PATIENCE, TestServer, config, event, free_addr, large_event, memory, observation, start,
    wait_for,
};
use crate::stores::GatedStore;

/// Pushes events `from` … until one is refused; returns the number of the first refused.
fn fill(sender: &Sender, from: usize, bytes: usize) -> usize {
    for id in from.. {
        if let Err(refused) = sender.push(&large_event(id, bytes)) {
            assert_eq!(refused, Refused::Full);
            return id;
        }
    }
    unreachable!("memory ends before numbers do")
}

#[test]
fn without_a_server_the_oldest_that_fit_are_kept() {
    let addr = free_addr();
    let sender = start(SenderConfig {
        max_queued_events: 1_000,
        ..config(&format!("ws://{addr}"))
    });
    for id in 0..3_000 {
        let accepted = sender.push(&event(id));
        assert_eq!(accepted.is_ok(), id < 1_000);
    }
    let stats = sender.stats();
    assert_eq!((stats.queued_events, stats.dropped_full), (1_000, 2_000));
    let server = TestServer::again(&memory(), addr);
    assert!(sender.flush(PATIENCE));
    let expected: Vec<String> = (0..1_000).map(|id| id.to_string()).collect();
    assert_eq!(server.ids(), expected);
    sender.push(&event("there is room again")).unwrap();
}

#[test]
fn a_store_that_stands_still_bounds_what_is_held() {
    const MAX_BYTES: u64 = 1 << 20;
    let store = GatedStore::closed(memory());
    let server = TestServer::over(store.clone(), |settings| {
        settings.limits.ingest_window_bytes = 128 << 10;
    });
    let sender = start(SenderConfig {
        max_queued_bytes: MAX_BYTES as usize,
        batch_bytes: 16 << 10,
        compress: false,
        ..config(&server.url())
    });
    wait_for(&sender, "the connection", |stats| stats.connected);
    let accepted = fill(&sender, 0, 1_000);
    let stats = wait_for(&sender, "a full window", |stats| {
        stats.sent_bytes > 96 << 10
    });
    assert!(stats.sent_bytes <= 128 << 10, "{stats:?}");
    assert!(stats.queued_bytes <= MAX_BYTES, "{stats:?}");
    assert!(stats.queued_bytes > MAX_BYTES - 2_000, "{stats:?}");
    assert_eq!(stats.queued_events as usize, accepted);
    assert!(!sender.flush(Duration::from_millis(20)));
    store.open();
    assert!(sender.flush(PATIENCE));
    let stats = sender.stats();
    assert_eq!((stats.queued_events, stats.queued_bytes), (0, 0));
    assert_eq!((server.count(), stats.lost()), (accepted, 1));
}

#[test]
fn observations_count_and_large_entries_are_refused() {
    let sender = start(SenderConfig {
        max_queued_events: 3,
        max_queued_bytes: 2_000,
        ..config(&format!("ws://{}", free_addr()))
    });
    assert_eq!(sender.push(&large_event(1, 2_000)), Err(Refused::TooLarge));
    sender.push(&event(1)).unwrap();
    sender.observe(&observation(1)).unwrap();
    assert_eq!(sender.push(&large_event(2, 1_800)), Err(Refused::Full));
    sender.push(&event(2)).unwrap();
    assert_eq!(sender.observe(&observation(2)), Err(Refused::Full));
    let stats = sender.stats();
    assert_eq!((stats.queued_events, stats.queued_observations), (2, 1));
    let expected = event(1).len() + observation(1).len() + event(2).len() + 3;
    assert_eq!(stats.queued_bytes as usize, expected);
    assert_eq!((stats.dropped_full, stats.dropped_too_large), (2, 1));
}

#[test]
fn waits_end_without_a_server() {
    let sender = start(config(&format!("ws://{}", free_addr())));
    assert!(
        sender.flush(Duration::ZERO),
        "nothing is nothing to wait for"
    );
    sender.push(&event(1)).unwrap();
    assert!(!sender.flush(Duration::from_millis(20)));
    assert_eq!(sender.stats().queued_events, 1);
    assert!(!sender.close(Duration::from_millis(20)));
    let stats = sender.stats();
    assert_eq!((stats.dropped_closed, stats.queued_events), (1, 0));
    assert_eq!(sender.push(&event(2)), Err(Refused::Closed));
    assert_eq!(sender.stats().dropped_closed, 2);
    // Again, and by another handle.
    assert!(!sender.clone().close(PATIENCE));
    assert!(!sender.flush(PATIENCE));
}

#[test]
fn a_close_with_nothing_to_deliver_does_not_wait_for_a_server() {
    let sender = start(SenderConfig {
        backoff_max: Duration::from_hours(1_000),
        ..config(&format!("ws://{}", free_addr()))
    });
    assert!(sender.close(Duration::MAX));
}

#[test]
fn a_close_tries_until_its_time_is_over() {
    let addr = free_addr();
    let sender = start(SenderConfig {
        backoff_max: Duration::from_hours(1_000),
        ..config(&format!("ws://{addr}"))
    });
    sender.push(&event(1)).unwrap();
    let closing = sender.clone();
    let closing = std::thread::spawn(move || closing.close(PATIENCE));
    wait_for(&sender, "a failed attempt", |stats| {
        stats.last_error.is_some()
    });
    let server = TestServer::again(&memory(), addr);
    assert!(closing.join().unwrap());
    assert_eq!(server.ids(), ["1"]);
}

#[test]
fn the_last_handle_delivers_when_it_is_dropped() {
    let server = TestServer::start();
    let sender = start(SenderConfig {
        drop_timeout: PATIENCE,
        batch_delay: Duration::from_hours(1),
        ..config(&server.url())
    });
    drop(sender.clone());
    sender.push(&event(1)).unwrap();
    drop(sender);
    assert_eq!(server.ids(), ["1"]);
}

#[test]
fn a_forgotten_sender_refuses_and_is_never_waited_for() {
    let server = TestServer::start();
    let sender = start(SenderConfig {
        drop_timeout: Duration::MAX,
        ..config(&format!("ws://{}", free_addr()))
    });
    sender.push(&event("the parent's")).unwrap();
    let clone = sender.clone();
    sender.forget_after_fork();
    assert_eq!(clone.push(&event(1)), Err(Refused::Closed));
    assert!(!clone.flush(Duration::MAX));
    assert!(!clone.close(Duration::MAX));
    assert_eq!(clone.stats().accepted_events, 0);
    drop(clone);
    let own = start(config(&server.url()));
    own.push(&event(2)).unwrap();
    assert!(own.flush(PATIENCE));
}
