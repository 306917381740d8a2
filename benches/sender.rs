//! The sender: what a push costs the thread that makes the events, and how many a second the background thread delivers.
//!
//! The server here is a socket that acknowledges without looking, so that the sender alone is measured; it shares the processors with it.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::{SinkExt as _, StreamExt as _};
use loom_studio::sender::{Sender, SenderConfig};
use loom_studio_benches::loom_event;
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

const HELLO: &str = r#"{"type":"hello","protocol":"loom-studio.v1","server":"none","epoch":"1","session":"s","window_bytes":8388608,"max_event_bytes":1048576,"max_frame_bytes":16777216,"max_inflated_bytes":33554432,"encodings":["json","zstd"]}"#;
const PATIENCE: Duration = Duration::from_mins(1);

/// What this thread has used of a processor: unlike the time that passed, it doesn't depend on who else runs.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Acknowledges each frame by its number, which counts up from 1.
fn sink() -> SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.set_nonblocking(true).expect("a setting");
    let addr = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    #[expect(clippy::result_large_err, reason = "the library's signature")]
                    let choose = |_: &Request, mut response: Response| {
                        let v1 = HeaderValue::from_static("loom-studio.v1");
                        response.headers_mut().insert("Sec-WebSocket-Protocol", v1);
                        Ok(response)
                    };
                    let accepted = tokio_tungstenite::accept_hdr_async(stream, choose);
                    let mut socket = accepted.await.expect("a handshake");
                    socket.send(Message::text(HELLO)).await.expect("sent");
                    let mut number = 0;
                    while let Some(Ok(frame)) = socket.next().await {
                        if frame.is_text() || frame.is_binary() {
                            number += 1;
                            let ack = format!(
                                r#"{{"type":"ack","batch":{number},"duplicates":0,"rejected":[]}}"#
                            );
                            if socket.send(Message::text(ack)).await.is_err() {
                                break;
                            }
                        }
                    }
                });
            }
        });
    });
    addr
}

fn sender(addr: SocketAddr, compress: bool) -> Sender {
    let config = SenderConfig {
        compress,
        drop_timeout: Duration::ZERO,
        ..SenderConfig::new(format!("ws://{addr}"))
    };
    Sender::start(config).expect("started")
}

fn events() -> Vec<Vec<u8>> {
    (0..1_000).map(|n| loom_event(n).into_bytes()).collect()
}

fn push(c: &mut Criterion) {
    let events = events();
    let mut group = c.benchmark_group("push");
    group.throughput(Throughput::Elements(1));
    // Memory is new to the process, as while a queue grows.
    group.bench_function("server absent", |b| {
        b.iter_custom(|iterations| {
            let mut time = Duration::ZERO;
            let mut left = iterations;
            while left > 0 {
                let sender = sender(SocketAddr::from(([127, 0, 0, 1], 9)), false);
                let count = left.min(40_000);
                let begin = thread_time();
                for event in events.iter().cycle().take(count as usize) {
                    sender.push(event).expect("room");
                }
                time += thread_time().saturating_sub(begin);
                left -= count;
            }
            time
        });
    });
    // The thread works at the same time and is woken for each full batch, and memory is used again. The waits are not counted.
    let live = sender(sink(), false);
    group.bench_function("server present", |b| {
        b.iter_custom(|iterations| {
            let mut time = Duration::ZERO;
            let mut left = iterations as usize;
            while left > 0 {
                let count = left.min(1_000);
                let begin = thread_time();
                for event in events.iter().cycle().take(count) {
                    live.push(event).expect("room");
                }
                time += thread_time().saturating_sub(begin);
                left -= count;
                assert!(live.flush(PATIENCE));
            }
            time
        });
    });
    group.finish();
}

fn deliver(c: &mut Criterion) {
    const EVENTS: usize = 20_000;
    let events = events();
    let mut group = c.benchmark_group("deliver");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.sample_size(20);
    for compress in [false, true] {
        let sender = sender(sink(), compress);
        let name = if compress { "zstd" } else { "json" };
        group.bench_function(name, |b| {
            b.iter(|| {
                for event in events.iter().cycle().take(EVENTS) {
                    sender.push(event).expect("room");
                }
                assert!(sender.flush(PATIENCE));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, push, deliver);
criterion_main!(benches);
