//! The log as a file: exported without loss, imported elsewhere, or in the same place again.
//!
//! `docs/export-format.md` describes the lines. An export holds, for each record, what [`EventStore::append`](crate::EventStore::append) can't find out a second time; positions and
//! times of receipt belong to the store that imports.

mod calls;
mod chrome;
mod csv;
mod export;
mod import;
mod line;
mod selected;

pub use calls::RunsAt;
pub use export::{Export, ExportFormat, ExportOptions, Exported};
pub use import::{Import, ImportOptions, ImportReport, RejectedLine};
