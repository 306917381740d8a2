//! The frames of `docs/ws-protocol.md`, one file each in `tests/golden`: page, file and code say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use loom_studio_server::protocol::{ClientFrame, EventBatch, IngestFrame, ViewerFrame};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/ws-protocol.md");

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every golden file's text, by name.
fn files() -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory()).unwrap();
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            assert_eq!(path.extension().unwrap(), "json", "{}", path.display());
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (
                name,
                fs::read_to_string(path).unwrap().trim_end().to_owned(),
            )
        })
        .collect()
}

/// The frames of the page's JSON blocks, one a line.
fn page() -> Vec<&'static str> {
    let blocks = PAGE
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    blocks
        .flat_map(str::lines)
        .filter(|line| !line.trim().is_empty())
        .collect()
}

#[test]
fn page_and_files_hold_the_same_frames() {
    let page = page();
    assert!(page.len() >= 18, "the page's blocks were not found");
    let files = files();
    for frame in &page {
        assert!(
            files.values().any(|file| file == frame),
            "no file in tests/golden holds {frame}"
        );
    }
    for (name, file) in &files {
        let is_original = name.starts_with("original.");
        assert!(
            is_original || page.contains(&file.as_str()),
            "the page doesn't show {name}: {file}"
        );
    }
}

/// What the code makes of a frame: read, then written again. The member order counts, so that the page shows what really goes over the wire.
#[track_caller]
fn round_trip<Frame: DeserializeOwned + Serialize>(name: &str, file: &str) {
    let frame: Frame =
        serde_json::from_str(file).unwrap_or_else(|error| panic!("{name}: {error}\n{file}"));
    assert_eq!(serde_json::to_string(&frame).unwrap(), file, "{name}");
}

#[test]
fn files_and_code_hold_the_same_frames() {
    let mut seen = [0; 4];
    for (name, file) in files() {
        let kind = serde_json::from_str::<Value>(&file).unwrap()["type"]
            .as_str()
            .unwrap()
            .to_owned();
        // ROUTE.SENDER.FRAME, so that the name tells which type the frame has.
        match name.split('.').take(2).collect::<Vec<_>>().as_slice() {
            ["ingest", "client"] | ["original", "ingest"] => round_trip::<EventBatch>(&name, &file),
            ["ingest", "server"] => round_trip::<IngestFrame>(&name, &file),
            ["viewer", "client"] => round_trip::<ClientFrame>(&name, &file),
            ["viewer", "server"] => round_trip::<ViewerFrame>(&name, &file),
            ["original", "viewer"] => continue,
            other => panic!("{other:?}"),
        }
        assert!(name.contains(&kind), "{name} holds a frame of type {kind}");
        seen[usize::from(name.starts_with("viewer")) * 2 + usize::from(name.contains("server"))] +=
            1;
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

/// Exhaustive, so that a new type of frame doesn't compile before it is on the list below.
fn ingest_kind(frame: &IngestFrame) -> &'static str {
    match frame {
        IngestFrame::Hello(_) => "hello",
        IngestFrame::Ack(_) => "ack",
        IngestFrame::Nack(_) => "nack",
        IngestFrame::Error(_) => "error",
    }
}

fn client_kind(frame: &ClientFrame) -> &'static str {
    match frame {
        ClientFrame::Subscribe { .. } => "subscribe",
        ClientFrame::Ack { .. } => "ack",
        ClientFrame::Unsubscribe { .. } => "unsubscribe",
        ClientFrame::FollowReplay { .. } => "follow_replay",
        ClientFrame::UnfollowReplay { .. } => "unfollow_replay",
        ClientFrame::Unknown => "unknown",
    }
}

fn viewer_kind(frame: &ViewerFrame) -> &'static str {
    match frame {
        ViewerFrame::Hello(_) => "hello",
        ViewerFrame::Events(_) => "events",
        ViewerFrame::Topology(_) => "topology",
        ViewerFrame::Gap(_) => "gap",
        ViewerFrame::Counters(_) => "counters",
        ViewerFrame::Replay(_) => "replay",
        ViewerFrame::Error(_) => "error",
    }
}

fn kinds<Frame: DeserializeOwned>(
    prefix: &str,
    kind: fn(&Frame) -> &'static str,
) -> BTreeSet<&'static str> {
    let files = files();
    let ours = files.iter().filter(|(name, _)| name.starts_with(prefix));
    ours.map(|(_, file)| kind(&serde_json::from_str(file).unwrap()))
        .collect()
}

#[test]
fn every_type_of_frame_has_a_file() {
    assert_eq!(
        kinds("ingest.server", ingest_kind),
        ["hello", "ack", "nack", "error"].into()
    );
    let client = [
        "subscribe",
        "ack",
        "unsubscribe",
        "follow_replay",
        "unfollow_replay",
    ];
    assert_eq!(kinds("viewer.client", client_kind), client.into());
    let viewer = [
        "hello", "events", "topology", "gap", "counters", "replay", "error",
    ];
    assert_eq!(kinds("viewer.server", viewer_kind), viewer.into());
}

#[test]
fn code_reads_frames_with_members_it_does_not_know() {
    for (name, file) in files() {
        let mut frame: Value = serde_json::from_str(&file).unwrap();
        frame["from_the_future"] = Value::from(vec![1]);
        let text = frame.to_string();
        let read = match name.split('.').take(2).collect::<Vec<_>>().as_slice() {
            ["ingest", "server"] => serde_json::from_str::<IngestFrame>(&text).map(drop),
            ["viewer", "client"] => serde_json::from_str::<ClientFrame>(&text).map(drop),
            ["viewer", "server"] => serde_json::from_str::<ViewerFrame>(&text).map(drop),
            _ => serde_json::from_str::<EventBatch>(&text).map(drop),
        };
        if !name.starts_with("original.viewer") {
            read.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}
