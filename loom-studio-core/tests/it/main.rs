//! Integration tests.

mod events;
mod memory_store;
