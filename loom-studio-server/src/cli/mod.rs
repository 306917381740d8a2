//! The command line of `loom-studio`.

mod args;
mod file;
mod run;

pub use args::Cli;
pub use run::run;
