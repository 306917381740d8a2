//! The crate's one error type.

use std::error::Error as StdError;

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input breaks a rule: correct it; the same call fails again.
    Invalid,
    /// A cursor or position comes from another life of the store: drop what was read and start over.
    EpochMismatch,
    /// The position was deleted by retention: start at the oldest one still stored.
    Gone,
    /// Nothing was stored for want of space: keep the batch and try again later.
    Full,
    /// The store is closed or poisoned by a failed write: reopen it. Reads may still be answered.
    Closed,
    /// Stored bytes fail their checks: restore or repair.
    Corrupt,
    /// The operating system refused an operation; the source says which.
    Io,
}

impl ErrorKind {
    /// A stable machine-readable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::EpochMismatch => "epoch_mismatch",
            Self::Gone => "gone",
            Self::Full => "store_full",
            Self::Closed => "store_closed",
            Self::Corrupt => "store_corrupt",
            Self::Io => "store_io",
        }
    }
}

/// An error of this crate: what to do next, what went wrong, and the cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a message and no cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller does next.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub(crate) fn epoch_mismatch() -> Self {
        Self::new(
            ErrorKind::EpochMismatch,
            "the position belongs to another epoch of the store; start over",
        )
    }
}
