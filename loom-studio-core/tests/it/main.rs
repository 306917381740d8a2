//! Integration tests.

mod events;
#[cfg(feature = "file")]
mod file_store;
mod laws;
mod memory_store;
