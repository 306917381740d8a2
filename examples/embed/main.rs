//! A host with an event log of its own: append, ask, follow, and see who talks to whom. It needs the core alone.

use std::sync::Arc;

use loom_studio_core::{
    AppendBatch, CausalTopology, Error, EventFilter, EventQuery, EventStore, Incoming, ManualClock,
    MemoryStore, MemoryStoreOptions, Order, Pattern, Record, SequentialIds, StartAt, Timestamp,
    TopologyInferer, fold,
};

/// A user asks a crew, the crew asks a tool, both answer; then an agent thinks.
const EVENTS: [&str; 5] = [
    r#"{"specversion":"1.0","id":"1","source":"/user/sdk","type":"node.request","subject":"crew/master","time":"2026-01-02T03:04:00Z","data":{"task":"What is 6 × 7?"}}"#,
    r#"{"specversion":"1.0","id":"2","source":"/node/crew/master","type":"node.request","subject":"calculator","time":"2026-01-02T03:04:01Z","causationid":"1","data":{"arguments":{"expression":"6*7"}}}"#,
    r#"{"specversion":"1.0","id":"3","source":"/node/calculator","type":"node.response","time":"2026-01-02T03:04:01.5Z","causationid":"2","data":{"request_id":"2","result":"42"}}"#,
    r#"{"specversion":"1.0","id":"4","source":"/node/crew/master","type":"node.response","time":"2026-01-02T03:04:02Z","causationid":"3","data":{"request_id":"1","result":{"final_output":"42","trace":[]}}}"#,
    r#"{"specversion":"1.0","id":"5","source":"/node/observer","type":"agent.thought","time":"2026-01-02T03:04:03Z","data":{"thought":"That went well."}}"#,
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // A host passes in the real clock and random ids: `SystemClock` and `RandomIds`. These make the same output every time.
    let now = Timestamp::parse_rfc3339("2026-01-02T03:04:05Z").unwrap_or_default();
    let store = MemoryStore::new(
        MemoryStoreOptions::default(),
        Arc::new(ManualClock::new(now)),
        &SequentialIds::new(1),
    );
    let here = EventFilter::workspace("default");
    let mut follower = store.subscribe(StartAt::Head, here.clone()).await?;

    let mut items: Vec<Incoming> = EVENTS
        .iter()
        .map(|event| Incoming::Event(event.as_bytes().into()))
        .collect();
    items.push(Incoming::Event(
        br#"{"specversion":"1.0"}"#.as_slice().into(),
    ));
    let appended = store
        .append(AppendBatch {
            workspace: "default".into(),
            session: "example".into(),
            items,
        })
        .await?;
    print(&format!("stored {} events", appended.added()));
    for rejected in &appended.rejected {
        print(&format!(
            "rejected entry {}: {}",
            rejected.index, rejected.detail
        ));
    }

    print("\nnewest first, requests alone:");
    let requests = EventQuery {
        filter: EventFilter {
            kind: Some(Pattern::Exact("node.request".to_owned())),
            ..here.clone()
        },
        order: Order::TimeDescending,
        ..EventQuery::default()
    };
    for stored in store.query(&requests).await?.events {
        let event = stored.event;
        let to = event.to().map_or("nobody", |node| node.as_str());
        print(&format!("  {} {} → {to}", event.time(), event.from()));
    }

    print("\nwhat a follower got:");
    let delivery = follower.next(100).await?;
    for event in delivery.records.iter().filter_map(Record::as_event) {
        print(&format!(
            "  {} {} {}",
            event.seq(),
            event.kind(),
            event.data().unwrap_or("")
        ));
    }

    let mut topology = CausalTopology::default();
    fold(&store, &here, None, &mut topology).await?;
    let graph = topology.topology(now);
    print("\nwho exists:");
    for node in &graph.nodes {
        print(&format!(
            "  {} is a {}, {}",
            node.id,
            node.kind,
            node.status.as_str()
        ));
    }
    print("who calls whom:");
    for edge in &graph.edges {
        let millis = edge.latency.map_or(0.0, |latency| latency.p50_nanos / 1e6);
        print(&format!(
            "  {} → {}: {} sent, answered in about {millis:.0} ms",
            edge.from, edge.to, edge.count
        ));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn print(line: &str) {
    println!("{line}");
}
