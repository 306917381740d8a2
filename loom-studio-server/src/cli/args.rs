//! Flags, each with its environment variable. A flag wins over the environment, the environment over the config file, the file over the default.

use std::net::IpAddr;
use std::path::PathBuf;

use super::file::Age;
use crate::exports::Form;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// A real-time visual debugger for Loom agents.
#[derive(Debug, Parser)]
#[command(
    name = "loom-studio",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "\
Start it, open the printed URL, and run any application on loom-agent with
    LOOM_STUDIO_ENABLED=true python your_app.py
If Studio listens elsewhere than ws://localhost:8765, say where with LOOM_STUDIO_URL."
)]
pub struct Cli {
    /// What to do; `serve` when absent.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Receive events and serve the web page (the default)
    Serve(Box<ServeArgs>),
    /// Show what a data directory holds
    Stats(StoreArgs),
    /// Check every checksum, record and index of a data directory; exit code 1 when something is wrong
    Verify(StoreArgs),
    /// Write events to a file or to standard output: as JSON Lines without loss, as a table, or as a trace for Perfetto
    Export(Box<ExportArgs>),
    /// Store what an export holds; what is already there is passed over
    Import(ImportArgs),
    /// List runs: root calls and all below them
    Runs(RunsArgs),
    /// Show one run: its calls as a tree, the critical path, and what went wrong first
    Show(ShowArgs),
    /// Show the events for which a condition holds
    Query(QueryArgs),
}

/// Flags of `runs`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "A pattern is exact, a prefix (agent.*) or a part (*tool*).")]
pub(super) struct RunsArgs {
    /// Those that stand so alone
    #[arg(long, value_name = "STATUS", value_parser = ["running", "ok", "failed", "unanswered"])]
    pub(super) status: Option<String>,
    /// Of these sessions alone
    #[arg(long, value_name = "PATTERN")]
    pub(super) session: Option<String>,
    /// Whose root call is from or to these nodes alone
    #[arg(long, value_name = "PATTERN")]
    pub(super) node: Option<String>,
    /// In this order; -seq is the newest first
    #[arg(long, value_name = "ORDER", default_value = "-seq", allow_hyphen_values = true, value_parser = ["-seq", "seq", "-duration", "duration"])]
    pub(super) order: String,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) limit: u16,
    /// Of this workspace [default: default]
    #[arg(long, value_name = "NAME")]
    pub(super) workspace: Option<String>,
    /// Print JSON, as GET /api/runs answers it
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// Flags of `show`.
#[derive(Debug, Clone, Args)]
pub(super) struct ShowArgs {
    /// The run: its number, that of an event in it, or a trace id
    pub(super) run: String,
    /// Of this workspace [default: default]
    #[arg(long, value_name = "NAME")]
    pub(super) workspace: Option<String>,
    /// Print JSON, as GET /api/runs/{id} answers it
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// Flags of `query`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Conditions are described in docs/conditions.md, such as
    type = node.error and source contains tool")]
pub(super) struct QueryArgs {
    /// The condition
    #[arg(value_name = "WHERE")]
    pub(super) condition: String,
    /// In this order; -seq is the newest first
    #[arg(long, value_name = "ORDER", default_value = "seq", allow_hyphen_values = true, value_parser = ["seq", "-seq", "time", "-time"])]
    pub(super) order: String,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// Of this workspace [default: default]
    #[arg(long, value_name = "NAME")]
    pub(super) workspace: Option<String>,
    /// Print the events as JSON, one in a line
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// Flags of `export`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A pattern is exact, a prefix (agent.*) or a part (*tool*). Times are RFC 3339 or epoch seconds.
Conditions are described in docs/conditions.md, the formats in docs/export-format.md. What is written with
--format chrome opens at https://ui.perfetto.dev.")]
pub(super) struct ExportArgs {
    /// Write it in this form; only jsonl can be imported
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(super) format: Form,
    /// File to write; a name in .zst is compressed [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    pub(super) force: bool,
    /// Compress with zstd, whatever the file's name
    #[arg(long)]
    pub(super) zstd: bool,
    /// Of this workspace alone [default: every one in a data directory, `default` on a server]
    #[arg(long, value_name = "NAME")]
    pub(super) workspace: Option<String>,
    /// Of these sessions alone
    #[arg(long, value_name = "PATTERN")]
    pub(super) session: Option<String>,
    /// Of these traces alone
    #[arg(long, value_name = "PATTERN")]
    pub(super) trace: Option<String>,
    /// From or to these nodes alone
    #[arg(long, value_name = "PATTERN")]
    pub(super) node: Option<String>,
    /// Of these types alone
    #[arg(long = "type", value_name = "PATTERN")]
    pub(super) kind: Option<String>,
    /// Not before
    #[arg(long, value_name = "TIME")]
    pub(super) start_time: Option<String>,
    /// Not after
    #[arg(long, value_name = "TIME")]
    pub(super) end_time: Option<String>,
    /// With this text somewhere in the event
    #[arg(short, long = "query", value_name = "TEXT")]
    pub(super) q: Option<String>,
    /// For which this condition holds alone
    #[arg(long = "where", value_name = "CONDITION")]
    pub(super) condition: Option<String>,
    /// Of this run alone: its number, that of an event in it, or a trace id
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// Flags of `import`.
#[derive(Debug, Clone, Args)]
pub(super) struct ImportArgs {
    /// File to read, compressed with zstd or not [default: standard input]
    #[arg(value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    /// Put every record into this workspace [default: its own in a data directory, `default` on a server]
    #[arg(long, value_name = "NAME")]
    pub(super) workspace: Option<String>,
    /// Put every record into this session [default: its own]
    #[arg(long, value_name = "NAME")]
    pub(super) session: Option<String>,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// A data directory that no server is using, or a running server.
#[derive(Debug, Clone, Args)]
pub(super) struct PlaceArgs {
    #[command(flatten)]
    pub(super) store: StoreArgs,
    /// Running server to go through instead of a data directory, such as http://127.0.0.1:8765
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<String>,
    /// The server's token
    #[arg(
        long,
        env = "LOOM_STUDIO_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub(super) token: Option<String>,
}

/// Which data directory. No server may be using it.
#[derive(Debug, Clone, Args)]
pub(super) struct StoreArgs {
    /// Data directory [default: the platform's, as for serve]
    #[arg(long, env = "LOOM_STUDIO_DATA_DIR", value_name = "DIRECTORY")]
    pub(super) data_dir: Option<PathBuf>,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// Flags of `serve`.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ServeArgs {
    /// Address to listen on; any but loopback needs a token [default: 127.0.0.1]
    #[arg(long, env = "LOOM_STUDIO_HOST", value_name = "ADDRESS")]
    pub(super) host: Option<IpAddr>,
    /// Port to listen on; 0 picks a free one [default: 8765]
    #[arg(long, env = "LOOM_STUDIO_PORT", value_name = "PORT")]
    pub(super) port: Option<u16>,
    /// Directory for the events; made when it doesn't exist [default: the platform's data directory]
    #[arg(
        long,
        env = "LOOM_STUDIO_DATA_DIR",
        value_name = "DIRECTORY",
        conflicts_with = "memory"
    )]
    pub(super) data_dir: Option<PathBuf>,
    /// Delete events received longer ago than this: 7d, 12h, 30m, or off [default: 7d]
    #[arg(long, env = "LOOM_STUDIO_RETENTION", value_name = "AGE", value_parser = super::file::parse_age)]
    pub(super) retention: Option<Age>,
    /// Delete the oldest events above this size, with K, M or G [default: no limit]
    #[arg(long, env = "LOOM_STUDIO_RETENTION_BYTES", value_name = "BYTES", value_parser = super::file::parse_bytes)]
    pub(super) retention_bytes: Option<u64>,
    /// Keep events in memory: everything is gone when the server stops
    #[arg(long, env = "LOOM_STUDIO_MEMORY")]
    pub(super) memory: bool,
    /// Most events kept in memory; the oldest leave first [default: 1000000]
    #[arg(long, env = "LOOM_STUDIO_MEMORY_EVENTS", value_name = "COUNT")]
    pub(super) memory_events: Option<usize>,
    /// Most bytes kept in memory, with K, M or G [default: 1G]
    #[arg(long, env = "LOOM_STUDIO_MEMORY_BYTES", value_name = "BYTES", value_parser = super::file::parse_bytes)]
    pub(super) memory_bytes: Option<u64>,
    /// Secret that clients must show; may be given more than once
    #[arg(
        long = "token",
        env = "LOOM_STUDIO_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub(super) tokens: Vec<String>,
    /// Host name, with or without a port, that requests may be sent to; may be given more than once
    #[arg(
        long = "allow-host",
        env = "LOOM_STUDIO_ALLOW_HOST",
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub(super) allow_hosts: Vec<String>,
    /// Origin whose pages may use the WebSocket routes; may be given more than once
    #[arg(
        long = "allow-origin",
        env = "LOOM_STUDIO_ALLOW_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub(super) allow_origins: Vec<String>,
    /// TOML file with settings
    #[arg(long, env = "LOOM_STUDIO_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What to log: error, warn, info, debug, trace, or a tracing filter [default: info]
    #[arg(long, env = "LOOM_STUDIO_LOG", value_name = "FILTER")]
    pub(super) log: Option<String>,
    /// How to write logs
    #[arg(
        long,
        env = "LOOM_STUDIO_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum
    )]
    pub(super) log_format: Option<LogFormat>,
}
