//! Integration tests.

mod causality;
mod clocks;
mod condition;
#[cfg(feature = "file")]
mod crash;
#[cfg(feature = "file")]
mod differential;
mod events;
#[cfg(feature = "file")]
mod faults;
#[cfg(feature = "file")]
mod file_store;
#[cfg(feature = "file")]
mod format;
#[cfg(feature = "file")]
mod fuzzed;
mod history;
mod hostile;
#[cfg(feature = "file")]
mod kill;
mod laws;
mod links;
mod loom;
mod memory_fold;
mod memory_laws;
mod memory_patch;
mod memory_store;
mod memory_track;
mod metrics;
mod oracle;
mod pairs;
#[cfg(feature = "file")]
mod reading;
mod recorded;
#[cfg(feature = "file")]
mod recovery;
#[cfg(feature = "file")]
mod repeats;
#[cfg(feature = "file")]
mod replay;
#[cfg(feature = "file")]
mod retention;
#[cfg(feature = "file")]
mod sim_disk;
mod transfer;
mod transfer_formats;
#[cfg(feature = "file")]
mod transfer_laws;
