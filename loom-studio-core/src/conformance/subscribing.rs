//! Catch-up, then live.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};

use super::Factory;
use super::support::{
    HERE, Open, PATIENCE, append, event, event_with, events, kind_of, observation, read_through,
    seqs,
};
use crate::error::ErrorKind;
use crate::event::Record;
use crate::ids::{Epoch, Seq};
use crate::projection::{Projection, fold};
use crate::store::{EventFilter, Pattern, RetainPolicy, StartAt, Subscription};

async fn subscribe(open: &Open, start: StartAt) -> Subscription {
    open.store()
        .subscribe(start, EventFilter::default())
        .await
        .unwrap()
}

async fn nothing_now(subscription: &mut Subscription) {
    assert!(subscription.try_next(10).await.unwrap().is_none());
}

/// `StartAt::Head`: nothing old, everything new.
pub async fn from_the_head_comes_what_is_new(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(events(1..=5)).await;
    let mut subscription = subscribe(&open, StartAt::Head).await;
    assert_eq!((subscription.position(), subscription.lag()), (Seq(5), 0));
    nothing_now(&mut subscription).await;
    open.append(events(6..=7)).await;
    assert_eq!(subscription.lag(), 2);
    let delivery = subscription.next(10).await.unwrap();
    assert_eq!(
        (seqs(&delivery.records), delivery.through, delivery.gap),
        (vec![6, 7], Seq(7), None)
    );
    nothing_now(&mut subscription).await;
}

/// `StartAt::Beginning`: everything stored, at most about as much at once as asked for.
pub async fn from_the_beginning_comes_everything(factory: Factory) {
    let open = Open::new(factory).await;
    let mut early = subscribe(&open, StartAt::Beginning).await;
    nothing_now(&mut early).await;
    open.append(events(1..=100)).await;
    for (max_records, subscription) in [
        (7, &mut early),
        (1, &mut subscribe(&open, StartAt::Beginning).await),
        (0, &mut subscribe(&open, StartAt::Beginning).await),
    ] {
        let mut found = Vec::new();
        while let Some(delivery) = subscription.try_next(max_records).await.unwrap() {
            assert!((1..=max_records.max(1)).contains(&delivery.records.len()));
            assert_eq!(delivery.gap, None);
            found.extend(seqs(&delivery.records));
        }
        assert_eq!(found, (1..=100).collect::<Vec<_>>());
    }
}

/// `StartAt::Last`: so many records before the head, or all when there are fewer.
pub async fn the_last_records_come_first(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(events(1..=10)).await;
    for (count, first) in [(3, 8), (10, 1), (99, 1), (u64::MAX, 1)] {
        let mut subscription = subscribe(&open, StartAt::Last(count)).await;
        let delivery = subscription.next(100).await.unwrap();
        assert_eq!(seqs(&delivery.records), (first..=10).collect::<Vec<_>>());
        assert_eq!(delivery.gap, None);
    }
    nothing_now(&mut subscribe(&open, StartAt::Last(0)).await).await;
}

/// `StartAt::After`: what comes after a known position; zero is before everything.
pub async fn after_a_position_comes_the_next(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(events(1..=10)).await;
    let epoch = open.store().epoch();
    for seq in [0, 1, 9] {
        let mut subscription = subscribe(
            &open,
            StartAt::After {
                seq: Seq(seq),
                epoch,
            },
        )
        .await;
        let delivery = subscription.next(100).await.unwrap();
        assert_eq!(seqs(&delivery.records), (seq + 1..=10).collect::<Vec<_>>());
    }
    nothing_now(
        &mut subscribe(
            &open,
            StartAt::After {
                seq: Seq(10),
                epoch,
            },
        )
        .await,
    )
    .await;
}

/// "`EpochMismatch` when `start` carries another epoch; `Invalid` for a position beyond the head."
pub async fn a_position_of_another_epoch_is_refused(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(events(1..=2)).await;
    let epoch = open.store().epoch();
    let refusal = async |seq, epoch| {
        let start = StartAt::After {
            seq: Seq(seq),
            epoch,
        };
        kind_of(open.store().subscribe(start, EventFilter::default()).await)
    };
    assert_eq!(
        refusal(1, Epoch(!epoch.0)).await,
        Some(ErrorKind::EpochMismatch)
    );
    assert_eq!(
        refusal(99, Epoch(!epoch.0)).await,
        Some(ErrorKind::EpochMismatch)
    );
    assert_eq!(refusal(3, epoch).await, Some(ErrorKind::Invalid));
    assert_eq!(refusal(2, epoch).await, None);
}

/// "First what is stored, then what comes. Without gap or duplicate": several readers, quick and slow, begun before and amid concurrent appends.
pub async fn catch_up_then_live_without_gap_or_duplicate(factory: Factory) {
    const WRITERS: u64 = 4;
    const BATCHES: u64 = 40;
    const SIZE: u64 = 5;
    const OLD: u64 = 50;
    let open = Open::new(factory).await;
    open.append(events(1..=OLD)).await;
    let head = Seq(OLD + WRITERS * BATCHES * SIZE);
    let reader = |start: StartAt, max_records: usize, pause: Duration| {
        let store = Arc::clone(open.store());
        tokio::spawn(async move {
            let mut subscription = store
                .subscribe(start, EventFilter::default())
                .await
                .unwrap();
            let first = subscription.position().next();
            let mut found = Vec::new();
            while subscription.position() < head {
                let delivery = tokio::time::timeout(PATIENCE, subscription.next(max_records))
                    .await
                    .unwrap()
                    .unwrap();
                assert_eq!(delivery.gap, None);
                found.extend(seqs(&delivery.records));
                tokio::time::sleep(pause).await;
            }
            assert_eq!(found, (first.0..=head.0).collect::<Vec<_>>());
        })
    };
    let quick = Duration::ZERO;
    let slow = Duration::from_millis(3);
    let mut readers = vec![
        reader(StartAt::Beginning, 1, quick),
        reader(StartAt::Beginning, 1000, quick),
        reader(StartAt::Head, 3, quick),
        reader(StartAt::Last(10), 17, slow),
        reader(StartAt::Beginning, 40, slow),
    ];
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = Arc::clone(open.store());
            tokio::spawn(async move {
                for batch in 0..BATCHES {
                    let items = (0..SIZE)
                        .map(|n| event(&format!("{writer}-{batch}-{n}")))
                        .collect();
                    append(&*store, HERE, items).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for max_records in [1, 9] {
        readers.push(reader(StartAt::Head, max_records, quick));
        tokio::task::yield_now().await;
    }
    for task in writers.into_iter().chain(readers) {
        task.await.unwrap();
    }
}

/// `through` advances over what a filter leaves out.
pub async fn a_filter_still_advances(factory: Factory) {
    let open = Open::new(factory).await;
    let filter = EventFilter {
        workspace: Some(HERE.into()),
        kind: Some(Pattern::Prefix("wanted".into())),
        ..EventFilter::default()
    };
    let mut subscription = open
        .store()
        .subscribe(StartAt::Beginning, filter)
        .await
        .unwrap();
    open.append(events(1..=30)).await;
    open.append_to("there", vec![event_with("x", json!({"type": "wanted"}))])
        .await;
    let delivery = subscription.next(1000).await.unwrap();
    assert_eq!(
        (delivery.records.len(), delivery.through, delivery.gap),
        (0, Seq(31), None)
    );
    open.append(vec![event_with("y", json!({"type": "wanted.too"}))])
        .await;
    let delivery = subscription.next(1000).await.unwrap();
    assert_eq!(
        (seqs(&delivery.records), delivery.through),
        (vec![32], Seq(32))
    );
    // A node in any spelling, as in queries.
    let by_node = EventFilter {
        node: Some(Pattern::Exact("a".into())),
        ..EventFilter::default()
    };
    let mut subscription = open
        .store()
        .subscribe(StartAt::Last(1), by_node)
        .await
        .unwrap();
    assert_eq!(subscription.next(10).await.unwrap().records.len(), 1);
}

/// "An observation matches when its workspace and session do and nothing else is asked for, or the observed event does"; it wakes readers either way.
pub async fn an_observation_wakes_and_follows_its_event(factory: Factory) {
    let open = Open::new(factory).await;
    open.fill(events(1..=100)).await;
    let text = EventFilter {
        text: Some("\"e100\"".into()),
        ..EventFilter::default()
    };
    let other = EventFilter {
        id: Some("e1".into()),
        ..EventFilter::default()
    };
    let here = EventFilter {
        session: Some(Pattern::Prefix("s-".into())),
        ..EventFilter::workspace(HERE)
    };
    let there = EventFilter::workspace("there");
    let mut readers = Vec::new();
    for (filter, matches) in [
        (EventFilter::default(), true),
        (here, true),
        (text, true),
        (other, false),
        (there, false),
    ] {
        let subscription = open.store().subscribe(StartAt::Head, filter).await.unwrap();
        readers.push((subscription, matches));
    }
    open.append(vec![observation("e100", "post", Value::Null)])
        .await;
    for (subscription, matches) in &mut readers {
        let delivery = tokio::time::timeout(PATIENCE, subscription.next(10))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(delivery.through, Seq(101));
        assert_eq!(
            seqs(&delivery.records),
            if *matches { vec![101] } else { vec![] },
            "{subscription:?}"
        );
    }
    // Also when the event itself has been deleted since.
    let policy = RetainPolicy {
        max_bytes: Some(open.store().stats().await.unwrap().stored_bytes / 100),
        max_age: None,
    };
    open.fill(
        (1..=100)
            .map(|n| observation(&format!("e{n}"), "blocked", Value::Null))
            .collect(),
    )
    .await;
    let first = open.store().retain(&policy).await.unwrap().first_seq;
    if first > Seq(100) {
        for (workspace, expected) in [(HERE, 201 - first.0 + 1), ("there", 0)] {
            let filter = EventFilter::workspace(workspace);
            let mut subscription = open
                .store()
                .subscribe(StartAt::Beginning, filter)
                .await
                .unwrap();
            let found = subscription.try_next(1000).await.unwrap();
            assert_eq!(
                found.map_or(0, |delivery| delivery.records.len() as u64),
                expected
            );
        }
    }
}

/// Deletes about half of what is stored and returns the oldest position left.
async fn delete_half(open: &Open) -> Seq {
    let half = open.store().stats().await.unwrap().stored_bytes / 2;
    let policy = RetainPolicy {
        max_bytes: Some(half),
        max_age: None,
    };
    let retained = open.store().retain(&policy).await.unwrap();
    assert!(retained.deleted_records > 0);
    retained.first_seq
}

/// "… except gaps that are named in a `Delivery`": what was deleted after a reader's position.
pub async fn what_retention_deleted_is_named_as_a_gap(factory: Factory) {
    let open = Open::new(factory).await;
    open.fill(events(1..=300)).await;
    let epoch = open.store().epoch();
    let mut behind = subscribe(&open, StartAt::Beginning).await;
    let (some, _) = read_through(&mut behind, Seq(5), 5).await;
    assert_eq!(seqs(&some), [1, 2, 3, 4, 5]);
    // Begun, but not read yet: what is deleted from now on was promised.
    let mut unread = subscribe(&open, StartAt::Beginning).await;
    let mut last = subscribe(&open, StartAt::Last(299)).await;
    let mut at_head = subscribe(&open, StartAt::Head).await;
    let first = delete_half(&open).await;
    open.append(events(301..=302)).await;
    let mut resumed = subscribe(&open, StartAt::After { seq: Seq(2), epoch }).await;
    for (subscription, from) in [
        (&mut behind, 6),
        (&mut unread, 1),
        (&mut last, 2),
        (&mut resumed, 3),
    ] {
        let (records, gaps) = read_through(subscription, Seq(302), 50).await;
        assert_eq!(gaps, [(Seq(from), first.previous())]);
        assert_eq!(seqs(&records), (first.0..=302).collect::<Vec<_>>());
    }
    let (records, gaps) = read_through(&mut at_head, Seq(302), 50).await;
    assert_eq!((seqs(&records), gaps), (vec![301, 302], vec![]));
}

/// What was deleted before a reader asked for "the beginning" or "the last n" is no gap.
pub async fn nothing_is_named_that_was_gone_before(factory: Factory) {
    let open = Open::new(factory).await;
    open.fill(events(1..=300)).await;
    let first = delete_half(&open).await;
    for start in [StartAt::Beginning, StartAt::Last(299)] {
        let mut subscription = subscribe(&open, start).await;
        assert_eq!(subscription.position(), first.previous());
        let (records, gaps) = read_through(&mut subscription, Seq(300), 1000).await;
        assert_eq!((seqs(&records), gaps), ((first.0..=300).collect(), vec![]));
    }
}

/// A reader that can't keep up may pass over everything up to the head; what it passes over has a name.
pub async fn skipping_names_what_was_skipped(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(events(1..=10)).await;
    let mut subscription = subscribe(&open, StartAt::Last(7)).await;
    assert_eq!(subscription.lag(), 7);
    assert_eq!(subscription.skip_to_head(), Some((Seq(4), Seq(10))));
    assert_eq!(subscription.skip_to_head(), None);
    nothing_now(&mut subscription).await;
    open.append(events(11..=11)).await;
    assert_eq!(seqs(&subscription.next(10).await.unwrap().records), [11]);
}

/// "Cancel-safe: a dropped call delivers nothing and loses nothing."
pub async fn a_dropped_next_loses_nothing(factory: Factory) {
    let open = Open::new(factory).await;
    let store = Arc::clone(open.store());
    let writer = tokio::spawn(async move {
        for n in 1..=200 {
            append(&*store, HERE, vec![event(&n.to_string())]).await;
            if n % 5 == 0 {
                tokio::time::sleep(Duration::from_micros(300)).await;
            }
        }
    });
    let mut subscription = subscribe(&open, StartAt::Beginning).await;
    let mut found = Vec::new();
    for patience in (0..5).cycle() {
        if subscription.position() == Seq(200) {
            break;
        }
        let waited = Duration::from_micros(100 * patience);
        if let Ok(delivery) = tokio::time::timeout(waited, subscription.next(3)).await {
            found.extend(seqs(&delivery.unwrap().records));
        }
    }
    writer.await.unwrap();
    assert_eq!(found, (1..=200).collect::<Vec<_>>());
}

/// "`Closed` when the store was closed and everything was delivered."
pub async fn a_dropped_store_closes_its_subscriptions(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(events(1..=3)).await;
    let mut behind = subscribe(&open, StartAt::Beginning).await;
    let mut waiting = subscribe(&open, StartAt::Head).await;
    let waiter = tokio::spawn(async move { kind_of(waiting.next(10).await) });
    drop(open.subject.store);
    assert_eq!(seqs(&behind.next(10).await.unwrap().records), [1, 2, 3]);
    assert_eq!(kind_of(behind.next(10).await), Some(ErrorKind::Closed));
    assert_eq!(kind_of(behind.next(10).await), Some(ErrorKind::Closed));
    let waiter = tokio::time::timeout(PATIENCE, waiter)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(waiter, Some(ErrorKind::Closed));
}

/// The stream of a subscription delivers the same, and ends after the first error.
pub async fn a_stream_is_the_same_way(factory: Factory) {
    let open = Open::new(factory).await;
    open.append(events(1..=7)).await;
    let stream = subscribe(&open, StartAt::Beginning).await.into_stream(3);
    drop(open.subject.store);
    let deliveries: Vec<_> = stream.collect().await;
    let (last, good) = deliveries.split_last().unwrap();
    let found: Vec<Vec<u64>> = good
        .iter()
        .map(|d| seqs(&d.as_ref().unwrap().records))
        .collect();
    assert_eq!(found, [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    assert_eq!(
        last.as_ref().map_err(crate::Error::kind).map(|_| ()),
        Err(ErrorKind::Closed)
    );
}

/// `fold` takes in every matching record up to a position, or the head.
pub async fn folding_reaches_the_head(factory: Factory) {
    #[derive(Default)]
    struct Collect(Vec<u64>);
    impl Projection for Collect {
        fn apply(&mut self, record: &Record) {
            self.0.push(record.seq().0);
        }
        fn through(&self) -> Seq {
            Seq(self.0.last().copied().unwrap_or(0))
        }
    }
    let open = Open::new(factory).await;
    let reach = async |filter: EventFilter, up_to: Option<u64>| {
        let mut collect = Collect::default();
        let reached = fold(&**open.store(), &filter, up_to.map(Seq), &mut collect)
            .await
            .unwrap();
        (reached.0, collect.0)
    };
    assert_eq!(reach(EventFilter::default(), None).await, (0, vec![]));
    open.append(vec![
        event("a"),
        observation("a", "post", Value::Null),
        event("b"),
    ])
    .await;
    open.append_to("there", events(1..=2)).await;
    assert_eq!(
        reach(EventFilter::default(), None).await,
        (5, vec![1, 2, 3, 4, 5])
    );
    assert_eq!(
        reach(EventFilter::workspace(HERE), None).await,
        (5, vec![1, 2, 3])
    );
    assert_eq!(
        reach(EventFilter::workspace("there"), Some(4)).await,
        (4, vec![4])
    );
    assert_eq!(
        reach(EventFilter::default(), Some(99)).await,
        (5, vec![1, 2, 3, 4, 5])
    );
    assert_eq!(reach(EventFilter::default(), Some(0)).await, (0, vec![]));
}
