//! One run: everybody connects, warms up, is measured, and comes to an end.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::args::Args;
use crate::clock::now;
use crate::latencies::Latencies;
use crate::process::{OwnServer, Usage};
use crate::producer::{self, Sent};
use crate::report::Report;
use crate::viewer::{self, Seen};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Sent, but not counted.
    WarmUp,
    /// Counted.
    Measured,
    /// No further batch is begun.
    Over,
}

/// How long the last acks and frames may take before the run counts as failed.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn run(args: &Args) -> Result<Report, String> {
    let own = match &args.server {
        Some(binary) => Some(OwnServer::start(binary).await?),
        None => None,
    };
    let address = own.as_ref().map_or(args.address, |own| own.address);
    let pid = own.as_ref().map(|own| own.pid).or(args.server_pid);
    let usage = || pid.map(Usage::of).transpose();

    let (stage, stages) = watch::channel(Stage::WarmUp);
    let (last_seq, last_seqs) = watch::channel(None);
    let (ready, mut all_ready) = mpsc::channel(1);
    let mut viewers = JoinSet::new();
    for _ in 0..args.viewers {
        let (stages, last_seqs) = (stages.clone(), last_seqs.clone());
        viewers.spawn(viewer::run(
            args.clone(),
            address,
            stages,
            last_seqs,
            ready.clone(),
        ));
    }
    drop(ready);
    // Every viewer drops its end once it is subscribed, or failed.
    timeout(PATIENCE, all_ready.recv())
        .await
        .map_err(|_| "a viewer did not get its subscription".to_owned())?;

    let mut producers = JoinSet::new();
    let share = args
        .events
        .map(|events| events.div_ceil(u64::from(args.connections)));
    for number in 0..args.connections {
        producers.spawn(producer::run(
            args.clone(),
            address,
            number,
            share,
            stages.clone(),
        ));
    }
    sleep(args.warm_up).await;
    let before = usage()?;
    let started = now();
    stage.send_replace(Stage::Measured);
    let mut sent = Sent::default();
    if args.events.is_none() {
        tokio::select! {
            () = sleep(args.duration) => {}
            // None ends by itself without a failure.
            Some(ended) = producers.join_next() => merge(&mut sent, ended)?,
        }
        stage.send_replace(Stage::Over);
    }
    let acknowledged = async {
        while let Some(ended) = producers.join_next().await {
            merge(&mut sent, ended)?;
        }
        Ok::<(), String>(())
    };
    // A run by count takes as long as it takes.
    let patience = if args.events.is_some() {
        Duration::from_hours(24)
    } else {
        PATIENCE
    };
    timeout(patience, acknowledged)
        .await
        .map_err(|_| "the last acknowledgements did not come".to_owned())??;
    let elapsed = started.elapsed();

    last_seq.send_replace(Some(sent.last_seq));
    let mut seen = Seen::default();
    let viewed = async {
        while let Some(ended) = viewers.join_next().await {
            let one = ended.map_err(|error| error.to_string())??;
            seen.rows += one.rows;
            seen.frames += one.frames;
            seen.wire_bytes += one.wire_bytes;
            seen.missed += one.missed;
            seen.latencies.append(one.latencies);
        }
        Ok::<(), String>(())
    };
    timeout(PATIENCE, viewed)
        .await
        .map_err(|_| "a viewer did not get the last event".to_owned())??;
    let after = usage()?;
    Ok(Report::new(args, elapsed, sent, seen, before.zip(after)))
}

type Ended = Result<Result<Sent, String>, tokio::task::JoinError>;

fn merge(sent: &mut Sent, ended: Ended) -> Result<(), String> {
    let one = ended.map_err(|error| error.to_string())??;
    sent.events += one.events;
    sent.wire_bytes += one.wire_bytes;
    sent.rejected += one.rejected;
    sent.last_seq = sent.last_seq.max(one.last_seq);
    let acks: Latencies = one.acks;
    sent.acks.append(acks);
    Ok(())
}
