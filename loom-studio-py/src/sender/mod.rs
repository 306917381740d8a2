//! Sends events to a Loom Studio server without getting in the way of the program that makes them.
//!
//! [`Sender::push`] copies an event's JSON into the open batch and returns: no I/O, no waiting, no clock. One background thread
//! sends the batches, keeps what isn't acknowledged, and sends it again after a reconnect; the server knows an event by its
//! source and id, so nothing is stored twice. What exceeds the bounds is refused, newest first, and counted by reason in [`Stats`].
//!
//! ```no_run
//! use std::time::Duration;
//! use loom_studio::sender::{Sender, SenderConfig};
//!
//! let sender = Sender::start(SenderConfig::new("ws://localhost:8765"))?;
//! sender.push(br#"{"specversion":"1.0","id":"1","source":"/node/a","type":"node.request"}"#)?;
//! sender.close(Duration::from_secs(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! * **Order.** What one thread pushes arrives in that order, and an observation never travels in an earlier batch than its event.
//! * **Memory.** At most [`SenderConfig::max_queued_events`] and [`SenderConfig::max_queued_bytes`] are held, those on the way and not acknowledged
//!   included; beside them, one frame that is being written.
//! * **Loss.** To a server that speaks `loom-studio.v1`, whatever was accepted is delivered once the server can be reached, unless the sender is closed
//!   first. A server that doesn't speak it acknowledges nothing: what was written to its socket counts as delivered, and it gets no observations.
//! * **Time.** [`Sender::push`] takes a lock held for the length of a copy; [`Sender::flush`], [`Sender::close`] and the drop of the last handle
//!   wait no longer than they are told.

mod backlog;
mod backoff;
mod batch;
mod config;
mod connection;
mod frame;
mod handle;
mod legacy;
mod outgoing;
mod queue;
mod shared;
mod stats;
mod target;
mod tls;
mod v1;
mod worker;

pub use config::{ConfigError, SenderConfig};
pub use handle::Sender;
pub use queue::Refused;
pub use stats::{Protocol, Stats};
