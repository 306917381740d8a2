//! The command line of `loom-studio`.

mod args;
mod file;
mod run;
mod store;

pub use args::Cli;
pub use run::run;
