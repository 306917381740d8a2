//! Integration tests.

mod events;
mod laws;
mod memory_store;
