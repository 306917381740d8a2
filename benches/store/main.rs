//! Measures the file store: durable appends beside other embedded engines and beside what the machine can do at best, opening, and queries.
//!
//! `cargo run --release -p loom-studio-benches --features peers --bin loom-studio-store-bench -- append --dir /var/tmp/bench`

mod args;
mod floors;
mod history;
mod input;
mod log;
mod measure;
#[cfg(feature = "peers")]
mod peers;
mod queries;
mod report;
mod seek;
mod times;
mod traffic;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let printed = match Args::parse().command {
        Command::Append(args) => report::append(&args),
        Command::Run(args) => report::run_one(&args),
        Command::Query(args) => queries::run(&args),
        Command::History(args) => history::run(&args),
        Command::Seek(args) => seek::run(&args),
    };
    match printed {
        Ok(text) => {
            // A closed pipe is the reader's choice, not a failure of the run.
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "loom-studio-store-bench: {message}");
            ExitCode::FAILURE
        }
    }
}
