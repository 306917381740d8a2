//! The `loom-studio` binary.

use std::process::ExitCode;

use clap::Parser as _;
use loom_studio_server::cli::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await
}
