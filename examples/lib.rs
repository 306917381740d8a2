//! The examples are in `embed/`, `loom/` and `sender/`.
