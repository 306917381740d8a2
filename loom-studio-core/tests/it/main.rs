//! Integration tests.

mod memory_store;
