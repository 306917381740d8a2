//! Exports of one run, by a condition, as a table and as a trace.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use loom_studio_core::*;
use serde_json::{Value, json};

use crate::loom::{WORKSPACE, at, event, run_list, stored, traceparent};
use crate::transfer::{empty, import};

const RUNS: i64 = 5;

/// Several runs at once through the same nodes: each a request, two tools called side by side, a thought, memories, a model, observations; one tool of the second run fails, one of the third never
/// answers, one of the fourth is blocked, the fifth goes on. Between them events of no run.
#[expect(clippy::too_many_lines, reason = "a scene reads best as a whole")]
fn scene() -> Vec<Value> {
    let mut events: Vec<(i64, Value)> = Vec::new();
    for run in 0..RUNS {
        let t = run * 7;
        let id = |name: &str| format!("{name}-{run}");
        let trace = traceparent(100 + run as u64);
        let caused = |more: Value| {
            let mut members = json!({"causationid": id("root"), "traceparent": trace});
            members
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().cloned().unwrap());
            members
        };
        let mut add = |millis: i64, name: &str, from: &str, kind: &str, members: Value| {
            events.push((millis, event(&id(name), from, kind, millis, &members)));
            if kind == "node.request" {
                let phase = if name == "t2" && run == 3 {
                    "blocked"
                } else {
                    "post"
                };
                let observed = json!({"source": from, "of": id(name), "phase": phase, "at": at(millis + 40).to_string()});
                events.push((millis + 40, observed));
            }
        };
        let ask = |to: &str| json!({"subject": to, "data": {"task": "=1+1, \"quoted\"\nline"}});
        let reply = |of: &str| json!({"data": {"request_id": id(of), "result": {"response": "ok"}, "iterations": 1}});
        let mut root = ask("agent/a");
        root["traceparent"] = json!(trace);
        add(t, "root", "/user/sdk", "node.request", root);
        add(
            t + 1,
            "thought",
            "agent/a",
            "agent.thought",
            caused(json!({"data": {"thought": "-x"}})),
        );
        add(
            t + 2,
            "model",
            "agent/a",
            "llm.response",
            caused(json!({"data": {"usage": {"input_tokens": 10, "output_tokens": 3}}})),
        );
        add(
            t + 3,
            "memory",
            "agent/a",
            "memory.add",
            caused(json!({"data": {"entry_id": id("e"), "tier": "working", "content": "c"}})),
        );
        add(
            t + 4,
            "state",
            "agent/a",
            "state.patch",
            caused(
                json!({"data": {"patches": [{"op": "add", "path": format!("/{}", id("k")), "value": run}]}}),
            ),
        );
        add(
            t + 10,
            "t1",
            "agent/a",
            "node.request",
            caused(ask("tool/x")),
        );
        add(
            t + 11,
            "t2",
            "agent/a",
            "node.request",
            caused(ask("tool/x")),
        );
        add(t + 30, "r1", "tool/x", "node.response", reply("t1"));
        match run {
            1 => add(
                t + 31,
                "r2",
                "tool/x",
                "node.error",
                json!({"data": {"request_id": id("t2"), "error": "boom"}}),
            ),
            2 | 3 => {}
            _ => add(
                t + 31,
                "r2",
                "tool/x",
                "node.response",
                json!({"data": {"request_id": id("t2"), "result": {"usage": {"input_tokens": 1, "output_tokens": 2}}}}),
            ),
        }
        if run != 4 {
            add(t + 60, "done", "agent/a", "node.response", reply("root"));
        }
        events.push((
            t + 12,
            event(&id("noise"), "/node/z", "note", t + 12, &json!({})),
        ));
    }
    events.sort_by_key(|(millis, _)| *millis);
    events.into_iter().map(|(_, event)| event).collect()
}

fn now() -> Timestamp {
    at(20_000)
}

fn run_at(list: &RunList, seq: Seq) -> SeqSet {
    let id = list.find(WORKSPACE, seq).unwrap();
    SeqSet::new(id.to_string(), list.members(WORKSPACE, seq))
}

/// The roots of the scene's runs, by the run's number.
fn roots(all: &[Record]) -> Vec<Seq> {
    let root = |run: i64| {
        let named = |record: &&Record| {
            record
                .as_event()
                .is_some_and(|event| **event.id() == *format!("root-{run}"))
        };
        all.iter().find(named).unwrap().seq()
    };
    (0..RUNS).map(root).collect()
}

async fn text(store: &Arc<dyn EventStore>, options: ExportOptions) -> (String, Exported) {
    let mut export = Export::with(Arc::clone(store), options).await.unwrap();
    let mut text = String::new();
    while let Some(piece) = export.next().await.unwrap() {
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    (text, export.exported())
}

/// Debug text in which positions read as the ids of the events there.
fn by_id(debug: &str, records: &[Record]) -> String {
    let id = |seq: u64| {
        let record = records.iter().find(|record| record.seq().0 == seq);
        match record {
            Some(Record::Event(event)) => format!("<{}>", event.id()),
            Some(Record::Observation(observation)) => format!("<{:?} of>", observation.phase),
            None => "<none>".to_owned(),
        }
    };
    let mut parts = debug.split("Seq(");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (seq, rest) = part.split_once(')').unwrap();
        text.push_str(&id(seq.parse().unwrap()));
        text.push_str(rest);
    }
    text
}

/// What a run comes to: its tree, its graph, its memories and states.
fn views(records: &[Record]) -> [String; 3] {
    let tree = call_tree(records, now());
    let mut graph = CausalTopology::default();
    let mut memories = Memories::default();
    for record in records {
        graph.apply(record);
        memories.apply(record);
    }
    let mut graph = graph.topology(now());
    graph.at = Seq::ZERO;
    let memory = memories.of_workspace(WORKSPACE).unwrap();
    let (node, state) = (NodeId::new("agent/a"), StateOf::Session(None));
    let memory = format!(
        "{:?} {:?}",
        memory.memory(&node, None),
        memory.state(state, "")
    );
    [format!("{tree:?}"), format!("{graph:?}"), memory].map(|text| by_id(&text, records))
}

async fn all(store: &Arc<dyn EventStore>) -> Vec<Record> {
    let mut subscription = store
        .subscribe(StartAt::Beginning, EventFilter::default())
        .await
        .unwrap();
    let mut records = Vec::new();
    while let Some(delivery) = subscription.try_next(100).await.unwrap() {
        records.extend(delivery.records);
    }
    records
}

#[tokio::test]
async fn a_run_moves_to_another_store_with_all_that_follows_from_it() {
    let store: Arc<dyn EventStore> = Arc::new(stored(&scene()));
    let origin = all(&store).await;
    let list = run_list(&origin, RunLimits::default());
    for (run, root) in roots(&origin).into_iter().enumerate() {
        let within = run_at(&list, root);
        let of_run = |record: &&Record| match record {
            Record::Event(event) => within.contains(event.seq()),
            Record::Observation(observation) => within.contains(observation.of),
        };
        let moved: Vec<Record> = origin.iter().filter(of_run).cloned().collect();
        assert!(moved.len() > 11 && moved.len() < origin.len() / 4, "{run}");
        let options = ExportOptions {
            within: Some(within.clone()),
            ..ExportOptions::default()
        };
        let (lines, exported) = text(&store, options).await;
        assert_eq!(exported.events + exported.observations, moved.len() as u64);
        assert!(exported.observations > within.len() - exported.events);
        assert_eq!(exported.through, exported.target);
        let header: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(header["filter"], json!({"run": root.to_string()}));
        assert_eq!(header["after_seq"], root.0 - 1);

        let there = empty();
        let (result, report) = import(&there, &lines).await;
        result.unwrap();
        assert_eq!(report.added, moved.len() as u64);
        let imported = all(&there).await;
        let raw = |records: &[Record]| -> Vec<bytes::Bytes> {
            let events = records.iter().filter_map(Record::as_event);
            events.map(|event| event.raw().clone()).collect()
        };
        assert_eq!(raw(&imported), raw(&moved), "byte for byte");
        let (before, after) = (views(&moved), views(&imported));
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before, after);
        }
        let found = run_list(&imported, RunLimits::default()).runs(WORKSPACE, now());
        let expected = list.run(WORKSPACE, root, now()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (
                found[0].status,
                found[0].duration_nanos,
                found[0].events,
                found[0].tokens
            ),
            (
                expected.status,
                expected.duration_nanos,
                expected.events,
                expected.tokens
            )
        );
    }
}

#[tokio::test]
async fn few_positions_among_many_are_read_without_all_between() {
    let mut events: Vec<Value> = Vec::new();
    let noise = |events: &mut Vec<Value>, count: usize| {
        for _ in 0..count {
            let id = format!("n{}", events.len());
            events.push(event(&id, "/node/z", "note", 0, &json!({})));
        }
    };
    events.push(event("first", "/node/a", "note", 0, &json!({})));
    noise(&mut events, 3000);
    events.push(event("second", "/node/a", "note", 0, &json!({})));
    noise(&mut events, 3000);
    for (of, phase) in [("second", "post"), ("n7", "post"), ("first", "blocked")] {
        let source = if of == "n7" { "/node/z" } else { "/node/a" };
        events.push(json!({"source": source, "of": of, "phase": phase}));
    }
    noise(&mut events, 100);
    let store: Arc<dyn EventStore> = Arc::new(stored(&events));
    let set = |count: u64| {
        SeqSet::new(
            "x",
            [1, 3002, 9_000_000]
                .map(Seq)
                .into_iter()
                .chain((0..count).map(|n| Seq(10 + n))),
        )
    };
    let of = |set: SeqSet, up_to: Option<u64>| ExportOptions {
        within: Some(set),
        up_to: up_to.map(Seq),
        ..ExportOptions::default()
    };
    let lines = |text: &str| -> Vec<(u64, bool)> {
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter_map(|line| Some((line["seq"].as_u64()?, line.get("event").is_some())))
            .collect()
    };
    let expected = [(1, true), (3002, true), (6003, false), (6005, false)];
    let (sparse, exported) = text(&store, of(set(0), None)).await;
    assert_eq!(lines(&sparse), expected);
    assert_eq!((exported.through, exported.deleted), (Seq(6105), 0));
    assert_eq!(
        lines(&text(&store, of(set(0), Some(6003))).await.0),
        expected[..3]
    );
    assert_eq!(
        lines(&text(&store, of(set(0), Some(3001))).await.0),
        expected[..1]
    );
    // So many that the log is read through.
    let (dense, _) = text(&store, of(set(200), None)).await;
    let dense = lines(&dense);
    assert_eq!(dense.len(), 4 + 200);
    assert!(expected.iter().all(|line| dense.contains(line)));
    let (nothing, _) = text(&store, of(SeqSet::new("none", []), None)).await;
    assert_eq!(lines(&nothing), []);
}

#[tokio::test]
async fn a_condition_chooses_events_and_what_was_observed_of_them() {
    let store: Arc<dyn EventStore> = Arc::new(stored(&scene()));
    let origin = all(&store).await;
    let condition =
        Condition::parse("type = node.request and data.task contains quoted and not to = tool/x")
            .unwrap();
    let options = ExportOptions {
        condition: Some(condition.clone()),
        ..ExportOptions::default()
    };
    let (lines, exported) = text(&store, options).await;
    assert_eq!((exported.events, exported.observations), (5, 5));
    let header: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(header["filter"]["where"], condition.to_string());
    let root = roots(&origin)[2];
    let both = ExportOptions {
        condition: Some(condition),
        within: Some(run_at(&run_list(&origin, RunLimits::default()), root)),
        ..ExportOptions::default()
    };
    assert_eq!(text(&store, both).await.1.events, 1);
}

#[tokio::test]
async fn a_subscription_by_a_condition_reads_the_event_of_a_late_observation() {
    let mut events = vec![
        event("a", "/node/a", "note", 0, &json!({"data": {"n": 1}})),
        event("b", "/node/a", "note", 0, &json!({"data": {"n": 2}})),
    ];
    events.extend(
        (0..5000).map(|number| event(&format!("n{number}"), "/node/z", "note", 0, &json!({}))),
    );
    events.extend(["b", "a", "n4999"].map(|of| {
        let source = if of == "n4999" { "/node/z" } else { "/node/a" };
        json!({"source": source, "of": of, "phase": "post"})
    }));
    let store = stored(&events);
    let subscription = store
        .subscribe(StartAt::Beginning, EventFilter::default())
        .await
        .unwrap();
    let mut subscription = subscription.matching(Condition::parse("data.n = 2").unwrap());
    let mut found = Vec::new();
    while let Some(delivery) = subscription.try_next(100).await.unwrap() {
        found.extend(delivery.records.iter().map(|record| record.seq().0));
    }
    assert_eq!(found, [2, 5003]);
    assert_eq!(subscription.position(), Seq(5005));
}

/// Rows of RFC 4180: `None` is a cell with nothing in it, not even quotes.
fn rows(csv: &str) -> Vec<Vec<Option<String>>> {
    let mut rows = vec![];
    let mut row: Vec<Option<String>> = vec![];
    let mut rest = csv;
    while !rest.is_empty() {
        let cell;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut text = String::new();
            let mut left = quoted;
            loop {
                let (part, after) = left.split_once('"').expect("the quotes are closed");
                text.push_str(part);
                let Some(more) = after.strip_prefix('"') else {
                    rest = after;
                    break;
                };
                text.push('"');
                left = more;
            }
            cell = Some(text);
        } else {
            let end = rest.find([',', '\r']).expect("the last line is ended");
            let (text, after) = rest.split_at(end);
            assert!(!text.contains(['"', '\n']), "{text}");
            cell = (!text.is_empty()).then(|| text.to_owned());
            rest = after;
        }
        row.push(cell);
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
        } else {
            rest = rest.strip_prefix("\r\n").expect("rows end with CR LF");
            rows.push(std::mem::take(&mut row));
        }
    }
    rows
}

fn runs_at(records: &[Record]) -> RunsAt {
    RunsAt::new(&run_list(records, RunLimits::default()), now())
}

#[tokio::test]
async fn a_table_holds_every_event_and_its_call() {
    let store: Arc<dyn EventStore> = Arc::new(stored(&scene()));
    let origin = all(&store).await;
    let options = ExportOptions {
        format: ExportFormat::Csv(runs_at(&origin)),
        ..ExportOptions::default()
    };
    let (csv, exported) = text(&store, options).await;
    let mut rows = rows(&csv).into_iter();
    let head: Vec<String> = rows.next().unwrap().into_iter().flatten().collect();
    let rows: Vec<BTreeMap<&str, Option<String>>> = rows
        .map(|row| {
            assert_eq!(row.len(), head.len());
            head.iter().map(String::as_str).zip(row).collect()
        })
        .collect();
    let events: Vec<&Arc<Event>> = origin.iter().filter_map(Record::as_event).collect();
    assert_eq!(rows.len(), events.len());
    assert_eq!(
        (exported.events, exported.unknown_calls),
        (rows.len() as u64, 0)
    );
    for (row, event) in rows.iter().zip(&events) {
        let whole = |name: &str| {
            let text = row[name].clone()?;
            Some(text.strip_prefix('\'').map(str::to_owned).unwrap_or(text))
        };
        assert_eq!(whole("seq"), Some(event.seq().to_string()));
        assert_eq!(whole("id").as_deref(), Some(&**event.id()));
        assert_eq!(whole("data").as_deref(), event.data());
        assert_eq!(whole("bytes"), Some(event.raw().len().to_string()));
        assert_eq!(whole("time"), Some(event.time().to_rfc3339()));
        let cells = row.values().flatten();
        assert!(
            cells
                .into_iter()
                .all(|cell| !cell.starts_with(['=', '+', '-', '@']))
        );
    }
    let cell = |id: &str, name: &str| {
        let row = rows
            .iter()
            .find(|row| row["id"].as_deref() == Some(id))
            .unwrap();
        row[name].clone().unwrap_or_default()
    };
    let root = roots(&origin)[1].to_string();
    let told = |id: &str| {
        ["run", "call", "status", "reason", "duration_ms", "outcome"].map(|name| cell(id, name))
    };
    let t1 = cell("t1-1", "seq");
    assert_eq!(told("root-1"), [&root, "", "ok", "", "60", ""]);
    assert_eq!(told("t1-1"), [&root, &root, "ok", "", "20", ""]);
    assert_eq!(told("r1-1"), [&root, &t1, "", "", "", "ok"]);
    let [_, _, status, reason, ..] = told("t2-1");
    assert_eq!((&*status, &*reason), ("error", "boom"));
    assert_eq!(told("r2-1")[3..], ["boom", "", "error"]);
    assert_eq!(cell("t2-2", "status"), "running");
    assert_eq!(cell("t2-3", "status"), "blocked");
    assert_eq!(cell("model-0", "tokens_input"), "10");
    assert_eq!(cell("model-0", "tokens_cached"), "");
    assert_eq!(told("noise-0"), ["", "", "", "", "", ""]);
}

/// Names of colours that viewers of traces know (`ColorScheme` of catapult's trace viewer).
const COLOURS: [&str; 3] = ["bad", "terrible", "grey"];

type Slices = BTreeMap<(i64, i64), Vec<(i64, i64)>>;

#[track_caller]
fn whole(entry: &Value, name: &str) -> i64 {
    entry[name]
        .as_i64()
        .unwrap_or_else(|| panic!("{name}: {entry}"))
}

/// Each arrow has both ends, and both are tied to a slice.
fn check_arrows(entries: &[Value], slices: &Slices) {
    let mut arrows: BTreeMap<i64, Vec<&Value>> = BTreeMap::new();
    for entry in entries
        .iter()
        .filter(|entry| entry["ph"] == "s" || entry["ph"] == "f")
    {
        arrows.entry(whole(entry, "id")).or_default().push(entry);
        let ts = whole(entry, "ts");
        let on_thread = &slices[&(whole(entry, "pid"), whole(entry, "tid"))];
        let is_tied = |(start, end): &(i64, i64)| {
            *start <= ts && (ts < *end || (entry["ph"] == "f" && ts == *start))
        };
        assert!(on_thread.iter().any(is_tied), "{entry}");
    }
    for ends in arrows.values() {
        assert_eq!(
            (ends.len(), &ends[0]["ph"], &ends[1]["ph"]),
            (2, &json!("s"), &json!("f"))
        );
        assert!(ends[0]["cat"] == ends[1]["cat"] && ends[0]["name"] == ends[1]["name"]);
        assert!(whole(ends[0], "ts") <= whole(ends[1], "ts"));
    }
}

/// What the Trace Event Format ("Trace Event Format", Google, 2016) asks of a trace, and what viewers need to show ours truthfully.
fn checked(trace: &str) -> Vec<Value> {
    let trace: Value = serde_json::from_str(trace).unwrap();
    assert_eq!(trace["displayTimeUnit"], "ms");
    assert_eq!(trace["otherData"]["format"], "loom-studio.trace");
    let entries = trace["traceEvents"].as_array().unwrap();
    let mut names: BTreeMap<(i64, Option<i64>), BTreeSet<String>> = BTreeMap::new();
    let mut slices = Slices::new();
    for entry in entries {
        let (phase, name) = (
            entry["ph"].as_str().unwrap(),
            entry["name"].as_str().unwrap(),
        );
        let process = whole(entry, "pid");
        match phase {
            "M" => {
                let thread = entry["tid"].as_i64();
                assert_eq!(name == "process_name", thread.is_none(), "{entry}");
                match name {
                    "process_name" | "thread_name" => {
                        assert!(entry["args"]["name"].is_string());
                        let text = format!("{name} {}", entry["args"]["name"]);
                        assert!(
                            names.entry((process, thread)).or_default().insert(text),
                            "{entry}"
                        );
                    }
                    "thread_sort_index" => assert!(entry["args"]["sort_index"].is_i64()),
                    other => panic!("{other}"),
                }
                continue;
            }
            "C" => {
                let counts = entry["args"].as_object().unwrap();
                assert!(!counts.is_empty() && counts.values().all(Value::is_number));
                assert!(names.contains_key(&(process, None)));
                whole(entry, "ts");
                continue;
            }
            _ => {}
        }
        let thread = whole(entry, "tid");
        let ts = whole(entry, "ts");
        // Named before it is used.
        assert!(
            names.contains_key(&(process, None)) && names.contains_key(&(process, Some(thread))),
            "{entry}"
        );
        let on_thread = slices.entry((process, thread)).or_default();
        match phase {
            "X" => on_thread.push((ts, ts + whole(entry, "dur"))),
            "B" => on_thread.push((ts, i64::MAX)),
            "i" => assert_eq!(entry["s"], "t"),
            "s" => assert!(entry.get("bp").is_none()),
            "f" => assert_eq!(entry["bp"], "e"),
            other => panic!("{other}"),
        }
        assert!(entry["cat"].is_string());
        if let Some(colour) = entry.get("cname") {
            assert!(COLOURS.contains(&colour.as_str().unwrap()));
        }
    }
    let mut ids: Vec<i64> = names
        .keys()
        .map(|(process, thread)| thread.unwrap_or(*process))
        .collect();
    ids.sort_unstable();
    assert!(
        ids.windows(2).all(|pair| pair[0] != pair[1]),
        "a number names one thing"
    );
    for (thread, on_thread) in &mut slices {
        on_thread.sort_unstable();
        for pair in on_thread.windows(2) {
            assert!(
                pair[0].1 <= pair[1].0 && pair[0].0 <= pair[0].1,
                "{thread:?}: {pair:?}"
            );
        }
    }
    check_arrows(entries, &slices);
    entries.clone()
}

#[tokio::test]
async fn a_trace_shows_calls_without_overlap_and_leads_back_to_every_event() {
    let store: Arc<dyn EventStore> = Arc::new(stored(&scene()));
    let origin = all(&store).await;
    let list = run_list(&origin, RunLimits::default());
    let export = async |now: Timestamp| {
        let options = ExportOptions {
            format: ExportFormat::ChromeTrace(RunsAt::new(&list, now)),
            ..ExportOptions::default()
        };
        text(&store, options).await
    };
    let (trace, exported) = export(now()).await;
    let entries = checked(&trace);
    let events: Vec<&Arc<Event>> = origin.iter().filter_map(Record::as_event).collect();
    assert_eq!(
        (exported.events, exported.unknown_calls),
        (events.len() as u64, 0)
    );
    let mut seqs: Vec<u64> = entries
        .iter()
        .filter_map(|entry| entry["args"]["seq"].as_u64())
        .collect();
    seqs.sort_unstable();
    let expected: Vec<u64> = events.iter().map(|event| event.seq().0).collect();
    assert_eq!(seqs, expected, "every event once");

    let shown = |id: &str| {
        entries
            .iter()
            .find(|entry| entry["args"]["id"] == id)
            .unwrap()
    };
    let root = shown("root-1");
    let start = events
        .iter()
        .find(|event| **event.id() == *"root-1")
        .unwrap()
        .time();
    assert_eq!(
        (&root["ph"], &root["name"], &root["dur"]),
        (&json!("X"), &json!("agent/a"), &json!(60_000))
    );
    assert_eq!(root["ts"], start.as_micros());
    assert_eq!(root["args"]["reply_seq"], shown("done-1")["args"]["seq"]);
    let failed = shown("t2-1");
    assert_eq!(
        (&failed["name"], &failed["cname"]),
        (&json!("tool/x (error)"), &json!("terrible"))
    );
    assert_eq!(
        (&failed["args"]["error"], &failed["args"]["first_error"]),
        (&json!("boom"), &json!(true))
    );
    assert_eq!(failed["args"]["caller_seq"], root["args"]["seq"]);
    assert_eq!(shown("r2-1")["args"]["first_error"], true);
    assert_eq!(shown("t2-3")["name"], "tool/x (blocked)");
    assert_eq!(
        (&shown("t2-2")["ph"], &shown("t2-2")["name"]),
        (&json!("B"), &json!("tool/x (running)"))
    );
    assert_eq!(
        shown("thought-0")["tid"],
        shown("root-0")["tid"],
        "inside its call"
    );
    assert_eq!(shown("noise-0")["args"]["run"], Value::Null);
    let arrows = entries.iter().filter(|entry| entry["ph"] == "f").count();
    assert_eq!(arrows, 2 * RUNS as usize);
    let tokens = entries.iter().rfind(|entry| entry["ph"] == "C").unwrap();
    assert_eq!(
        tokens["args"],
        json!({"input": 50 + 2, "output": 15 + 4, "total": 65 + 6})
    );

    // Half a minute later nobody waits any more.
    let entries = checked(&export(at(60_000)).await.0);
    let given_up = entries
        .iter()
        .find(|entry| entry["args"]["id"] == "t2-2")
        .unwrap();
    assert_eq!(
        (&given_up["ph"], &given_up["dur"]),
        (&json!("X"), &json!(30_000_000))
    );
    assert_eq!(given_up["name"], "tool/x (never answered)");
}

#[tokio::test]
async fn a_trace_of_nothing_is_one() {
    let store = empty();
    let options = ExportOptions {
        format: ExportFormat::ChromeTrace(RunsAt::new(&RunList::default(), now())),
        ..ExportOptions::default()
    };
    assert_eq!(checked(&text(&store, options).await.0).len(), 0);
}

#[tokio::test]
async fn a_run_too_large_for_a_tree_is_said_to_be() {
    let mut events = vec![event(
        "root",
        "/user/u",
        "node.request",
        0,
        &json!({"subject": "agent/a"}),
    )];
    events.extend((0..50).map(|number| {
        event(
            &format!("{number}"),
            "agent/a",
            "agent.thought",
            number,
            &json!({"causationid": "root"}),
        )
    }));
    let store: Arc<dyn EventStore> = Arc::new(stored(&events));
    let runs = runs_at(&all(&store).await).with_max_records(50);
    let options = |format| ExportOptions {
        up_to: Some(Seq(3)),
        format,
        ..ExportOptions::default()
    };
    let (csv, exported) = text(&store, options(ExportFormat::Csv(runs.clone()))).await;
    assert_eq!((exported.events, exported.unknown_calls), (3, 1));
    let rows = rows(&csv);
    let status = rows[0]
        .iter()
        .position(|name| name.as_deref() == Some("status"))
        .unwrap();
    assert_eq!(rows[1][status].as_deref(), Some("unknown"));
    let (trace, exported) = text(&store, options(ExportFormat::ChromeTrace(runs))).await;
    assert_eq!(exported.unknown_calls, 1);
    assert!(checked(&trace).iter().all(|entry| entry["ph"] != "X"));
    assert!(trace.contains("\"unknown_calls\":1"));
}
