//! What can be set, as plain data.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Settings of one server. [`Default`] is what `loom-studio` uses without arguments.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on. Any but loopback needs a token.
    pub host: IpAddr,
    /// The port to listen on; 0 picks a free one.
    pub port: u16,
    /// Names, with or without a port, that a request's `Host` may have beside the loopback ones.
    pub allow_hosts: Vec<String>,
    /// Origins (`https://studio.example`) whose pages may use the WebSocket routes. No CORS headers are sent.
    pub allow_origins: Vec<String>,
    /// Tokens that give access; none means everyone who can reach the port.
    pub tokens: Vec<Token>,
    /// Bounds on what peers may cost.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8765,
            allow_hosts: Vec::new(),
            allow_origins: Vec::new(),
            tokens: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// A secret that gives access.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The secret.
    pub secret: String,
    /// The one workspace it opens; `None` opens all.
    pub workspace: Option<String>,
}

/// Never shows the secret.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
}

/// Bounds on what peers may cost. Every buffer between a socket and the store has one.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest event.
    pub max_event_bytes: usize,
    /// Largest WebSocket message on the wire.
    pub max_frame_bytes: usize,
    /// Largest WebSocket message after decompression.
    pub max_inflated_bytes: usize,
    /// Largest HTTP body.
    pub max_body_bytes: usize,
    /// Most connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// Unacknowledged bytes a `loom-studio.v1` producer may have in flight.
    pub ingest_window_bytes: usize,
    /// Bytes read ahead from a producer without acknowledgements while the store lags.
    pub legacy_backlog_bytes: usize,
    /// Records behind the head at which a viewer that doesn't keep up is given counters instead of events.
    pub lag_records: u64,
    /// Records of one run that its tree is built of: the first so many. An answer has some hundred bytes for each call among them.
    pub max_tree_records: usize,
    /// How long a client may take to send a request's head.
    pub header_timeout: Duration,
    /// How long a peer may leave a frame unread before its connection is dropped.
    pub send_timeout: Duration,
    /// How long shutdown waits for connections to finish.
    pub shutdown_timeout: Duration,
    /// How long looking up the events of a replay session may take, with the wait for its turn.
    pub replay_lookup_timeout: Duration,
    /// How long a replay session that nobody follows plays on: whoever began to play it may be about to follow it.
    pub replay_unwatched: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_event_bytes: 1 << 20,
            max_frame_bytes: 16 << 20,
            max_inflated_bytes: 32 << 20,
            max_body_bytes: 16 << 20,
            max_connections: 1024,
            ingest_window_bytes: 8 << 20,
            legacy_backlog_bytes: 32 << 20,
            lag_records: 50_000,
            max_tree_records: 250_000,
            header_timeout: Duration::from_secs(15),
            send_timeout: Duration::from_mins(1),
            shutdown_timeout: Duration::from_secs(10),
            replay_lookup_timeout: Duration::from_secs(30),
            replay_unwatched: Duration::from_secs(10),
        }
    }
}
