//! Reading one event: the envelope, next to what the CloudEvents SDK and a document tree take for the same bytes; and saying no.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use loom_studio_benches::loom_event;
use loom_studio_core::{Envelope, EventLimits};
use serde_json::Value;

/// What the SDK can read: it knows no `null` attributes and no nested extensions.
fn for_the_sdk(json: &str) -> String {
    let mut event: Value = serde_json::from_str(json).expect("a JSON event");
    if let Some(members) = event.as_object_mut() {
        members.remove("extensions");
        members.retain(|_, value| !value.is_null());
        members.insert("studiophase".to_owned(), "post".into());
        members.insert("studiotimestamp".to_owned(), "1767323045.5".into());
    }
    event.to_string()
}

fn decode(c: &mut Criterion) {
    let limits = EventLimits::default();
    for (name, number) in [
        ("request", 300_000),
        ("response", 300_001),
        ("thought", 300_002),
    ] {
        let json = loom_event(number);
        let plain = for_the_sdk(&json);
        let mut group = c.benchmark_group(format!("decode/{name}"));
        group.throughput(Throughput::Bytes(json.len() as u64));
        group.bench_function(BenchmarkId::new("envelope", json.len()), |b| {
            b.iter(|| Envelope::decode(black_box(json.as_bytes()), &limits));
        });
        group.bench_function(
            BenchmarkId::new("envelope, as the SDK gets it", plain.len()),
            |b| {
                b.iter(|| Envelope::decode(black_box(plain.as_bytes()), &limits));
            },
        );
        group.bench_function(BenchmarkId::new("cloudevents::Event", plain.len()), |b| {
            b.iter(|| {
                serde_json::from_slice::<cloudevents::Event>(black_box(plain.as_bytes()))
                    .expect("an event")
            });
        });
        group.bench_function(BenchmarkId::new("serde_json::Value", json.len()), |b| {
            b.iter(|| serde_json::from_slice::<Value>(black_box(json.as_bytes())).expect("JSON"));
        });
        group.finish();
    }
}

fn reject(c: &mut Criterion) {
    let limits = EventLimits::default();
    let good = loom_event(300_000);
    let cases = [
        ("missing id", good.replacen("\"id\"", "\"ID\"", 1)),
        ("cut off", good[..good.len() - 1].to_owned()),
        ("no JSON", "nonsense".to_owned()),
        ("2 MiB", " ".repeat(2 << 20)),
        ("200,000 brackets", "[".repeat(200_000)),
        (
            "1 MiB of brackets in a string",
            format!("{{\"data\":\"{}\"}}", "[".repeat((1 << 20) - 20)),
        ),
    ];
    let mut group = c.benchmark_group("reject");
    for (name, json) in &cases {
        assert!(
            Envelope::decode(json.as_bytes(), &limits).is_err(),
            "{name}"
        );
        group.bench_function(*name, |b| {
            b.iter(|| Envelope::decode(black_box(json.as_bytes()), &limits).is_err());
        });
    }
    group.finish();
}

criterion_group!(benches, decode, reject);
criterion_main!(benches);
