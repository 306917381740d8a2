//! Integration tests.

#[cfg(feature = "file")]
mod crash;
mod events;
#[cfg(feature = "file")]
mod file_store;
mod laws;
mod memory_store;
#[cfg(feature = "file")]
mod sim_disk;
