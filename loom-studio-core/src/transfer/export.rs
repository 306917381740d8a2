//! From the log to a file, piece by piece.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::calls::RunsAt;
use super::chrome::ChromeTrace;
use super::csv::Csv;
use super::line;
use super::selected::Selected;
use crate::condition::Condition;
use crate::error::{ErrorKind, Result};
use crate::event::{Observation, Record};
use crate::ids::Seq;
use crate::store::{EventFilter, EventStore, SeqSet};

/// Bytes handed out together, about: a chunk ends with the record that reaches them.
const CHUNK_BYTES: usize = 256 << 10;
/// Events kept in mind, by name alone, for the observations that follow them.
const RECENT_EVENTS: usize = 4096;

/// What to export, and how. The default is everything, as JSON Lines.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// Which events. An observation goes where its event goes.
    pub filter: EventFilter,
    /// Only events for which a condition holds. A condition on `duration` never does: no duration is known here.
    pub condition: Option<Condition>,
    /// Only events at these positions, such as those of a run. The name of the set stands in the first line.
    pub within: Option<SeqSet>,
    /// Nothing after this position; the head when `None`.
    pub up_to: Option<Seq>,
    /// The form.
    pub format: ExportFormat,
}

/// The form of an export: see `docs/export-format.md`.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum ExportFormat {
    /// Everything, without loss: what an [`Import`](super::Import) takes.
    #[default]
    JsonLines,
    /// A table of the events, with the call each belongs to.
    Csv(RunsAt),
    /// Trace Event Format, for Perfetto and other viewers of traces: calls as slices, other events as instants.
    ChromeTrace(RunsAt),
}

/// What an export has written so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Events.
    pub events: u64,
    /// Observations; none in a CSV or a trace.
    pub observations: u64,
    /// Observations left out because the observed event is no longer stored: nobody could tell what they are about.
    pub orphans: u64,
    /// Positions that retention or a bound deleted before the export reached them. What was deleted before it began doesn't count.
    pub deleted: u64,
    /// In a CSV or a trace: requests whose call isn't told, because their run has too many records or is no longer known.
    pub unknown_calls: u64,
    /// Everything up to here is written, filtered out, or counted above.
    pub through: Seq,
    /// Where the export ends.
    pub target: Seq,
}

/// The matching part of a log as a file: see `docs/export-format.md`.
///
/// It ends at the position that was the head when it began, holds one step of records at a time, and never holds up a writer. Two exports of the same records are equal, byte for byte.
///
/// A CSV or a trace also holds the calls of the runs it is passing through: of up to half a million records, some hundred bytes for each. Building a tree of calls takes up to some hundred milliseconds
/// without a chance for other tasks, so these two belong where that does no harm.
#[derive(Debug)]
pub struct Export {
    selected: Selected,
    /// Read, not written yet.
    waiting: VecDeque<Record>,
    writer: Writer,
    exported: Exported,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Header,
    Records,
    Ended,
}

#[derive(Debug)]
enum Writer {
    Lines(Box<Lines>),
    Csv(Box<Csv>),
    ChromeTrace(Box<ChromeTrace>),
}

impl Export {
    /// Begins an export of the records that match as JSON Lines, up to `up_to` (the head when `None`). An observation matches as in a [`Subscription`](crate::Subscription).
    ///
    /// # Errors
    /// As the store's reads.
    pub async fn new(
        store: Arc<dyn EventStore>,
        filter: EventFilter,
        up_to: Option<Seq>,
    ) -> Result<Self> {
        let options = ExportOptions {
            filter,
            up_to,
            ..ExportOptions::default()
        };
        Self::with(store, options).await
    }

    /// Begins an export.
    ///
    /// # Errors
    /// As the store's reads.
    pub async fn with(store: Arc<dyn EventStore>, options: ExportOptions) -> Result<Self> {
        let options = ExportOptions {
            filter: options.filter.normalized(),
            ..options
        };
        let selected = Selected::new(&store, &options).await?;
        let (after, target) = (selected.through, selected.target);
        let range = (after.min(target), target);
        let writer = match options.format.clone() {
            ExportFormat::JsonLines => Writer::Lines(Box::new(Lines {
                store,
                options,
                range,
                recent: BTreeMap::new(),
            })),
            ExportFormat::Csv(runs) => Writer::Csv(Box::new(Csv::new(store, runs))),
            ExportFormat::ChromeTrace(runs) => {
                Writer::ChromeTrace(Box::new(ChromeTrace::new(store, runs, range)))
            }
        };
        Ok(Self {
            exported: Exported {
                through: after,
                target,
                ..Exported::default()
            },
            selected,
            waiting: VecDeque::new(),
            writer,
            phase: Phase::Header,
        })
    }

    /// The next piece, of whole lines; `None` after the last. Not cancel-safe: a dropped call may lose lines, so drop the export with it.
    ///
    /// # Errors
    /// As the store's reads. The export can't go on after one.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let mut out = String::new();
        if self.phase == Phase::Header {
            self.phase = Phase::Records;
            match &self.writer {
                Writer::Lines(lines) => lines.begin(&mut out),
                Writer::Csv(_) => Csv::begin(&mut out),
                Writer::ChromeTrace(_) => ChromeTrace::begin(&mut out),
            }
        }
        while self.phase == Phase::Records && out.len() < CHUNK_BYTES {
            match self.waiting.pop_front() {
                Some(record) => self.write(&mut out, &record).await?,
                None if self.selected.through < self.selected.target => {
                    self.waiting.extend(self.selected.read().await?);
                    self.exported.through = self.selected.through;
                    self.exported.deleted = self.selected.deleted;
                }
                None => {
                    self.exported.through = self.selected.target;
                    match &mut self.writer {
                        Writer::Lines(_) => line::write_end(&mut out, &self.exported),
                        Writer::Csv(_) => {}
                        Writer::ChromeTrace(trace) => trace.end(&mut out, &self.exported),
                    }
                    self.phase = Phase::Ended;
                }
            }
        }
        Ok((!out.is_empty()).then(|| Bytes::from(out)))
    }

    /// What was written so far, and how far there is to go.
    pub fn exported(&self) -> Exported {
        self.exported
    }

    async fn write(&mut self, out: &mut String, record: &Record) -> Result<()> {
        let exported = &mut self.exported;
        let event = match (&mut self.writer, record) {
            (Writer::Lines(lines), record) => return lines.write(out, record, exported).await,
            (_, Record::Observation(_)) => return Ok(()),
            (_, Record::Event(event)) => event,
        };
        exported.events += 1;
        let is_known = match &mut self.writer {
            Writer::Csv(csv) => csv.write(out, event).await?,
            Writer::ChromeTrace(trace) => trace.write(out, event).await?,
            Writer::Lines(_) => true,
        };
        exported.unknown_calls += u64::from(!is_known);
        Ok(())
    }
}

/// Writes JSON Lines.
#[derive(Debug)]
struct Lines {
    store: Arc<dyn EventStore>,
    options: ExportOptions,
    range: (Seq, Seq),
    /// `source` and `id` of the last events written.
    recent: BTreeMap<Seq, (Arc<str>, Arc<str>)>,
}

impl Lines {
    fn begin(&self, out: &mut String) {
        line::write_header(out, self.store.epoch(), self.range, &self.options);
    }

    async fn write(
        &mut self,
        out: &mut String,
        record: &Record,
        exported: &mut Exported,
    ) -> Result<()> {
        match record {
            Record::Event(event) => {
                line::write_event(out, event);
                exported.events += 1;
                let key = (Arc::clone(event.source()), Arc::clone(event.id()));
                self.recent.insert(event.seq(), key);
                if self.recent.len() > RECENT_EVENTS {
                    self.recent.pop_first();
                }
            }
            Record::Observation(observation) => match self.observed(observation).await? {
                Some((source, id)) => {
                    line::write_observation(out, observation, &source, &id);
                    exported.observations += 1;
                }
                None => exported.orphans += 1,
            },
        }
        Ok(())
    }

    /// `source` and `id` of the observed event, if it is still stored.
    async fn observed(&self, observation: &Observation) -> Result<Option<(Arc<str>, Arc<str>)>> {
        if let Some(key) = self.recent.get(&observation.of) {
            return Ok(Some(key.clone()));
        }
        let record = match self.store.get(observation.of).await {
            Ok(record) => record,
            Err(error) if error.kind() == ErrorKind::Gone => None,
            Err(error) => return Err(error),
        };
        Ok(record.and_then(|stored| {
            let event = stored.record.as_event()?;
            Some((Arc::clone(event.source()), Arc::clone(event.id())))
        }))
    }
}
