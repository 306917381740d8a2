//! Everything that is accepted arrives, once, whatever the server does.

use std::collections::{HashMap, HashSet};
use std::thread;

use loom_studio::sender::{Protocol, Sender};

use crate::harness::{
    PATIENCE, TestServer, config, event, free_addr, memory, observation, start, wait_for,
};

/// Pushes events `thread-0` … from several threads at once, each followed by its observation.
fn push_concurrently(sender: &Sender, threads: usize, each: usize) {
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for index in 0..each {
                    let id = format!("{thread}-{index}");
                    sender.push(&event(&id)).unwrap();
                    sender.observe(&observation(&id)).unwrap();
                }
            });
        }
    });
}

/// Every id once, and those of one thread in the order they were pushed in.
#[track_caller]
fn assert_complete(ids: &[String], threads: usize, each: usize) {
    let unique: HashSet<&String> = ids.iter().collect();
    assert_eq!((ids.len(), unique.len()), (threads * each, threads * each));
    let mut next: HashMap<&str, usize> = HashMap::new();
    for id in ids {
        let (thread, index) = id.split_once('-').unwrap();
        let next = next.entry(thread).or_default();
        assert_eq!(index, next.to_string(), "of thread {thread}");
        *next += 1;
    }
}

#[test]
fn all_arrives_once_and_in_order() {
    for compress in [false, true] {
        let server = TestServer::start();
        let mut config = config(&server.url());
        config.compress = compress;
        let sender = start(config);
        push_concurrently(&sender, 4, 5_000);
        assert!(sender.flush(PATIENCE));
        let stats = sender.stats();
        assert_eq!(stats.acknowledged_events, 20_000);
        assert_eq!(stats.acknowledged_observations, 20_000);
        assert_eq!((stats.queued_events, stats.queued_bytes), (0, 0));
        assert_eq!((stats.lost(), stats.duplicates), (0, 0), "{stats:?}");
        assert_eq!(stats.protocol, Some(Protocol::V1));
        assert_eq!(server.count(), 40_000);
        assert_complete(&server.ids(), 4, 5_000);
        let is_small = stats.sent_bytes < 40_000 * 50;
        assert_eq!(is_small, compress, "{} bytes", stats.sent_bytes);
        assert!(sender.close(PATIENCE));
    }
}

#[test]
fn a_server_that_comes_later_gets_everything() {
    let addr = free_addr();
    let sender = start(config(&format!("ws://{addr}")));
    push_concurrently(&sender, 2, 1_000);
    let stats = wait_for(&sender, "a failed attempt", |stats| {
        stats.last_error.is_some()
    });
    assert!(
        !stats.connected && stats.queued_events == 2_000,
        "{stats:?}"
    );
    let server = TestServer::again(&memory(), addr);
    assert!(sender.flush(PATIENCE));
    assert_complete(&server.ids(), 2, 1_000);
    assert!(sender.stats().connected);
}

#[test]
fn nothing_is_lost_or_doubled_when_servers_are_killed() {
    let store = memory();
    let mut server = TestServer::over(store.clone(), |_| {});
    let addr = server.addr;
    let mut config = config(&server.url());
    // Many small batches, so that some are always on their way.
    config.batch_events = 16;
    let sender = start(config);
    let (threads, each) = (2, 10_000);
    thread::scope(|scope| {
        scope.spawn(|| push_concurrently(&sender, threads, each));
        for kill in 1..=5 {
            wait_for(&sender, "some deliveries", |stats| {
                stats.acknowledged_events >= kill * 2_000
            });
            server.kill();
            server = TestServer::again(&store, addr);
        }
    });
    assert!(sender.flush(PATIENCE), "{:?}", sender.stats());
    let stats = sender.stats();
    assert_eq!(stats.lost(), 0, "{stats:?}");
    assert_eq!(stats.acknowledged_events, 20_000, "{stats:?}");
    assert!(stats.reconnects >= 1, "{stats:?}");
    assert_eq!(server.count(), 40_000);
    assert_complete(&server.ids(), threads, each);
}

#[test]
fn nothing_is_lost_when_a_server_shuts_down() {
    let store = memory();
    let mut server = TestServer::over(store.clone(), |_| {});
    let addr = server.addr;
    let sender = start(config(&server.url()));
    sender.push(&event("0-0")).unwrap();
    assert!(sender.flush(PATIENCE));
    for index in 1..=3 {
        server.begin_shutdown();
        sender.push(&event(format!("0-{index}"))).unwrap();
        let stats = wait_for(&sender, "the end of the connection", |stats| {
            !stats.connected
        });
        assert!(stats.last_error.is_some());
        server.kill();
        server = TestServer::again(&store, addr);
        assert!(sender.flush(PATIENCE));
    }
    assert_complete(&server.ids(), 1, 4);
    assert_eq!(sender.stats().lost(), 0);
}
