//! The command line of `loom-studio`.

mod args;
mod file;
mod remote;
mod run;
mod store;
mod transfer;

pub use args::Cli;
pub use run::run;
