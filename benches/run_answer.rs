//! `GET /api/runs/{id}` of a run of 100,000 events, over HTTP from a server of its own: `target/release/loom-studio`, or what `LOOM_STUDIO_BIN` names.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use loom_studio_benches::one_run;
use loom_studio_core::Incoming;

const EVENTS: u64 = 100_000;
const BATCH: usize = 1_000;
const ROUNDS: usize = 9;

/// Ends the server with the benchmark.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends one request and returns the whole answer, head and body.
fn ask(address: SocketAddr, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    write!(
        stream,
        "{head}\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let status = answer.get(..12).unwrap_or_default();
    assert!(
        status.starts_with(b"HTTP/1.1 20"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    Ok(answer)
}

/// Milliseconds and bytes of an answer, the median of some rounds.
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn measured(address: SocketAddr, heads: impl Fn(usize) -> String) -> (f64, usize) {
    let mut rounds: Vec<(f64, usize)> = (0..ROUNDS)
        .map(|round| {
            let started = Instant::now();
            let answer = ask(address, &heads(round), b"").expect("an answer");
            (started.elapsed().as_secs_f64() * 1e3, answer.len())
        })
        .collect();
    rounds.sort_by(|left, right| left.0.total_cmp(&right.0));
    rounds[ROUNDS / 2]
}

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn main() {
    let program = std::env::var("LOOM_STUDIO_BIN").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/loom-studio").to_owned()
    });
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let port = address.port().to_string();
    let child = Command::new(&program)
        .args(["serve", "--memory", "--port", &port])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server; build it with --release first");
    let _server = Server(child);
    while TcpStream::connect(address).is_err() {
        #[expect(clippy::disallowed_methods, reason = "there is no runtime here")]
        sleep(Duration::from_millis(20));
    }
    for batch in one_run(EVENTS).chunks(BATCH) {
        let texts: Vec<&[u8]> = batch
            .iter()
            .map(|item| match item {
                Incoming::Event(text) => &text[..],
                _ => unreachable!("a run is made of events"),
            })
            .collect();
        let body = [&b"["[..], &texts.join(&b","[..]), b"]"].concat();
        let head = "POST /events HTTP/1.1\r\nContent-Type: application/cloudevents-batch+json";
        ask(address, head, &body).expect("taken");
    }
    let get = |target: &str| format!("GET {target} HTTP/1.1");
    let show = |name: &str, (millis, bytes): (f64, usize)| {
        println!("{name}: {millis:.0} ms, {:.1} MB", bytes as f64 / 1e6);
    };
    // The placing of the newest events is paid by the first who asks.
    ask(address, &get("/api/runs?limit=1"), b"").expect("an answer");
    // Each position is another question, so nothing is known of it; but the list as of then is folded from a nearby state.
    let other = EVENTS - ROUNDS as u64 - 1;
    let past = |round: usize| get(&format!("/api/runs/1?at={}", other + round as u64));
    show("another position each time", measured(address, past));
    show("again", measured(address, |_| get("/api/runs/1")));
    let zipped = |_| get("/api/runs/1") + "\r\nAccept-Encoding: gzip";
    show("again, gzip", measured(address, zipped));
    let some = |_| get("/api/runs/1?depth=2&limit=1000");
    show("two levels, 1,000 calls at most", measured(address, some));
    show(
        "figures",
        measured(address, |_| get("/api/metrics?run_id=1")),
    );
    // One more event: the tree is built anew.
    let cold = |round: usize| {
        let event = format!(
            "{{\"specversion\":\"1.0\",\"id\":\"more-{round}\",\"source\":\"/node/agent/1\",\"type\":\"agent.thought\",\"time\":\"2026-01-02T03:00:01.5Z\",\"data\":{{}}}}"
        );
        let head = "POST /events HTTP/1.1\r\nContent-Type: application/cloudevents+json";
        ask(address, head, event.as_bytes()).expect("taken");
        ask(address, &get("/api/runs?limit=1"), b"").expect("an answer");
        get("/api/runs/1")
    };
    let mut colds: Vec<f64> = (0..ROUNDS)
        .map(|round| {
            let head = cold(round);
            #[expect(clippy::disallowed_methods, reason = "it measures")]
            let started = Instant::now();
            ask(address, &head, b"").expect("an answer");
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    colds.sort_by(f64::total_cmp);
    println!("after another event: {:.0} ms", colds[ROUNDS / 2]);
}
