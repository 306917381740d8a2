//! From lines to the log.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::line::{self, Line};
use crate::error::{Error, Result};
use crate::event::RejectCode;
use crate::store::{AppendBatch, EventStore, Incoming, Recorded};

/// Records appended together at most.
const BATCH_RECORDS: usize = 4096;
/// Bytes of lines after which a batch is appended.
const BATCH_BYTES: usize = 4 << 20;
/// Rejected records told one by one; the others are counted.
const MAX_REJECTED: usize = 100;

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Put every record into this workspace instead of its own.
    pub workspace: Option<Arc<str>>,
    /// Put every record into this session instead of its own.
    pub session: Option<Arc<str>>,
    /// Longest line taken, in bytes: what an import holds in memory is about this and one batch. Default 8 MiB, which fits every event under the default limits.
    pub max_line_bytes: usize,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            workspace: None,
            session: None,
            max_line_bytes: 8 << 20,
        }
    }
}

/// What became of an import so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReport {
    /// Lines read.
    pub lines: u64,
    /// Events read.
    pub events: u64,
    /// Observations read.
    pub observations: u64,
    /// Records stored.
    pub added: u64,
    /// Records that were already stored.
    pub duplicates: u64,
    /// Records that break a rule, per code.
    pub rejected: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub first_rejected: Vec<RejectedLine>,
}

/// One rejected record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedLine {
    /// Its line, counted from 1.
    pub line: u64,
    /// The broken rule.
    pub code: RejectCode,
    /// The rule in words.
    pub detail: String,
}

/// Takes the lines of an [`Export`](super::Export) into a store.
///
/// Records keep their order, their text, their session and their times; the store gives them positions and a time of receipt of its own. What is already stored is counted as a
/// duplicate, so an import that broke off is simply repeated. Several exports may follow one another in one input.
///
/// Bytes come in pieces of any size. After an error, everything in the lines before it is stored, as durably as the store promises, and nothing after it is.
#[derive(Debug)]
pub struct Import {
    store: Arc<dyn EventStore>,
    options: ImportOptions,
    /// The beginning of a line.
    rest: BytesMut,
    batch: Vec<Incoming>,
    /// The line of each record in `batch`.
    lines: Vec<u64>,
    batch_bytes: usize,
    workspace: Arc<str>,
    section: Section,
    report: ImportReport,
    is_over: bool,
}

/// Where in an export the next line stands.
#[derive(Debug, Clone, Copy)]
enum Section {
    /// Before the first header.
    Start,
    /// After a header and so many records.
    Inside { events: u64, observations: u64 },
    /// After a last line.
    Ended,
}

impl Import {
    /// An import that has read nothing yet.
    pub fn new(store: Arc<dyn EventStore>, options: ImportOptions) -> Self {
        Self {
            store,
            options,
            rest: BytesMut::new(),
            batch: Vec::new(),
            lines: Vec::new(),
            batch_bytes: 0,
            workspace: "".into(),
            section: Section::Start,
            report: ImportReport::default(),
            is_over: false,
        }
    }

    /// What became of it so far. After an error too.
    pub fn report(&self) -> &ImportReport {
        &self.report
    }

    /// Takes the next bytes, and stores what is ready. Not cancel-safe: drop the import with a dropped call; what was appended stays.
    ///
    /// # Errors
    /// `Invalid` for a line that is none of an export: the message has its number. As the store's `append`. Nothing more is taken after an error.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.guard()?;
        let result = self.take(bytes).await;
        self.settle(result).await
    }

    /// Ends the input: stores what is left, and checks that the export was whole.
    ///
    /// # Errors
    /// As [`push`](Self::push); `Invalid` when the end is missing.
    pub async fn finish(&mut self) -> Result<()> {
        self.guard()?;
        let result = self.take_rest().await;
        self.settle(result).await?;
        self.is_over = true;
        Ok(())
    }

    fn guard(&self) -> Result<()> {
        if self.is_over {
            return Err(Error::invalid("the import has ended"));
        }
        Ok(())
    }

    /// Keeps what came before an error.
    async fn settle(&mut self, result: Result<()>) -> Result<()> {
        if result.is_err() && !mem::replace(&mut self.is_over, true) {
            self.append().await?;
        }
        result
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let mut bytes = bytes;
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (head, tail) = bytes.split_at(end + 1);
            self.keep(head)?;
            bytes = tail;
            let line = self.rest.split().freeze();
            self.line(line).await?;
        }
        self.keep(bytes)
    }

    /// Adds to the line under way.
    fn keep(&mut self, bytes: &[u8]) -> Result<()> {
        let max_bytes = self.options.max_line_bytes;
        if self.rest.len() + bytes.len() > max_bytes {
            if let Some(other) = self.other_format(&self.rest) {
                return Err(other);
            }
            let line = self.report.lines + 1;
            return Err(Error::invalid(format!(
                "line {line}: it is longer than {max_bytes} bytes"
            )));
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    async fn take_rest(&mut self) -> Result<()> {
        let rest = self.rest.split().freeze();
        if !rest.is_empty() {
            if let Some(other) = self.other_format(&rest) {
                return Err(other);
            }
            // A last line may lack its line feed. If it is none, it was cut off.
            let is_whole = Line::read(&rest).is_ok();
            if !is_whole {
                self.report.lines += 1;
                let line = self.report.lines;
                return Err(Error::invalid(format!(
                    "line {line}: the input is cut off in it; what follows is missing"
                )));
            }
            self.line(rest).await?;
        }
        match self.section {
            Section::Ended => self.append().await,
            Section::Start => Err(Error::invalid("the input is empty")),
            Section::Inside {
                events,
                observations,
            } => Err(Error::invalid(format!(
                "line {}: the input is cut off after it; the export's last line is missing, and how much came before that can't be told ({events} events and {observations} observations are there)",
                self.report.lines
            ))),
        }
    }

    /// What is wrong with the first line of an export that can't be imported.
    fn other_format(&self, line: &[u8]) -> Option<Error> {
        if !matches!(self.section, Section::Start) {
            return None;
        }
        let format = line::other_format(line)?;
        Some(Error::invalid(format!(
            "the input is {format}, which doesn't hold everything; only an export as JSON Lines can be imported (loom-studio export --format jsonl)"
        )))
    }

    async fn line(&mut self, line: Bytes) -> Result<()> {
        self.report.lines += 1;
        let number = self.report.lines;
        let wrong = |what: String| Error::invalid(format!("line {number}: {what}"));
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if let Some(other) = self.other_format(&line) {
            return Err(other);
        }
        let read = Line::read(&line).map_err(wrong)?;
        match (read, &mut self.section) {
            (Line::Header, Section::Start | Section::Ended) => {
                self.section = Section::Inside {
                    events: 0,
                    observations: 0,
                };
                Ok(())
            }
            (Line::Header, Section::Inside { .. }) => Err(wrong(
                "an export begins here, but the last line of the one before is missing".to_owned(),
            )),
            (
                Line::Record { workspace, record },
                Section::Inside {
                    events,
                    observations,
                },
            ) => {
                match &record {
                    Recorded::Event { .. } => {
                        *events += 1;
                        self.report.events += 1;
                    }
                    Recorded::Observation { .. } => {
                        *observations += 1;
                        self.report.observations += 1;
                    }
                }
                self.add(workspace, record, line.len()).await
            }
            (
                Line::End {
                    events,
                    observations,
                },
                Section::Inside {
                    events: events_read,
                    observations: observations_read,
                },
            ) => {
                if (events, observations) != (*events_read, *observations_read) {
                    return Err(wrong(format!(
                        "the export had {events} events and {observations} observations, but {events_read} and {observations_read} came: lines are missing, or there twice"
                    )));
                }
                self.section = Section::Ended;
                Ok(())
            }
            (Line::Record { .. } | Line::End { .. }, Section::Start | Section::Ended) => {
                Err(wrong(
                    "an export begins with a line that names its format, and this is another one"
                        .to_owned(),
                ))
            }
        }
    }

    async fn add(&mut self, workspace: Arc<str>, mut record: Recorded, bytes: usize) -> Result<()> {
        let workspace = self.options.workspace.as_ref().unwrap_or(&workspace);
        if *self.workspace != **workspace {
            let workspace = Arc::clone(workspace);
            self.append().await?;
            self.workspace = workspace;
        }
        if let (Recorded::Event { session, .. }, Some(instead)) =
            (&mut record, &self.options.session)
        {
            *session = Arc::clone(instead);
        }
        self.batch.push(Incoming::Recorded(Box::new(record)));
        self.lines.push(self.report.lines);
        self.batch_bytes += bytes;
        if self.batch.len() >= BATCH_RECORDS || self.batch_bytes >= BATCH_BYTES {
            self.append().await?;
        }
        Ok(())
    }

    /// Appends what has gathered.
    async fn append(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = AppendBatch {
            workspace: Arc::clone(&self.workspace),
            session: "import".into(),
            items: mem::take(&mut self.batch),
        };
        let lines = mem::take(&mut self.lines);
        self.batch_bytes = 0;
        let appended = self.store.append(batch).await?;
        self.report.added += appended.added();
        self.report.duplicates += appended.duplicates;
        for rejected in appended.rejected {
            *self
                .report
                .rejected
                .entry(rejected.code.as_str())
                .or_insert(0) += 1;
            if self.report.first_rejected.len() < MAX_REJECTED {
                self.report.first_rejected.push(RejectedLine {
                    line: lines.get(rejected.index).copied().unwrap_or_default(),
                    code: rejected.code,
                    detail: rejected.detail,
                });
            }
        }
        Ok(())
    }
}
