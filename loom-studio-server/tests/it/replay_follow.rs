//! Following replay sessions by WebSocket, and playing them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::harness::{TestServer, V1, within};
use crate::http_client::Request;
use crate::replay::{create, post, timed};
use crate::websocket::{Dial, Socket};

/// A server with so many events, `apart` milliseconds from one to the next.
async fn recorded(count: u64, apart: u64) -> TestServer {
    let server = TestServer::start().await;
    let events: Vec<Value> = (0..count)
        .map(|number| {
            timed(
                &format!("e{number}"),
                &format!("kind.{number}"),
                number * apart,
            )
        })
        .collect();
    for events in events.chunks(1_000) {
        server.append(events).await;
    }
    server
}

fn id_of(session: &str) -> &str {
    session.rsplit('/').next().unwrap()
}

async fn follow(server: &TestServer, session: &str) -> Socket {
    let (mut socket, _) = server.viewer_v1().await;
    let frame = json!({"type": "follow_replay", "session_id": id_of(session)});
    socket.send_json(&frame).await;
    socket
}

fn index(frame: &Value) -> u64 {
    frame["index"].as_u64().unwrap()
}

/// Reads replay frames up to one that is wanted, and returns all of them. The cursor never goes back.
async fn frames_until(socket: &mut Socket, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut frames: Vec<Value> = Vec::new();
    loop {
        let frame = socket.frame("replay").await;
        if let Some(last) = frames.last() {
            assert!(index(&frame) >= index(last), "{last}, then {frame}");
        }
        let is_last = wanted(&frame);
        frames.push(frame);
        if is_last {
            return frames;
        }
    }
}

#[tokio::test]
async fn all_followers_hear_of_steps() {
    let server = recorded(3, 1_000).await;
    let session = create(&server, "").await;
    let (mut one, mut two) = (
        follow(&server, &session).await,
        follow(&server, &session).await,
    );
    let begin = json!({
        "type": "replay", "session_id": id_of(&session), "state": "paused", "index": 0, "total": 3, "seq": 0,
        "time_us": 1_767_322_800_000_000_u64, "speed": 1.0, "breakpoint": null,
    });
    for socket in [&mut one, &mut two] {
        assert_eq!(socket.frame("replay").await, begin);
    }
    for (seq, state) in [(1, "paused"), (2, "paused"), (3, "ended")] {
        post(&server, &format!("{session}/step")).await.ok();
        for socket in [&mut one, &mut two] {
            let frame = socket.frame("replay").await;
            assert_eq!(
                (&frame["index"], &frame["seq"], &frame["state"]),
                (&json!(seq), &json!(seq), &json!(state))
            );
        }
    }
    let unfollow = json!({"type": "unfollow_replay", "session_id": id_of(&session)});
    two.send_json(&unfollow).await;
    two.send_json(&json!({"type": "unsubscribe", "sub": 1}))
        .await;
    post(&server, &format!("{session}/jump?index=1")).await.ok();
    assert_eq!(index(&one.frame("replay").await), 1);
    Request::new("DELETE", &session)
        .send(server.addr)
        .await
        .ok();
    let ended = one.frame("error").await;
    assert_eq!(ended["code"], "unknown_replay");
    assert_eq!(
        two.close().await,
        Vec::<Value>::new(),
        "who doesn't follow hears nothing"
    );
}

#[tokio::test]
async fn only_what_is_there_can_be_followed() {
    let server = recorded(1, 0).await;
    let session = create(&server, "").await;
    let mut foreign = Dial::protocol(V1)
        .open(server.addr, "/ws/events?workspace=team")
        .await;
    foreign.frame("hello").await;
    for id in [id_of(&session), "r-1", ""] {
        foreign
            .send_json(&json!({"type": "follow_replay", "session_id": id}))
            .await;
        let error = foreign.frame("error").await;
        assert_eq!(
            (&error["code"], &error["sub"]),
            (&json!("unknown_replay"), &Value::Null)
        );
    }
    let mut socket = follow(&server, &session).await;
    assert_eq!(socket.frame("replay").await["total"], 1);
}

#[tokio::test]
async fn a_play_goes_in_order_to_the_end() {
    let server = recorded(40, 10).await;
    let session = create(&server, "").await;
    let mut socket = follow(&server, &session).await;
    socket.frame("replay").await;
    let begun = post(&server, &format!("{session}/play?speed=2")).await.ok();
    assert_eq!(
        (&begun["state"], &begun["speed"]),
        (&json!("playing"), &json!(2.0))
    );
    let frames = frames_until(&mut socket, |frame| frame["state"] == "ended").await;
    assert_eq!(index(frames.last().unwrap()), 40);
    assert!(frames.len() > 2, "it moves step by step: {frames:?}");
    assert!(frames.iter().all(|frame| frame["speed"] == 2.0));
    // There is nothing more to play.
    let again = post(&server, &format!("{session}/play")).await.ok();
    assert_eq!(again["state"], "ended");
    for speed in ["0", "-1", "NaN", "inf", "1e9", "fast"] {
        post(&server, &format!("{session}/play?speed={speed}"))
            .await
            .problem(400, "invalid");
    }
}

#[tokio::test]
async fn a_play_pauses_when_told_and_at_breakpoints() {
    let server = recorded(1_000, 1_000).await;
    let session = create(&server, "").await;
    let mut socket = follow(&server, &session).await;
    post(&server, &format!("{session}/play?speed=100"))
        .await
        .ok();
    frames_until(&mut socket, |frame| index(frame) >= 3).await;
    let paused = post(&server, &format!("{session}/pause")).await.ok();
    assert_eq!(paused["state"], "paused");
    let frames = frames_until(&mut socket, |frame| frame["state"] == "paused").await;
    assert_eq!(index(frames.last().unwrap()), index(&paused));
    sleep(Duration::from_millis(60)).await;
    let later = server.get(&session).await.ok();
    assert_eq!(later, paused, "it stands");

    let stop = index(&paused) + 5;
    let body = json!({"breakpoints": [{"id": "here", "condition": format!("type = kind.{stop}")}]});
    let set = Request::post(
        &format!("{session}/breakpoints"),
        "application/json",
        body.to_string(),
    );
    set.with_method("PUT").send(server.addr).await.ok();
    // A second player takes the place of the first.
    post(&server, &format!("{session}/play?speed=0.01"))
        .await
        .ok();
    post(&server, &format!("{session}/play?speed=500"))
        .await
        .ok();
    let frames = frames_until(&mut socket, |frame| {
        frame["state"] == "paused" && frame["breakpoint"] == "here"
    })
    .await;
    assert_eq!(index(frames.last().unwrap()), stop + 1);
    sleep(Duration::from_millis(60)).await;
    assert_eq!(index(&server.get(&session).await.ok()), stop + 1);
}

#[tokio::test]
async fn a_viewer_that_does_not_read_holds_nothing_up() {
    let server = recorded(20_000, 1).await;
    let session = create(&server, "").await;
    let mut slow = follow(&server, &session).await;
    post(&server, &format!("{session}/play?speed=10000"))
        .await
        .ok();
    within("the end", async {
        while server.get(&session).await.ok()["state"] != "ended" {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let frames = frames_until(&mut slow, |frame| frame["state"] == "ended").await;
    assert_eq!(index(frames.last().unwrap()), 20_000);
    assert!(
        frames.len() < 2_000,
        "places are passed over, not kept: {}",
        frames.len()
    );
}

#[tokio::test]
async fn a_server_stops_while_a_session_plays() {
    let server = recorded(100, 1_000).await;
    let session = create(&server, "").await;
    let mut socket = follow(&server, &session).await;
    post(&server, &format!("{session}/play")).await.ok();
    server.begin_shutdown();
    socket.closed_with(1001).await;
    within("the end", server.ended()).await;
}

#[tokio::test]
async fn a_followed_session_is_in_use() {
    use loom_studio_core::{Clock as _, ManualClock, SystemClock};
    let clock = std::sync::Arc::new(ManualClock::new(SystemClock.now()));
    let components = loom_studio_server::Components {
        clock: clock.clone(),
        ..loom_studio_server::Components::default()
    };
    let server = TestServer::of(crate::harness::memory(), components, |_| {}).await;
    server.append(&[timed("1", "a", 0)]).await;
    let session = create(&server, "").await;
    let mut socket = follow(&server, &session).await;
    socket.frame("replay").await;
    clock.advance(Duration::from_hours(2));
    server.get(&session).await.ok();
    // Whoever follows is told of the end.
    Request::new("DELETE", &session)
        .send(server.addr)
        .await
        .ok();
    socket.frame("error").await;
}

#[tokio::test]
async fn events_of_one_moment_are_played_one_after_the_other() {
    let server = recorded(5_000, 0).await;
    let session = create(&server, "").await;
    let mut socket = follow(&server, &session).await;
    let begun = post(&server, &format!("{session}/play?speed=0.01")).await;
    assert_eq!(begun.ok()["state"], "playing");
    // They take none of the time of others: a request is answered on the way.
    let paused = post(&server, &format!("{session}/pause")).await.ok();
    assert_eq!(paused["state"], "paused");
    assert!(index(&paused) < 5_000, "{paused}");
    post(&server, &format!("{session}/play")).await.ok();
    let frames = frames_until(&mut socket, |frame| frame["state"] == "ended").await;
    assert_eq!(index(frames.last().unwrap()), 5_000);
}

#[tokio::test]
async fn a_play_that_nobody_follows_ends_after_a_while() {
    let server =
        TestServer::with(|settings| settings.limits.replay_unwatched = Duration::from_millis(200))
            .await;
    let events: Vec<Value> = (0..10_000)
        .map(|number| timed(&format!("e{number}"), "kind", number * 20))
        .collect();
    server.append(&events).await;
    let (watched, alone) = (create(&server, "").await, create(&server, "").await);
    let mut socket = follow(&server, &watched).await;
    for session in [&watched, &alone] {
        let begun = post(&server, &format!("{session}/play")).await.ok();
        assert_eq!(begun["state"], "playing");
    }
    within("the pause", async {
        while server.get(&alone).await.ok()["state"] == "playing" {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let stands = server.get(&alone).await.ok();
    assert_eq!(stands["state"], "paused");
    assert!(index(&stands) < 10_000, "{stands}");
    assert_eq!(server.get(&watched).await.ok()["state"], "playing");
    frames_until(&mut socket, |frame| index(frame) > index(&stands)).await;
    // It plays on when it is told to.
    let again = post(&server, &format!("{alone}/play")).await.ok();
    assert_eq!(again["state"], "playing");
}
