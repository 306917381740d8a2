//! SQLite in WAL mode with full synchronisation: one table, one index per field, one transaction per group.

use std::path::Path;

use rusqlite::Connection;

use super::{Peer, Row, WORKSPACE, failed};

const SCHEMA: &str = "
    PRAGMA page_size = 8192;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -65536;
    PRAGMA wal_autocheckpoint = 8000;
    CREATE TABLE strings (id INTEGER PRIMARY KEY, text TEXT UNIQUE);
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY, time INTEGER, workspace INTEGER, source INTEGER, id TEXT, session INTEGER, kind INTEGER,
        sender INTEGER, receiver INTEGER, trace BLOB, request TEXT, cause TEXT, raw BLOB, UNIQUE (id, source, workspace)
    );
    CREATE INDEX by_time ON events (time);
    CREATE INDEX by_session ON events (session);
    CREATE INDEX by_kind ON events (kind);
    CREATE INDEX by_sender ON events (sender);
    CREATE INDEX by_receiver ON events (receiver) WHERE receiver IS NOT NULL;
    CREATE INDEX by_trace ON events (trace) WHERE trace IS NOT NULL;
    CREATE INDEX by_request ON events (request) WHERE request IS NOT NULL;
    CREATE INDEX by_cause ON events (cause) WHERE cause IS NOT NULL;
";

pub(crate) struct Store {
    connection: Connection,
    strings: std::collections::HashMap<String, i64>,
    is_begun: bool,
}

impl Store {
    pub(crate) fn open(dir: &Path) -> Result<Self, String> {
        let connection = Connection::open(dir.join("sqlite")).map_err(failed)?;
        connection.execute_batch(SCHEMA).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(16);
        Ok(Self {
            connection,
            strings: std::collections::HashMap::new(),
            is_begun: false,
        })
    }

    fn string(&mut self, text: &str) -> Result<i64, String> {
        if let Some(id) = self.strings.get(text) {
            return Ok(*id);
        }
        self.connection
            .execute("INSERT INTO strings (text) VALUES (?1)", [text])
            .map_err(failed)?;
        let id = self.connection.last_insert_rowid();
        self.strings.insert(text.to_owned(), id);
        Ok(id)
    }
}

impl Peer for Store {
    fn add(&mut self, row: &Row<'_>) -> Result<bool, String> {
        if !self.is_begun {
            self.connection.execute_batch("BEGIN").map_err(failed)?;
            self.is_begun = true;
        }
        let (workspace, source) = (self.string(WORKSPACE)?, self.string(row.source)?);
        let (session, kind) = (self.string(row.session)?, self.string(row.kind)?);
        let sender = self.string(row.from)?;
        let receiver = row.to.map(|to| self.string(to)).transpose()?;
        let trace = row.trace.map(u128::to_be_bytes);
        let mut insert = self
            .connection
            .prepare_cached(
                "INSERT OR IGNORE INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )
            .map_err(failed)?;
        let added = insert
            .execute(rusqlite::params![
                row.seq.cast_signed(),
                row.time,
                workspace,
                source,
                row.id,
                session,
                kind,
                sender,
                receiver,
                trace.as_ref().map(<[u8; 16]>::as_slice),
                row.request,
                row.cause,
                row.raw,
            ])
            .map_err(failed)?;
        Ok(added > 0)
    }

    fn commit(&mut self) -> Result<(), String> {
        if std::mem::take(&mut self.is_begun) {
            self.connection.execute_batch("COMMIT").map_err(failed)?;
        }
        Ok(())
    }
}
