//! From the command line to a running server.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::args::{Cli, Command, LogFormat, ServeArgs};
use super::file::{self, ConfigFile, LogFormatName};
use super::terminal::clean_lines;
use super::{query, runs, store, transfer};
use crate::keep::keep_retention;
use crate::server::{Components, Server};
use crate::settings::{Settings, Token};

/// Runs the command and returns the process's exit code: 0 when it ended as asked, 1 when it could not.
pub async fn run(cli: Cli) -> ExitCode {
    if succeeds(cli).await {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the command, and says on standard error why it failed if it did.
pub(super) async fn succeeds(cli: Cli) -> bool {
    let result = match cli.command {
        Some(Command::Serve(args)) => serve(*args).await,
        Some(Command::Stats(args)) => store::stats(args).await,
        Some(Command::Verify(args)) => store::check(args),
        Some(Command::Export(args)) => transfer::export(*args).await,
        Some(Command::Import(args)) => transfer::import(args).await,
        Some(Command::Runs(args)) => runs::list(args).await,
        Some(Command::Show(args)) => runs::show(args).await,
        Some(Command::Query(args)) => query::query(args).await,
        None => serve(cli.serve).await,
    };
    if let Err(message) = &result {
        // The last word of a failed start; the log may be off.
        let message = clean_lines(message);
        let _ = writeln!(std::io::stderr(), "loom-studio: {message}");
    }
    result.is_ok()
}

async fn serve(args: ServeArgs) -> Result<(), String> {
    let file = args
        .config
        .as_deref()
        .map(file::read)
        .transpose()?
        .unwrap_or_default();
    start_log(&args, &file)?;
    let settings = settings(&args, &file);
    let (store, checkpoints) = store::open(&args, &file, &settings)?;
    let components = Components {
        checkpoints,
        ..Components::default()
    };
    let server = Server::bind(settings, Arc::clone(&store), components)
        .await
        .map_err(|error| error.to_string())?;
    let address = server.local_addr();
    let stop = stop_on_signal()?;
    // The one line on standard output: what a person opens and a script reads.
    writeln!(std::io::stdout(), "http://{address}/")
        .map_err(|error| format!("cannot write to standard output: {error}"))?;
    tracing::info!(%address, store = %store, version = env!("CARGO_PKG_VERSION"), "listening; stop with Ctrl-C");
    let policy = store::retention(&args, &file);
    let retention = keep_retention(store, server.histories(), policy, stop.clone());
    let retention = tokio::spawn(retention);
    server
        .serve(stop)
        .await
        .map_err(|error| error.to_string())?;
    retention
        .await
        .map_err(|error| format!("deleting old events failed: {error}"))?;
    tracing::info!("stopped");
    Ok(())
}

fn start_log(args: &ServeArgs, file: &ConfigFile) -> Result<(), String> {
    let filter = args
        .log
        .as_deref()
        .or(file.log.as_deref())
        .unwrap_or("info");
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("--log: {error}"))?;
    let is_json = match (args.log_format, file.log_format) {
        (Some(format), _) => format == LogFormat::Json,
        (None, format) => matches!(format, Some(LogFormatName::Json)),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second log in one process (a host that embeds the command line) is not this one's to start.
    let _ = if is_json {
        log.json().try_init()
    } else {
        log.try_init()
    };
    Ok(())
}

fn settings(args: &ServeArgs, file: &ConfigFile) -> Settings {
    let default = Settings::default();
    let secret = |secret: &String| Token {
        secret: secret.clone(),
        workspace: None,
    };
    let tokens = args.tokens.iter().map(secret);
    let tokens = tokens.chain(file.tokens.iter().map(|entry| Token {
        secret: entry.secret.clone(),
        workspace: entry.workspace.clone(),
    }));
    Settings {
        host: args.host.or(file.host).unwrap_or(default.host),
        port: args.port.or(file.port).unwrap_or(default.port),
        allow_hosts: args
            .allow_hosts
            .iter()
            .chain(&file.allow_hosts)
            .cloned()
            .collect(),
        allow_origins: args
            .allow_origins
            .iter()
            .chain(&file.allow_origins)
            .cloned()
            .collect(),
        tokens: tokens.filter(|token| !token.secret.is_empty()).collect(),
        limits: default.limits,
    }
}

/// A token that is cancelled by the first Ctrl-C or SIGTERM. A second one ends the process at once.
fn stop_on_signal() -> Result<CancellationToken, String> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let failed = |error| format!("cannot listen for signals: {error}");
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(failed)?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
        .map_err(failed)?;
    tokio::spawn(async move {
        #[cfg(unix)]
        {
            let mut signalled = async || {
                tokio::select! {
                    _ = terminate.recv() => (),
                    _ = interrupt.recv() => (),
                }
            };
            signalled().await;
            tracing::info!("stopping");
            stopped.cancel();
            signalled().await;
            std::process::exit(130);
        }
        #[cfg(not(unix))]
        {
            let _ = tokio::signal::ctrl_c().await;
            stopped.cancel();
        }
    });
    #[cfg(not(unix))]
    let _: fn(std::io::Error) -> String = failed;
    Ok(stop)
}
