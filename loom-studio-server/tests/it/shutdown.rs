//! The life of the process: how it starts, what it prints, what it costs, how it ends.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{V1, batch_of, event, event_with_data, numbered, within};
use crate::http_client::Request;
use crate::process::{Outcome, Process, command, outcome};
use crate::websocket::{Dial, Received, Socket};

async fn ingest_v1(process: &Process) -> Socket {
    let mut socket = Dial::protocol(V1).open(process.addr, "/ws/ingest").await;
    socket.frame("hello").await;
    socket
}

#[tokio::test]
async fn standard_output_is_one_url_that_answers() {
    let process = Process::start(&[]).await;
    assert_eq!(process.url, format!("http://{}/\n", process.addr));
    assert!(process.addr.ip().is_loopback());
    assert_eq!(Request::get("/readyz").send(process.addr).await.status, 200);
    process.signal("TERM").await;
    let (status, rest, log) = process.ended().await;
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""), "{log}");
}

#[tokio::test]
async fn the_verb_may_be_written_out() {
    let process = Process::of(command(&["serve", "--port", "0", "--memory"])).await;
    assert_eq!(
        Request::get("/healthz").send(process.addr).await.status,
        200
    );
    process.signal("INT").await;
    assert_eq!(process.ended().await.0.code(), Some(0));
}

#[tokio::test]
async fn on_sigterm_what_was_read_is_acknowledged_and_visible_and_all_sockets_close() {
    let process = Process::start(&[]).await;
    let mut producer = ingest_v1(&process).await;
    let mut viewer = Dial::protocol(V1).open(process.addr, "/ws/events").await;
    viewer.frame("hello").await;
    viewer
        .send_json(&json!({"type": "subscribe", "sub": 1, "from": {"last": 0}}))
        .await;
    let mut original = Dial::default().open(process.addr, "/ws/ingest").await;
    for batch in 1..=50 {
        let ids: Vec<Value> = (0..100)
            .map(|index| event(format!("{batch}/{index}")))
            .collect();
        producer.send_json(&numbered(batch, &ids)).await;
    }
    let first = producer.frame("ack").await;
    assert_eq!(first["last_seq"], 100);
    // An acknowledged batch is visible to a request made before the signal.
    let page = Request::get("/api/events?limit=1")
        .send(process.addr)
        .await
        .ok();
    assert!(page["total"].as_u64().unwrap() >= 100);
    process.signal("TERM").await;

    // Every further answer is an ack in order; what was not read is not acknowledged and can be sent again.
    let acks = producer.closed_with(1001).await;
    for (index, ack) in acks.iter().enumerate() {
        assert_eq!(
            (&ack["type"], &ack["batch"]),
            (&json!("ack"), &json!(index + 2))
        );
        assert_eq!(ack["last_seq"], (index + 2) * 100);
    }
    viewer.closed_with(1001).await;
    assert!(original.closed_with(1001).await.is_empty());
    let (status, _, log) = process.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test]
async fn help_and_version_are_for_people() {
    let help = outcome(command(&["--help"])).await;
    assert_eq!(help.code, Some(0));
    for flag in [
        "--host",
        "--port",
        "--memory",
        "--token",
        "--allow-host",
        "--allow-origin",
        "--config",
        "--log",
        "LOOM_STUDIO_PORT",
        "8765",
    ] {
        assert!(help.stdout.contains(flag), "{flag} in\n{}", help.stdout);
    }
    let version = outcome(command(&["--version"])).await;
    assert_eq!(
        version.stdout,
        concat!("loom-studio ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert_eq!(version.code, Some(0));
}

#[tokio::test]
async fn a_wrong_flag_is_named_with_what_could_have_been_meant() {
    for (arguments, named) in [
        (&["--prot", "1"][..], "--port"),
        (&["--port", "many"], "--port"),
        (&["--host", "nowhere"], "--host"),
        (&["--memory-bytes", "lots"], "--memory-bytes"),
        (&["sreve"], "serve"),
    ] {
        let Outcome {
            code,
            stdout,
            stderr,
        } = outcome(command(arguments)).await;
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(named), "{arguments:?}: {stderr}");
        assert_eq!(stdout, "");
    }
}

#[tokio::test]
async fn a_wrong_config_file_is_told_with_file_and_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("studio.toml");
    for (text, named) in [
        ("prot = 1", "prot"),
        ("port = \"many\"", "port"),
        ("[[tokens]]\nsecert = \"x\"", "secert"),
        ("port = ", "port"),
        ("memory_bytes = \"lots\"", "memory_bytes"),
    ] {
        std::fs::write(&path, text).unwrap();
        let Outcome {
            code,
            stdout,
            stderr,
        } = outcome(command(&["--config", path.to_str().unwrap()])).await;
        assert_eq!(code, Some(1), "{text}: {stderr}");
        assert!(
            stderr.contains(named) && stderr.contains("studio.toml"),
            "{text}: {stderr}"
        );
        assert_eq!(stdout, "");
    }
    let missing = directory.path().join("none.toml");
    let Outcome { code, stderr, .. } =
        outcome(command(&["--config", missing.to_str().unwrap()])).await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("none.toml"), "{stderr}");
}

#[tokio::test]
async fn flags_win_over_environment_over_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("studio.toml");
    std::fs::write(&path, "port = 1\nallow_hosts = [\"from-file\"]\n[[tokens]]\nsecret = \"of team\"\nworkspace = \"team\"\n").unwrap();
    let mut command = command(&["--port", "0", "--allow-host", "from-flag"]);
    command
        .env("LOOM_STUDIO_CONFIG", &path)
        .env("LOOM_STUDIO_PORT", "2");
    let process = Process::of(command).await;
    assert!(process.addr.port() > 2);
    let get = |host: &str, secret: &str| {
        let request = Request::get("/api/events").header("host", host);
        request
            .header("authorization", &format!("Bearer {secret}"))
            .send(process.addr)
    };
    assert_eq!(get("from-file", "of team").await.status, 200);
    assert_eq!(get("from-flag", "of team").await.status, 200);
    get("from-nowhere", "of team")
        .await
        .problem(403, "forbidden_host");
    get("from-file", "wrong").await.problem(401, "unauthorized");
    let request =
        Request::get("/api/events?workspace=other").header("authorization", "Bearer of team");
    request
        .send(process.addr)
        .await
        .problem(403, "forbidden_workspace");
}

#[tokio::test]
async fn the_environment_alone_is_enough() {
    let mut command = command(&[]);
    command
        .env("LOOM_STUDIO_PORT", "0")
        .env("LOOM_STUDIO_TOKEN", "secret")
        .env("LOOM_STUDIO_ALLOW_HOST", "a.example,b.example");
    let process = Process::of(command).await;
    Request::get("/api/events")
        .send(process.addr)
        .await
        .problem(401, "unauthorized");
    for host in ["a.example", "b.example"] {
        let request = Request::get("/api/events")
            .header("host", host)
            .header("authorization", "Bearer secret");
        assert_eq!(request.send(process.addr).await.status, 200, "{host}");
    }
    process.signal("TERM").await;
    let (_, _, log) = process.ended().await;
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn a_taken_port_and_an_open_address_are_refused_in_words() {
    let first = Process::start(&[]).await;
    let port = first.addr.port().to_string();
    let Outcome {
        code,
        stdout,
        stderr,
    } = outcome(command(&["--port", &port])).await;
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(
        stderr.contains(&port) && stderr.contains("--port"),
        "{stderr}"
    );
    assert!(!stderr.contains("panicked"), "{stderr}");

    let Outcome { code, stderr, .. } =
        outcome(command(&["--host", "0.0.0.0", "--port", "0"])).await;
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("--token") && stderr.contains("0.0.0.0"),
        "{stderr}"
    );
}

#[tokio::test]
async fn logs_at_info_hold_no_payload() {
    const SECRET: &str = "pay-load-secret";
    let process = Process::start(&["--log", "info", "--log-format", "json"]).await;
    let mut producer = ingest_v1(&process).await;
    let mut original = Dial::default().open(process.addr, "/ws/ingest").await;
    let mut event = event_with_data(SECRET, json!({ SECRET: SECRET }));
    event["subject"] = json!(SECRET);
    let bad =
        json!({"specversion": SECRET, "id": "1", "source": "/a", "type": "t", "data": SECRET});
    producer
        .send_json(&numbered(1, &[event.clone(), bad.clone(), json!(SECRET)]))
        .await;
    producer.frame("ack").await;
    original.send_json(&batch_of(&[bad, json!(SECRET)])).await;
    let unreadable = [
        SECRET.to_owned(),
        format!("\"{SECRET}\""),
        json!({"type": "event_batch", "batch": SECRET, "events": []}).to_string(),
        json!({"type": "event_batch", "events": SECRET}).to_string(),
        json!({"type": SECRET, "events": []}).to_string(),
        format!(r#"{{"type":"event_batch","events":[{{"data":"{SECRET}"}}"#),
    ];
    for text in unreadable {
        producer.send_text(text.clone()).await;
        original.send_text(text).await;
    }
    for body in [
        event.to_string(),
        format!("{{{SECRET}"),
        format!("\"{SECRET}\""),
    ] {
        Request::post("/events", "application/cloudevents+json", body.clone())
            .send(process.addr)
            .await;
        Request::post("/events", "application/cloudevents-batch+json", body)
            .send(process.addr)
            .await;
    }
    Request::get(&format!("/api/events?q={SECRET}&order={SECRET}"))
        .send(process.addr)
        .await;
    let mut viewer = Dial::protocol(V1).open(process.addr, "/ws/events").await;
    viewer
        .send_text(json!({"type": "subscribe", "sub": SECRET}).to_string())
        .await;
    viewer
        .until("the answer", |frame| frame["type"] == "error")
        .await;
    original
        .send_json(&batch_of(&[event_with_data("last", json!(1))]))
        .await;
    within("the last event", async {
        while Request::get("/api/events?q=%22last%22")
            .send(process.addr)
            .await
            .ok()["total"]
            != 1
        {}
    })
    .await;

    process.signal("TERM").await;
    let (status, _, log) = process.ended().await;
    assert_eq!(status.code(), Some(0));
    assert!(!log.contains(SECRET), "{log}");
    // Each line is one object, and the rejections are among them.
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        lines.iter().any(|line| line["fields"]["code"].is_string()),
        "{log}"
    );
}

/// So many zero bytes, compressed.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..bytes >> 20 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    encoder.finish().unwrap()
}

#[tokio::test]
async fn hostile_input_does_not_grow_memory() {
    let process = Process::start(&["--log", "error"]).await;
    let bomb = bomb(2 << 30);
    assert!(bomb.len() < 1 << 20);
    for _ in 0..3 {
        let mut socket = ingest_v1(&process).await;
        socket.send(Message::binary(bomb.clone())).await;
        socket.closed_with(1009).await;
    }
    let mut socket = ingest_v1(&process).await;
    for batch in 1..=8 {
        let deep = format!(
            r#"{{"type":"event_batch","batch":{batch},"events":[{}1{}]}}"#,
            "[".repeat(200_000),
            "]".repeat(200_000)
        );
        socket.send_text(deep).await;
        let answer = socket.json().await;
        assert_eq!(answer["rejected"][0]["code"], "too_deep", "{answer}");
        socket.send_text("[".repeat(4 << 20)).await;
        socket.frame("error").await;
    }
    let huge = event_with_data("huge", json!("x".repeat(2 << 20)));
    for batch in 9..=16 {
        socket
            .send_json(&numbered(batch, std::slice::from_ref(&huge)))
            .await;
        assert_eq!(
            socket.frame("ack").await["rejected"][0]["code"],
            "too_large"
        );
    }
    // One inflated frame may be held at a time, with what reading it takes; 2 GiB or a tenth of it may not.
    let peak = process.peak_bytes() >> 20;
    assert!(peak < 200, "{peak} MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_that_never_read_do_not_grow_memory() {
    const EVENTS: usize = 40_000;
    const BATCH: usize = 1_000;
    /// Memory after so many events, with so many viewers of each protocol that never read.
    async fn resident_with(viewers: usize) -> u64 {
        let process = Process::start(&["--log", "error", "--memory-events", "2000"]).await;
        let mut deaf = Vec::new();
        for _ in 0..viewers {
            let dial = |protocol: Option<&str>| Dial {
                protocol: protocol.map(str::to_owned),
                receive_buffer: Some(4096),
                ..Dial::default()
            };
            deaf.push(dial(None).open(process.addr, "/ws/events").await);
            let mut socket = dial(Some(V1)).open(process.addr, "/ws/events").await;
            socket.frame("hello").await;
            socket
                .send_json(
                    &json!({"type": "subscribe", "sub": 1, "from": {"last": 0}, "preview": true}),
                )
                .await;
            deaf.push(socket);
        }
        let mut producer = ingest_v1(&process).await;
        let filler = "x".repeat(500);
        for batch in 0..EVENTS / BATCH {
            let ids = batch * BATCH..(batch + 1) * BATCH;
            let events: Vec<Value> = ids.map(|id| event_with_data(id, json!(filler))).collect();
            producer
                .send_json(&numbered(batch as u64 + 1, &events))
                .await;
            match producer.receive().await {
                Received::Text(ack) => assert_eq!(ack["last_seq"], (batch + 1) * BATCH),
                other => panic!("{other:?}"),
            }
        }
        let resident = process.resident_bytes();
        drop(deaf);
        resident
    }
    let alone = resident_with(0).await;
    let watched = resident_with(8).await;
    // Queued for 16 viewers the events would be about 300 MB. What each may hold is one frame and its socket's buffers.
    let grown = watched.saturating_sub(alone) >> 20;
    assert!(grown < 64, "{grown} MiB more than without viewers");
}
