//! Order, atomicity, cancellation.

use std::sync::Arc;

use super::support::{
    HERE, Open, PATIENCE, all, append, event, event_with, events, ids, read_through, seqs,
};
use super::{Factory, support};
use crate::ids::Seq;
use crate::store::{Appended, EventFilter, Order, StartAt, Total};
use serde_json::json;

/// "An empty batch is stored at once": it adds nothing and wakes nobody.
pub async fn an_empty_batch_stores_nothing(factory: Factory) {
    let open = Open::new(factory).await;
    assert_eq!(open.append(Vec::new()).await, Appended::default());
    assert_eq!(open.append(Vec::new()).await.added(), 0);
    assert_eq!(open.store().stats().await.unwrap().last_seq, Seq::ZERO);
    assert_eq!(
        open.append(vec![event("e")]).await.seqs,
        Some((Seq(1), Seq(1)))
    );
}

/// "Seqs are dense, start at 1 and never change."
pub async fn seqs_are_dense_from_one(factory: Factory) {
    let open = Open::new(factory).await;
    assert_eq!(
        open.append(events(1..=3)).await.seqs,
        Some((Seq(1), Seq(3)))
    );
    // What is not stored takes no seq: here a duplicate, an event without rules, then a new one.
    let mixed = vec![event("e1"), support::text("{}"), event("e4")];
    assert_eq!(open.append(mixed).await.seqs, Some((Seq(4), Seq(4))));
    assert_eq!(
        open.append_to("elsewhere", events(1..=2)).await.seqs,
        Some((Seq(5), Seq(6)))
    );
    for seq in 1..=6 {
        let record = open.store().get(Seq(seq)).await.unwrap().unwrap().record;
        assert_eq!(record.seq(), Seq(seq));
    }
}

/// "Stores a batch, in its order."
pub async fn a_batch_keeps_its_order(factory: Factory) {
    let open = Open::new(factory).await;
    // Times run against the order of the batch.
    let batch = (0..50)
        .map(|n| {
            let time = format!("2026-01-02T03:00:{:02}Z", 59 - n);
            event_with(&format!("e{n}"), json!({ "time": time }))
        })
        .collect();
    open.append(batch).await;
    let expected: Vec<String> = (0..50).map(|n| format!("e{n}")).collect();
    assert_eq!(open.find(EventFilter::default()).await, expected);
}

/// "The records of one batch are contiguous"; "a record's seq is greater than that of every record acknowledged before its batch was appended."
pub async fn concurrent_batches_are_contiguous(factory: Factory) {
    const WRITERS: u64 = 8;
    const BATCHES: u64 = 20;
    const SIZE: u64 = 5;
    let open = Open::new(factory).await;
    let writers = (0..WRITERS).map(|writer| {
        let store = Arc::clone(open.store());
        tokio::spawn(async move {
            let mut spans = Vec::new();
            for batch in 0..BATCHES {
                let items = (0..SIZE)
                    .map(|n| event(&format!("{writer}-{batch}-{n}")))
                    .collect();
                let seqs = append(&*store, HERE, items).await.seqs.unwrap();
                assert_eq!(seqs.1.0 - seqs.0.0 + 1, SIZE);
                assert!(spans.last().is_none_or(|(_, last)| seqs.0 > *last));
                for n in 0..SIZE {
                    let record = store.get(Seq(seqs.0.0 + n)).await.unwrap().unwrap();
                    let stored = record.into_event().unwrap().event;
                    assert_eq!(**stored.id(), format!("{writer}-{batch}-{n}"));
                }
                spans.push(seqs);
            }
            spans
        })
    });
    let mut spans: Vec<(Seq, Seq)> = Vec::new();
    for writer in futures::future::join_all(writers).await {
        spans.extend(writer.unwrap());
    }
    spans.sort_unstable();
    assert_eq!(spans[0].0, Seq(1));
    for pair in spans.windows(2) {
        assert_eq!(pair[1].0, pair[0].1.next(), "spans touch and don't overlap");
    }
    assert_eq!(spans.last().unwrap().1, Seq(WRITERS * BATCHES * SIZE));
}

/// "The records of one batch … become visible together."
pub async fn a_batch_becomes_visible_at_once(factory: Factory) {
    const BATCHES: u64 = 60;
    const SIZE: u64 = 7;
    let open = Open::new(factory).await;
    let store = Arc::clone(open.store());
    let writer = tokio::spawn(async move {
        for batch in 0..BATCHES {
            let items = (0..SIZE).map(|n| event(&format!("{batch}-{n}"))).collect();
            append(&*store, HERE, items).await;
            tokio::task::yield_now().await;
        }
    });
    let mut query = all(EventFilter::workspace(HERE));
    query.order = Order::SeqDescending;
    let mut looks = 0_u64;
    loop {
        let page = open.page(&query).await;
        assert_eq!(
            page.events.len() as u64 % SIZE,
            0,
            "a page shows whole batches"
        );
        assert_eq!(page.total, Total::Exact(page.events.len() as u64));
        assert_eq!(page.head.0 % SIZE, 0);
        looks += 1;
        if page.head.0 == BATCHES * SIZE {
            break;
        }
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    assert!(looks > 0);
}

/// "Dropping the future of `append` leaves the batch stored or not, never in part."
pub async fn a_dropped_append_is_whole_or_absent(factory: Factory) {
    const SIZE: u64 = 9;
    let open = Open::new(factory).await;
    let mut subscription = open
        .store()
        .subscribe(StartAt::Beginning, EventFilter::default())
        .await
        .unwrap();
    for attempt in 0..40_u64 {
        let items = (0..SIZE)
            .map(|n| event(&format!("{attempt}-{n}")))
            .collect();
        let pending = append(&**open.store(), HERE, items);
        // Zero to a few polls, then dropped.
        let _ = tokio::time::timeout(std::time::Duration::from_micros(attempt), pending).await;
    }
    // A full append ends whatever the dropped ones left under way.
    let last = open.append(vec![event("last")]).await.seqs.unwrap().1;
    let (records, gaps) = read_through(&mut subscription, last, 1000).await;
    assert_eq!(gaps, []);
    assert_eq!(seqs(&records), (1..=last.0).collect::<Vec<_>>());
    let stored = open.page(&all(EventFilter::default())).await;
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    for id in ids(&stored.events) {
        *counts.entry(id.split('-').next().unwrap()).or_default() += 1;
    }
    counts.remove("last");
    assert!(
        counts.values().all(|count| *count == SIZE),
        "a batch in part: {counts:?}"
    );
    tokio::time::timeout(PATIENCE, open.append(events(1..=2)))
        .await
        .expect("the store takes appends as before");
}
