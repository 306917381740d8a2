//! Other embedded engines doing the same job: the same decoder, the same indexed fields, duplicates verified, and the same moments of durability.

pub(crate) mod fjall;
pub(crate) mod redb;
pub(crate) mod sqlite;

use std::path::Path;
use std::time::{Duration, Instant};

use loom_studio_core::{Clock as _, Envelope, EventLimits, NodeId, SystemClock};

use crate::input::Input;
use crate::measure::{Meter, Outcome, now};

const GROUP_DELAY: Duration = Duration::from_millis(8);
const WORKSPACE: &str = "default";
const SESSION: &str = "session-1";

/// One event with what it is indexed by.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) seq: u64,
    pub(crate) time: i64,
    pub(crate) id: &'a str,
    pub(crate) source: &'a str,
    pub(crate) session: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) from: &'a str,
    pub(crate) to: Option<&'a str>,
    pub(crate) trace: Option<u128>,
    pub(crate) request: Option<&'a str>,
    pub(crate) cause: Option<&'a str>,
    pub(crate) raw: &'a [u8],
}

/// Field numbers of [`Row::postings`].
const FIELDS: [u8; 7] = [1, 2, 3, 4, 5, 6, 7];

impl Row<'_> {
    pub(crate) fn id_hash(&self) -> u64 {
        hash(self.id)
    }

    /// One key per indexed field: the field, a hash of the value, the seq.
    pub(crate) fn postings(&self) -> impl Iterator<Item = [u8; 17]> {
        let trace = self
            .trace
            .map(|trace| xxhash_rust::xxh3::xxh3_64(&trace.to_be_bytes()));
        let values = [
            Some(hash(self.session)),
            Some(hash(self.kind)),
            Some(hash(self.from)),
            self.to.map(hash),
            trace,
            self.request.map(hash),
            self.cause.map(hash),
        ];
        let seq = self.seq;
        FIELDS
            .into_iter()
            .zip(values)
            .filter_map(move |(field, value)| {
                let mut key = [0; 17];
                key[0] = field;
                key[1..9].copy_from_slice(&value?.to_be_bytes());
                key[9..].copy_from_slice(&seq.to_be_bytes());
                Some(key)
            })
    }

    pub(crate) fn time_key(&self) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.time.to_be_bytes());
        key[8..].copy_from_slice(&self.seq.to_be_bytes());
        key
    }

    /// Whether a stored JSON text is of the same event.
    pub(crate) fn is_same(&self, stored: &[u8]) -> bool {
        Envelope::decode(stored, &EventLimits::default())
            .is_ok_and(|envelope| envelope.id == self.id && envelope.source == self.source)
    }
}

fn hash(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

/// An engine that stores rows in groups.
pub(crate) trait Peer {
    /// Adds a row to the group; false for a duplicate.
    fn add(&mut self, row: &Row<'_>) -> Result<bool, String>;
    /// Returns once the group is durable.
    fn commit(&mut self) -> Result<(), String>;
}

pub(crate) fn failed(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(crate) fn run(
    name: &str,
    mut peer: impl Peer,
    dir: &Path,
    by_batch: bool,
    input: &mut Input,
) -> Result<Outcome, String> {
    let limits = EventLimits::default();
    let mut meter = Meter::start();
    let mut seq = 0;
    let mut group: Option<Instant> = None;
    while let Some(batch) = input.batch().map_err(failed)? {
        let started = *group.get_or_insert_with(now);
        let received = SystemClock.now();
        for raw in &batch {
            let envelope =
                Envelope::decode(raw, &limits).map_err(|reject| reject.detail.clone())?;
            let from = NodeId::normalize(&envelope.source);
            let to = envelope.subject.as_deref().map(NodeId::normalize);
            let row = Row {
                seq: seq + 1,
                time: envelope.time.unwrap_or(received).as_nanos(),
                id: &envelope.id,
                source: &envelope.source,
                session: envelope.session.as_deref().unwrap_or(SESSION),
                kind: &envelope.kind,
                from: &from,
                to: to.as_deref(),
                trace: envelope.trace.map(|context| context.trace.0),
                request: envelope.request_id.as_deref(),
                cause: envelope.causation_id.as_deref(),
                raw,
            };
            seq += u64::from(peer.add(&row)?);
        }
        if by_batch || now() - started >= GROUP_DELAY {
            peer.commit()?;
            group = None;
        }
        meter.batch();
    }
    peer.commit()?;
    meter.acknowledged();
    drop(peer);
    meter.finish(name, seq, dir).map_err(failed)
}
