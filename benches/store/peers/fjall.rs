//! fjall: one keyspace per kind of key, one write batch per group.

use std::collections::HashMap;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use super::{Peer, Row, failed};

pub(crate) struct Store {
    database: Database,
    events: Keyspace,
    ids: Keyspace,
    postings: Keyspace,
    times: Keyspace,
    batch: OwnedWriteBatch,
    group: HashMap<u64, Vec<u8>>,
}

impl Store {
    pub(crate) fn open(dir: &Path) -> Result<Self, String> {
        let database = Database::builder(dir).open().map_err(failed)?;
        let keyspace = |name: &str| {
            database
                .keyspace(name, KeyspaceCreateOptions::default)
                .map_err(failed)
        };
        Ok(Self {
            events: keyspace("events")?,
            ids: keyspace("ids")?,
            postings: keyspace("postings")?,
            times: keyspace("times")?,
            batch: database.batch(),
            database,
            group: HashMap::new(),
        })
    }
}

impl Peer for Store {
    fn add(&mut self, row: &Row<'_>) -> Result<bool, String> {
        let hash = row.id_hash();
        if self.group.get(&hash).is_some_and(|raw| row.is_same(raw)) {
            return Ok(false);
        }
        if let Some(seq) = self.ids.get(hash.to_be_bytes()).map_err(failed)?
            && let Some(raw) = self.events.get(&seq).map_err(failed)?
            && row.is_same(&raw)
        {
            return Ok(false);
        }
        let seq = row.seq.to_be_bytes();
        self.batch.insert(&self.events, seq, row.raw);
        self.batch.insert(&self.ids, hash.to_be_bytes(), seq);
        self.batch.insert(&self.times, row.time_key(), []);
        for key in row.postings() {
            self.batch.insert(&self.postings, key, []);
        }
        self.group.insert(hash, row.raw.to_vec());
        Ok(true)
    }

    fn commit(&mut self) -> Result<(), String> {
        let batch = std::mem::replace(&mut self.batch, self.database.batch());
        self.group.clear();
        batch
            .durability(Some(PersistMode::SyncData))
            .commit()
            .map_err(failed)
    }
}
