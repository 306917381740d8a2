//! The native side of the Python package `loom-studio`.
//!
//! With the feature `python` (the default) this is the extension module `loom_studio._native`; what users import is the
//! Python package around it. Without the feature it is an ordinary Rust library that knows no Python: the [`sender`].

pub mod sender;

#[cfg(feature = "python")]
mod python;

/// The version of this crate, which is also the version of the Python package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
