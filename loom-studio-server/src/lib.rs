//! Loom Studio's server: the answers of `loom-studio-core` over HTTP and WebSocket, and the web page.
//!
//! It holds no rule about events, nodes or calls: those are core's. Here live the wire forms, access control, bounds on what a peer may cost, and the life of the process.

pub mod protocol;

#[cfg(feature = "http")]
pub mod cli;
#[cfg(feature = "http")]
mod dear;
#[cfg(feature = "http")]
mod dto;
#[cfg(feature = "http")]
mod error;
#[cfg(feature = "http")]
mod exports;
#[cfg(feature = "http")]
mod figures;
#[cfg(feature = "http")]
mod hosted;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod keep;
#[cfg(feature = "http")]
mod live;
#[cfg(feature = "http")]
mod metrics;
#[cfg(feature = "http")]
mod replays;
#[cfg(feature = "http")]
mod routes;
#[cfg(feature = "http")]
mod runs;
#[cfg(feature = "http")]
mod server;
#[cfg(feature = "http")]
mod settings;
#[cfg(feature = "http")]
mod state;
#[cfg(feature = "http")]
mod ws;

#[cfg(feature = "http")]
pub use hosted::{HostError, HostOptions, Hosted};
#[cfg(feature = "http")]
pub use keep::{DEFAULT_RETENTION, Keep, platform_directory};
#[cfg(feature = "http")]
pub use routes::openapi;
#[cfg(feature = "http")]
pub use server::{Components, Server, StartError};
#[cfg(feature = "http")]
pub use settings::{Limits, Settings, Token};
