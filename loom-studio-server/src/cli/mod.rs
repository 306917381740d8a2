//! The command line of `loom-studio`.

mod args;
mod file;
mod hosted;
mod query;
mod remote;
mod run;
mod runs;
mod store;
mod terminal;
mod transfer;
mod tree;

pub use args::Cli;
pub use hosted::{HostVerb, main};
pub use run::run;
