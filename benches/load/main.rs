//! Drives a Loom Studio server on this machine with producers and viewers, and tells what it did and what it cost.
//!
//! `cargo run --release -p loom-studio-benches --bin loom-studio-load -- --server target/release/loom-studio`

mod args;
mod clock;
mod events;
mod latencies;
mod process;
mod producer;
mod report;
mod run;
mod viewer;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let args = args::Args::parse();
    match run::run(&args).await {
        Ok(report) => {
            let text = if args.json {
                report.json()
            } else {
                report.to_string()
            };
            // A closed pipe is the reader's choice, not a failure of the run.
            let _ = writeln!(std::io::stdout(), "{text}");
            report.verdict(&args)
        }
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "loom-studio-load: {message}");
            ExitCode::FAILURE
        }
    }
}
