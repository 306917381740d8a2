//! The forms of an export, for the route and the command line.

use bytes::Bytes;
use loom_studio_core::{Error, ErrorKind, Export, ExportFormat, Result, RunsAt};
use tokio::sync::Semaphore;

use crate::dear::aside;
use crate::runs::AsOf;

/// Tables and traces that are worked on at a time, a piece each. Each holds a thread for blocking work meanwhile.
static WORKING: Semaphore = Semaphore::const_new(2);

/// A form as clients name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Form {
    /// JSON Lines, without loss: what `import` takes
    #[default]
    #[value(name = "jsonl")]
    JsonLines,
    /// A table, for spreadsheets and data frames
    Csv,
    /// A trace in the Trace Event Format, for Perfetto
    Chrome,
}

impl Form {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let all = [Self::JsonLines, Self::Csv, Self::Chrome];
        all.into_iter().find(|form| form.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Chrome => "chrome",
        }
    }

    /// Media type and disposition.
    pub(crate) const fn headers(self) -> (&'static str, &'static str) {
        match self {
            Self::JsonLines => (
                "application/x-ndjson",
                "attachment; filename=\"loom-studio.jsonl\"",
            ),
            Self::Csv => (
                "text/csv; charset=utf-8; header=present",
                "attachment; filename=\"loom-studio.csv\"",
            ),
            Self::Chrome => (
                "application/json",
                "attachment; filename=\"loom-studio.trace.json\"",
            ),
        }
    }

    /// The form with what it needs to know of runs.
    pub(crate) async fn of(self, as_of: AsOf) -> Result<ExportFormat> {
        if self == Self::JsonLines {
            return Ok(ExportFormat::JsonLines);
        }
        let runs = aside(move || RunsAt::new(&as_of.list, as_of.now)).await?;
        Ok(match self {
            Self::Csv => ExportFormat::Csv(runs),
            _ => ExportFormat::ChromeTrace(runs),
        })
    }

    /// The next piece of an export, and the export. What builds trees of calls takes its time aside.
    pub(crate) async fn next(self, mut export: Export) -> Result<(Export, Option<Bytes>)> {
        if self == Self::JsonLines {
            let piece = export.next().await?;
            return Ok((export, piece));
        }
        let closing = |_| Error::new(ErrorKind::Closed, "the server is shutting down");
        let turn = WORKING.acquire().await.map_err(closing)?;
        let runtime = tokio::runtime::Handle::current();
        let worked = aside(move || {
            // Kept until it is done, also when nobody waits for it any more.
            let _turn = turn;
            let piece = runtime.block_on(export.next());
            piece.map(|piece| (export, piece))
        });
        worked.await?
    }
}
