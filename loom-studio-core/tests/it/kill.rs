//! Two processes and one directory; and a process that is killed while it appends. The child is this same test binary, told by a variable to play that part.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use futures::future::join_all;
use loom_studio_core::*;

use crate::crash::{batch, named, runtime, texts};
use crate::sim_disk::Dice;

const DIRECTORY: &str = "LOOM_STUDIO_TEST_DIRECTORY";
const ROUND: &str = "LOOM_STUDIO_TEST_ROUND";
const ROUNDS: &str = "LOOM_STUDIO_KILL_ROUNDS";
const IN_FLIGHT: usize = 16;
const BATCH: usize = 7;

fn open(path: &Path) -> Result<FileStore> {
    let options = FileStoreOptions {
        group_delay: Duration::from_micros(200),
        segment_records: 500,
        ..FileStoreOptions::default()
    };
    FileStore::open(path, options, Arc::new(SystemClock), &RandomIds)
}

fn names(round: u64, number: u64) -> Vec<String> {
    (0..BATCH)
        .map(|index| format!("r{round}-b{number}-{index}"))
        .collect()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may have gone.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The child: says which batches it hands over and which are acknowledged, and goes on until it is killed. In an ordinary run it has nothing to do.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let store = open(Path::new(&directory)).unwrap();
    say("@open");
    runtime().block_on(async {
        let store = &store;
        let lanes = (0..IN_FLIGHT as u64).map(|lane| async move {
            for step in 0.. {
                let number = step * IN_FLIGHT as u64 + lane;
                say(&format!("@begun {number}"));
                let appended = store.append(batch(&named(names(round, number)))).await;
                let (first, last) = appended.unwrap().seqs.unwrap();
                say(&format!("@acked {number} {first} {last}"));
            }
        });
        join_all(lanes).await;
    });
}

fn spawn(directory: &Path, round: u64) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.ends_with("@open\n") {
        line.clear();
        assert!(
            lines.read_line(&mut line).unwrap() > 0,
            "the child has ended"
        );
    }
    (child, lines)
}

#[test]
fn a_second_process_learns_who_holds_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let (mut child, lines) = spawn(directory.path(), 0);
    let refused = open(directory.path());
    let id = child.id();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(lines);
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    let message = error.to_string();
    assert!(message.contains(&format!("process {id}")), "{message}");
    assert!(
        message.contains(directory.path().to_str().unwrap()),
        "{message}"
    );
    open(directory.path()).unwrap();
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let rounds: u64 = std::env::var(ROUNDS).map_or(5, |rounds| rounds.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(RandomIds.next_id());
    // Of all rounds: the first seq of each acknowledged batch, and all that were handed over.
    let mut acknowledged: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut begun: BTreeSet<(u64, u64)> = BTreeSet::new();
    for round in 1..=rounds {
        let (mut child, lines) = spawn(directory.path(), round);
        // From here on there are always as many batches under way as the child has lanes, but one.
        let (all_begun, have_all_begun) = sync_channel(1);
        let listening = std::thread::spawn(move || {
            let mut heard = Vec::new();
            for line in lines.lines().map_while(Result::ok) {
                heard.push(line);
                if heard.len() == 2 * IN_FLIGHT {
                    all_begun.send(()).unwrap();
                }
            }
            heard
        });
        have_all_begun.recv().unwrap();
        let rest = Duration::from_micros(dice.below(40_000));
        runtime().block_on(async { tokio::time::sleep(rest).await });
        child.kill().unwrap();
        child.wait().unwrap();
        let mut under_way = 0_usize;
        for line in listening.join().unwrap() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u64>().unwrap();
            match words[0] {
                "@begun" => {
                    begun.insert((round, number(1)));
                    under_way += 1;
                }
                "@acked" if words.len() == 4 => {
                    assert_eq!(number(3) - number(2) + 1, BATCH as u64);
                    acknowledged.insert((round, number(1)), number(2));
                    under_way -= 1;
                }
                _ => {}
            }
        }
        assert!(under_way >= 10, "{under_way} batches were under way");
        runtime().block_on(check(directory.path(), &acknowledged, &begun));
    }
}

async fn check(
    directory: &Path,
    acknowledged: &BTreeMap<(u64, u64), u64>,
    begun: &BTreeSet<(u64, u64)>,
) {
    let store = open(directory).unwrap();
    let found = texts(&store).await;
    let place: BTreeMap<_, _> = found.iter().zip(1_u64..).collect();
    assert_eq!(place.len(), found.len(), "a record is there twice");
    let mut known = 0;
    for (round, number) in begun {
        let items = named(names(*round, *number));
        let places: Vec<u64> = items
            .iter()
            .filter_map(|item| place.get(item).copied())
            .collect();
        known += places.len();
        let expected = match acknowledged.get(&(*round, *number)) {
            Some(first) => Some(*first),
            None => places.first().copied(),
        };
        let whole: Vec<u64> =
            expected.map_or(Vec::new(), |first| (first..first + BATCH as u64).collect());
        assert_eq!(places, whole, "batch {number} of round {round}");
    }
    assert_eq!(known, found.len(), "a record was never appended");
}
