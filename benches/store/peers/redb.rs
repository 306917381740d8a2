//! redb: one table per kind of key, one transaction per group.

use std::path::Path;

use redb::{Database, ReadableTable as _, TableDefinition, WriteTransaction};

use super::{Peer, Row, failed};

const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
const IDS: TableDefinition<'_, u64, u64> = TableDefinition::new("ids");
const POSTINGS: TableDefinition<'_, &[u8; 17], ()> = TableDefinition::new("postings");
const TIMES: TableDefinition<'_, &[u8; 16], ()> = TableDefinition::new("times");

pub(crate) struct Store {
    /// The group's transaction; declared first, so that it ends before the database does.
    transaction: Option<WriteTransaction>,
    database: Database,
}

impl Store {
    pub(crate) fn open(dir: &Path) -> Result<Self, String> {
        let database = Database::create(dir.join("redb")).map_err(failed)?;
        Ok(Self {
            transaction: None,
            database,
        })
    }
}

impl Peer for Store {
    fn add(&mut self, row: &Row<'_>) -> Result<bool, String> {
        if self.transaction.is_none() {
            self.transaction = Some(self.database.begin_write().map_err(failed)?);
        }
        let Some(transaction) = &self.transaction else {
            return Ok(false);
        };
        let mut events = transaction.open_table(EVENTS).map_err(failed)?;
        let mut ids = transaction.open_table(IDS).map_err(failed)?;
        let hash = row.id_hash();
        let known = ids.get(hash).map_err(failed)?.map(|seq| seq.value());
        if let Some(seq) = known
            && let Some(raw) = events.get(seq).map_err(failed)?
            && row.is_same(raw.value())
        {
            return Ok(false);
        }
        events.insert(row.seq, row.raw).map_err(failed)?;
        ids.insert(hash, row.seq).map_err(failed)?;
        let mut times = transaction.open_table(TIMES).map_err(failed)?;
        times.insert(&row.time_key(), ()).map_err(failed)?;
        let mut postings = transaction.open_table(POSTINGS).map_err(failed)?;
        for key in row.postings() {
            postings.insert(&key, ()).map_err(failed)?;
        }
        Ok(true)
    }

    fn commit(&mut self) -> Result<(), String> {
        match self.transaction.take() {
            Some(transaction) => transaction.commit().map_err(failed),
            None => Ok(()),
        }
    }
}
