//! What is sent depends on what the server speaks, wants and takes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::http::StatusCode;

use loom_studio::sender::{Protocol, Refused, SenderConfig};
use loom_studio_server::Token;

use crate::fake::{FakeServer, Peer, Seen, Upgrade};
use crate::harness::{
    PATIENCE, TestServer, config, event, free_addr, large_event, memory, observation, pause, start,
    wait_for,
};

#[test]
fn a_server_without_the_subprotocol_gets_the_original_form() {
    for upgrade in [Upgrade::RefusesSubprotocols, Upgrade::IgnoresSubprotocols] {
        let seen = Seen::default();
        let heard = seen.clone();
        let server = FakeServer::start(upgrade, move |_, mut peer: Peer| {
            let seen = heard.clone();
            async move {
                while let Some(batch) = peer.batch().await {
                    seen.add(&batch);
                }
            }
        });
        let sender = start(config(&server.url()));
        for id in 0..600 {
            sender.push(&event(id)).unwrap();
            sender.observe(&observation(id)).unwrap();
        }
        assert!(sender.flush(PATIENCE), "{upgrade:?}");
        // A batch of observations alone has nothing to say.
        sender.observe(&observation(0)).unwrap();
        assert!(sender.close(PATIENCE), "{upgrade:?}");
        let stats = sender.stats();
        assert_eq!(stats.protocol, Some(Protocol::Original));
        assert_eq!(stats.acknowledged_events, 600);
        assert_eq!(stats.observations_unsupported, 601);

        // The socket was closed in good order, so everything was read.
        let expected: Vec<String> = (0..600).map(|id| id.to_string()).collect();
        wait_for(&sender, "the last frame", |_| {
            seen.ids().concat().len() == 600
        });
        assert_eq!(seen.ids().concat(), expected);
        for batch in seen.batches() {
            let members: Vec<&String> = batch.as_object().unwrap().keys().collect();
            assert_eq!(members, ["events", "type"], "{upgrade:?}");
            assert_eq!(batch["type"], "event_batch");
            assert_ne!(batch["events"], json!([]));
        }
    }
}

#[test]
fn credentials_and_workspaces_reach_the_server() {
    for (url, token, workspace, path, authorization) in [
        ("ws://ADDR", None, None, "/ws/ingest", None),
        (
            "http://ADDR/",
            Some("s3cret"),
            Some("a b"),
            "/ws/ingest?workspace=a%20b",
            Some("Bearer s3cret"),
        ),
        (
            "ws://any:s%2Fcret@ADDR/ws/ingest",
            None,
            None,
            "/ws/ingest",
            Some("Basic YW55OnMvY3JldA=="),
        ),
        (
            "ws://any:other@ADDR/studio/?workspace=x",
            Some("s3cret"),
            Some("y"),
            "/studio/ws/ingest?workspace=x",
            Some("Bearer s3cret"),
        ),
        ("ADDR", None, None, "/ws/ingest", None),
        ("WS://ADDR/ws/ingest#here", None, None, "/ws/ingest", None),
    ] {
        let server = FakeServer::start(Upgrade::V1, |_, mut peer: Peer| async move {
            peer.hello(&json!({})).await;
            peer.ack_all(&Seen::default()).await;
        });
        let sender = start(SenderConfig {
            token: token.map(str::to_owned),
            workspace: workspace.map(str::to_owned),
            ..config(&url.replace("ADDR", &server.addr.to_string()))
        });
        sender.push(&event(1)).unwrap();
        assert!(sender.flush(PATIENCE), "{url}");
        let expected = (path.to_owned(), authorization.map(str::to_owned));
        assert_eq!(server.requests(), [expected], "{url}");
    }
}

#[test]
fn a_token_opens_the_server_and_a_wrong_one_is_told() {
    let server = TestServer::over(memory(), |settings| {
        settings.tokens = vec![Token {
            secret: "right".to_owned(),
            workspace: None,
        }];
    });
    for url in [server.url(), server.url().replace("ws://", "ws://x:right@")] {
        let sender = start(SenderConfig {
            token: (!url.contains('@')).then(|| "right".to_owned()),
            ..config(&url)
        });
        sender.push(&event(&url)).unwrap();
        assert!(sender.flush(PATIENCE), "{:?}", sender.stats());
    }
    let sender = start(SenderConfig {
        token: Some("wrong".to_owned()),
        ..config(&server.url())
    });
    sender.push(&event("never")).unwrap();
    let stats = wait_for(&sender, "the refusal", |stats| stats.last_error.is_some());
    let error = stats.last_error.unwrap();
    assert!(error.contains("token") && error.contains("401"), "{error}");
    assert!(!error.contains("wrong"), "{error}");
    assert_eq!((stats.connected, stats.queued_events), (false, 1));
    assert_eq!(server.count(), 2);
}

#[test]
fn a_refusal_is_no_reason_to_try_again_at_once() {
    let upgrade = Upgrade::Refuses(StatusCode::UNAUTHORIZED);
    let server = FakeServer::start(upgrade, |_, _| async {});
    let sender = start(SenderConfig {
        // Nearly all draws from so long a wait outlast the test.
        backoff_max: Duration::from_hours(1_000),
        ..config(&server.url())
    });
    wait_for(&sender, "the refusal", |stats| stats.last_error.is_some());
    sender.push(&event(1)).unwrap();
    pause(Duration::from_millis(300));
    assert_eq!(server.attempts(), 1);
    // Whoever waits for a flush has one more try.
    assert!(!sender.flush(Duration::ZERO));
    wait_for(&sender, "another attempt", |_| server.attempts() == 2);
}

#[test]
fn events_larger_than_the_server_takes_are_refused_and_counted() {
    let addr = free_addr();
    let sender = start(config(&format!("ws://{addr}")));
    // Accepted while nobody knows better.
    sender.push(&event("before")).unwrap();
    sender.push(&large_event("large before", 5_000)).unwrap();
    sender.push(&event("between")).unwrap();
    let server = TestServer::over(memory(), |settings| {
        settings.port = addr.port();
        settings.limits.max_event_bytes = 4_000;
    });
    assert!(sender.flush(PATIENCE));
    assert_eq!(sender.stats().dropped_too_large, 1);
    let refused = sender.push(&large_event("large", 5_000));
    assert_eq!(refused, Err(Refused::TooLarge));
    sender.push(&large_event("small enough", 3_000)).unwrap();
    assert!(sender.flush(PATIENCE));
    let stats = sender.stats();
    assert_eq!((stats.dropped_too_large, stats.rejected), (2, 0));
    assert_eq!(stats.acknowledged_events, 3);
    assert_eq!((stats.queued_events, stats.queued_bytes), (0, 0));
    assert_eq!(server.ids(), ["before", "between", "small enough"]);
}

#[test]
fn batches_are_divided_for_a_server_with_small_frames() {
    for compress in [false, true] {
        let server = TestServer::over(memory(), |settings| {
            settings.limits.max_event_bytes = 3_000;
            settings.limits.max_frame_bytes = 4_096;
            settings.limits.max_inflated_bytes = 4_096;
        });
        let mut config = config(&server.url());
        config.compress = compress;
        let sender = start(config);
        for id in 0..100 {
            sender.push(&large_event(id, id * 20)).unwrap();
            sender.observe(&observation(id)).unwrap();
        }
        assert!(sender.flush(PATIENCE), "{:?}", sender.stats());
        let stats = sender.stats();
        assert_eq!((stats.lost(), stats.queued_bytes), (0, 0), "{stats:?}");
        assert_eq!(server.count(), 200);
        let expected: Vec<String> = (0..100).map(|id| id.to_string()).collect();
        assert_eq!(server.ids(), expected);
    }
}

#[test]
fn the_session_goes_into_events_that_have_none() {
    let seen = Seen::default();
    let heard = seen.clone();
    let server = FakeServer::start(Upgrade::V1, move |_, mut peer: Peer| {
        let seen = heard.clone();
        async move {
            peer.hello(&json!({})).await;
            peer.ack_all(&seen).await;
        }
    });
    let sender = start(SenderConfig {
        session: "s \"1\"".to_owned(),
        ..config(&server.url())
    });
    sender.push(b" {\"id\":\"1\"}\n").unwrap();
    sender.push(b"{ }").unwrap();
    sender.push(br#"{"id":"3","studiosession":"own"}"#).unwrap();
    sender.observe(br#"{"of":"1"}"#).unwrap();
    assert!(sender.flush(PATIENCE));
    let batch = &seen.batches()[0];
    let events: &Value = &batch["events"];
    assert_eq!(
        events,
        &json!([
            {"id": "1", "studiosession": "s \"1\""},
            {"studiosession": "s \"1\""},
            {"id": "3", "studiosession": "own"},
        ])
    );
    assert_eq!(batch["observations"], json!([{"of": "1"}]));
}
