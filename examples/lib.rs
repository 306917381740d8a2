//! The examples are in `embed/` and `loom/`.
