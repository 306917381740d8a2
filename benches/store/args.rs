//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Measures the file store of Loom Studio.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Appends the same events to each engine, every one in a process of its own
    Append(Append),
    /// Appends to one engine in this process
    #[command(hide = true)]
    Run(Run),
    /// Fills a file store, opens it and asks it
    Query(Query),
    /// Fills a file store with calls among many nodes, and travels in it
    History(History),
    /// Fills a file store whose state is large, and seeks in it
    Seek(Seek),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Append {
    /// Where the input and the stores go; what is in the way is deleted
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) events: u64,
    /// Events for runs that sync each batch
    #[arg(long, default_value_t = 200_000)]
    pub(crate) batch_events: u64,
    /// What to run, in this order
    #[arg(long, value_delimiter = ',', default_values_t = default_engines())]
    pub(crate) engines: Vec<Engine>,
    /// How often all of it is run
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: u32,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[arg(long)]
    pub(crate) input: PathBuf,
    #[arg(long)]
    pub(crate) events: u64,
    #[arg(long)]
    pub(crate) engine: Engine,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Query {
    /// Where the store is; filled when it is not there
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) events: u64,
    /// How often each question is asked, each time for something else
    #[arg(long, default_value_t = 300)]
    pub(crate) asks: u32,
    /// Ask only the questions whose name contains this
    #[arg(long, default_value = "")]
    pub(crate) only: String,
    /// Have the operating system forget the files before opening
    #[arg(long)]
    pub(crate) cold: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct History {
    /// Where the store is; filled when it is not there
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) events: u64,
    /// Nodes, a tenth of them tools
    #[arg(long, default_value_t = 1_000)]
    pub(crate) nodes: u64,
    /// Positions asked for, uniformly at random
    #[arg(long, default_value_t = 500)]
    pub(crate) asks: u32,
    /// Records between two checkpoints on disk
    #[arg(long, default_value_t = loom_studio_core::HistoryOptions::default().save_every)]
    pub(crate) save_every: u64,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Seek {
    /// Where the store is; filled when it is not there
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) events: u64,
    /// Positions sought, uniformly at random
    #[arg(long, default_value_t = 1_000)]
    pub(crate) asks: u32,
    /// Mebibytes of prepared states, of each history
    #[arg(long, default_value_t = loom_studio_core::HistoryOptions::default().max_prepared_bytes >> 20)]
    pub(crate) prepared_mib: u64,
    /// Positions at which the state is compared with that of a fold from the beginning
    #[arg(long, default_value_t = 0)]
    pub(crate) checks: u32,
    #[arg(long)]
    pub(crate) json: bool,
}

/// Something that takes events, and how often it makes them durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// Parse, compress, copy and checksum on two threads; nothing is stored
    Floor,
    /// Writing and syncing as many bytes as a group has, without anything else
    Disk,
    /// The file store, commit groups of 8 ms
    Log,
    /// The file store, one batch at a time
    LogBatch,
    #[cfg(feature = "peers")]
    Fjall,
    #[cfg(feature = "peers")]
    FjallBatch,
    #[cfg(feature = "peers")]
    Redb,
    #[cfg(feature = "peers")]
    RedbBatch,
    #[cfg(feature = "peers")]
    Sqlite,
    #[cfg(feature = "peers")]
    SqliteBatch,
}

impl Engine {
    /// Whether each batch is synced alone.
    pub(crate) fn is_by_batch(self) -> bool {
        self.to_string().ends_with("-batch")
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        f.pad(value.as_ref().map_or("", |value| value.get_name()))
    }
}

fn default_engines() -> Vec<Engine> {
    Engine::value_variants().to_vec()
}
