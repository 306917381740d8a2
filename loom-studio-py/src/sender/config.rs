//! What a sender can be told, as plain data.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The most entries the protocol allows in one batch.
const MAX_BATCH_EVENTS: usize = 65_536;

/// Settings of one [`Sender`](super::Sender). [`SenderConfig::new`] has what suits a program beside its server.
#[derive(Clone)]
pub struct SenderConfig {
    /// Where the server is: `ws://`, `wss://`, `http://` or `https://`, or a bare `host:port`. A path that doesn't end in `/ws/ingest` gets it appended. `user:password@` is sent as Basic credentials, of which the server takes the password as the token.
    pub url: String,
    /// The token, sent as `Authorization: Bearer`; it goes before credentials in the URL.
    pub token: Option<String>,
    /// The workspace, unless the URL or the token names one.
    pub workspace: Option<String>,
    /// The session of the events that don't carry `studiosession` themselves; empty leaves them to the server, which makes a session of each connection.
    pub session: String,
    /// Most events and observations held, those on their way included.
    pub max_queued_events: usize,
    /// Most bytes of JSON held, those on their way included.
    pub max_queued_bytes: usize,
    /// A batch is sent when it has so many events and observations, 65,536 at most;
    pub batch_events: usize,
    /// or so many bytes;
    pub batch_bytes: usize,
    /// or, being smaller, after this time.
    pub batch_delay: Duration,
    /// Compress frames with zstd where the server reads it.
    pub compress: bool,
    /// How long a connection attempt may take, the server's greeting included.
    pub connect_timeout: Duration,
    /// How long the server may be silent, pings included, before the connection counts as lost.
    pub silence_timeout: Duration,
    /// Upper bound of the wait before the second connection attempt. It doubles with each further one; the wait itself is drawn evenly from what is below.
    pub backoff_initial: Duration,
    /// Where the doubling ends.
    pub backoff_max: Duration,
    /// How long dropping the last handle waits for what is queued.
    pub drop_timeout: Duration,
    /// Certificates (PEM) to trust beside those of the system, for `wss://`.
    pub ca_file: Option<PathBuf>,
    /// Seeds the jitter of the backoff; `None` takes a random seed.
    pub seed: Option<u64>,
}

impl SenderConfig {
    /// The defaults, for the server at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ..Self::default()
        }
    }

    /// The same with every figure inside its bounds.
    pub(super) fn bounded(mut self) -> Self {
        self.batch_events = self.batch_events.clamp(1, MAX_BATCH_EVENTS);
        self.batch_bytes = self.batch_bytes.clamp(1, 1 << 30);
        self.batch_delay = self.batch_delay.max(Duration::from_millis(1));
        self
    }
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self {
            url: "ws://localhost:8765".to_owned(),
            token: None,
            workspace: None,
            session: String::new(),
            max_queued_events: 50_000,
            max_queued_bytes: 64 << 20,
            batch_events: 256,
            batch_bytes: 256 << 10,
            batch_delay: Duration::from_millis(50),
            compress: true,
            connect_timeout: Duration::from_secs(10),
            silence_timeout: Duration::from_mins(1),
            backoff_initial: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            drop_timeout: Duration::from_secs(1),
            ca_file: None,
            seed: None,
        }
    }
}

/// Never shows the token or the URL, which may carry one.
impl fmt::Debug for SenderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderConfig")
            .field("session", &self.session)
            .field("max_queued_events", &self.max_queued_events)
            .field("max_queued_bytes", &self.max_queued_bytes)
            .field("batch_events", &self.batch_events)
            .field("batch_bytes", &self.batch_bytes)
            .field("batch_delay", &self.batch_delay)
            .field("compress", &self.compress)
            .finish_non_exhaustive()
    }
}

/// Why a sender did not start. No message shows a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The URL can't be used.
    #[error("the URL of the server: {0}")]
    Url(String),
    /// The token has characters that no HTTP header may have.
    #[error("the token has characters that can't be sent in a header")]
    Token,
    /// The certificates can't be read.
    #[error("the certificates in {path}: {reason}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system gave no thread, or none of what it needs.
    #[error("cannot start the sender's thread: {0}")]
    Thread(#[from] io::Error),
}
