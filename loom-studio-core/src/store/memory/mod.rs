//! The in-memory backend: everything since the process started, within a bound of events and bytes.

mod log;
mod prepare;
mod search;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use tokio::sync::watch;

use self::log::Log;
use self::prepare::Preparer;
use super::{
    AppendBatch, Appended, Capabilities, EventFilter, EventQuery, EventStore, Health, Page,
    RetainPolicy, Retained, StartAt, StoreStats, StoredEvent, StoredRecord, Subscription, Tail,
    TailSource,
};
use crate::clock::{Clock, IdSource};
use crate::error::Result;
use crate::event::{EventKey, EventLimits};
use crate::ids::{Epoch, Seq};

/// Bounds of a [`MemoryStore`]. The oldest records leave when either is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryStoreOptions {
    /// Most records kept. Default 1,000,000.
    pub max_records: usize,
    /// Most bytes kept: the JSON text, and an estimate of what each record costs beside it. Default 1 GiB.
    pub max_bytes: u64,
    /// Bounds on one event.
    pub limits: EventLimits,
}

impl Default for MemoryStoreOptions {
    fn default() -> Self {
        Self {
            max_records: 1_000_000,
            max_bytes: 1 << 30,
            limits: EventLimits::default(),
        }
    }
}

/// An [`EventStore`] that forgets everything with the process, and its oldest records before that.
#[derive(Debug)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    preparer: Preparer,
    clock: Arc<dyn Clock>,
    epoch: Epoch,
    // Dropped with the store, which tells subscriptions that nothing more will come.
    head: watch::Sender<Seq>,
}

#[derive(Debug)]
struct Shared {
    log: RwLock<Log>,
}

impl Shared {
    // A panic while the lock is held can't leave the log half changed in a way readers notice later than the panic itself.
    fn read(&self) -> RwLockReadGuard<'_, Log> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Log> {
        self.log.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStore {
    /// An empty store in a new epoch.
    pub fn new(options: MemoryStoreOptions, clock: Arc<dyn Clock>, ids: &dyn IdSource) -> Self {
        Self {
            shared: Arc::new(Shared {
                log: RwLock::new(Log::new(&options)),
            }),
            preparer: Preparer::new(options.limits),
            clock,
            epoch: Epoch(ids.next_id()),
            head: watch::Sender::new(Seq::ZERO),
        }
    }
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory store {}", self.epoch)
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durable: false,
            bounded: true,
        }
    }

    async fn append(&self, batch: AppendBatch) -> Result<Appended> {
        let received = self.clock.now();
        // Parsing takes most of the time and needs no lock on the log.
        let prepared = self.preparer.prepare(batch, received);
        let mut log = self.shared.write();
        let appended = log.append(prepared, received);
        if let Some((_, last)) = appended.seqs {
            // Under the lock, so that subscribers and all other readers agree on the head at any moment.
            self.head.send_replace(last);
        }
        Ok(appended)
    }

    async fn query(&self, query: &EventQuery) -> Result<Page> {
        search::run(&self.shared, self.epoch, query).await
    }

    async fn get(&self, seq: Seq) -> Result<Option<StoredRecord>> {
        self.shared.read().get(seq)
    }

    async fn get_by_id(&self, key: &EventKey) -> Result<Option<StoredEvent>> {
        Ok(self.shared.read().find(key))
    }

    async fn subscribe(&self, start: StartAt, filter: EventFilter) -> Result<Subscription> {
        let source: Arc<dyn TailSource> = Arc::clone(&self.shared) as _;
        let log = self.shared.read();
        let head = self.head.subscribe();
        Subscription::new(source, head, self.epoch, log.first(), start, &filter)
    }

    async fn retainable(&self, policy: &RetainPolicy) -> Result<Seq> {
        let now = self.clock.now();
        Ok(self.shared.read().retainable(policy, now))
    }

    async fn delete_before(&self, first: Seq) -> Result<Retained> {
        Ok(self.shared.write().delete_before(first))
    }

    async fn retain(&self, policy: &RetainPolicy) -> Result<Retained> {
        let now = self.clock.now();
        Ok(self.shared.write().retain(policy, now))
    }

    async fn stats(&self) -> Result<StoreStats> {
        Ok(self.shared.read().stats())
    }

    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn health(&self) -> Health {
        Health::Ready
    }
}

#[async_trait]
impl TailSource for Shared {
    async fn read_tail(
        &self,
        after: Seq,
        max_records: usize,
        filter: &EventFilter,
    ) -> Result<Tail> {
        Ok(self.read().tail(after, max_records, filter))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::clock::{ManualClock, SequentialIds, Timestamp};
    use crate::store::Incoming;

    /// Ids, sources, traces and sessions that never come again: what leaves must leave every index.
    #[test]
    fn indexes_hold_no_more_than_the_records() {
        let options = MemoryStoreOptions {
            max_records: 160,
            ..MemoryStoreOptions::default()
        };
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(
            1_767_323_045_000_000,
        )));
        let store = MemoryStore::new(options, clock, &SequentialIds::new(1));
        for n in 1..=2_000 {
            let event = format!(
                r#"{{"specversion":"1.0","id":"{n}","source":"a{n}","type":"t","subject":"b{n}","studiosession":"s{n}","causationid":"c{n}","traceparent":"00-{n:032x}-{n:016x}-01","data":{{"request_id":"r{n}"}}}}"#
            );
            let observation = format!(r#"{{"source":"a{n}","of":"{n}","phase":"post"}}"#);
            let batch = AppendBatch {
                workspace: format!("w{n}").into(),
                session: "s".into(),
                items: vec![
                    Incoming::Event(event.into()),
                    Incoming::Observation(observation.into()),
                ],
            };
            store.append(batch).now_or_never().unwrap().unwrap();
            let log = store.shared.read();
            // Eight keys an event, and half of the records are events.
            assert!(
                log.index_entries() <= 160 / 2 * (8 + 3),
                "{n}: {}",
                log.index_entries()
            );
        }
        let everything = RetainPolicy {
            max_age: None,
            max_bytes: Some(0),
        };
        let retained = store.retain(&everything).now_or_never().unwrap().unwrap();
        assert_eq!(retained.first_seq, Seq::ZERO);
        assert_eq!(store.shared.read().index_entries(), 0);
    }
}
