//! A viewer's side of `/ws/events` in `loom-studio.v1`: it takes frames in and refuses what must not come.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::numbers;
use crate::websocket::Socket;

/// What one subscription has told so far, checked as it comes.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) sub: u64,
    pub(crate) through: u64,
    pub(crate) dict: Vec<String>,
    pub(crate) rows: Vec<Row>,
    pub(crate) observations: Vec<(u64, u64, u64, i64)>,
    pub(crate) gaps: Vec<(u64, u64, String)>,
    pub(crate) counters: Vec<Value>,
    pub(crate) graph: Graph,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) time_us: i64,
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) target: Option<String>,
    pub(crate) session: String,
    pub(crate) outcome: u64,
    pub(crate) bytes: u64,
    pub(crate) preview: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) at: u64,
    pub(crate) frames: usize,
    pub(crate) nodes: BTreeMap<String, Value>,
    pub(crate) edges: BTreeMap<(String, String), Value>,
}

impl View {
    pub(crate) fn new(sub: u64, after: u64) -> Self {
        Self {
            sub,
            through: after,
            dict: Vec::new(),
            rows: Vec::new(),
            observations: Vec::new(),
            gaps: Vec::new(),
            counters: Vec::new(),
            graph: Graph::default(),
        }
    }

    /// Takes a frame in. Nothing may come twice, out of order, or behind what was already said.
    #[track_caller]
    pub(crate) fn take(&mut self, frame: &Value) {
        assert_eq!(frame["sub"], self.sub, "{frame}");
        match frame["type"].as_str().unwrap() {
            "events" => self.take_events(frame),
            "gap" => {
                let (from, to) = (
                    frame["from_seq"].as_u64().unwrap(),
                    frame["to_seq"].as_u64().unwrap(),
                );
                assert_eq!(
                    from,
                    self.through + 1,
                    "a gap begins where the view ends: {frame}"
                );
                assert!(to >= from, "{frame}");
                self.through = to;
                self.gaps
                    .push((from, to, frame["reason"].as_str().unwrap().to_owned()));
            }
            "counters" => self.counters.push(frame.clone()),
            "topology" => self.graph.take(frame),
            other => panic!("unexpected {other}: {frame}"),
        }
    }

    #[track_caller]
    pub(crate) fn take_events(&mut self, frame: &Value) {
        let through = frame["through_seq"].as_u64().unwrap();
        assert!(through > self.through, "from {} to {frame}", self.through);
        for text in frame["dict"].as_array().unwrap() {
            let text = text.as_str().unwrap().to_owned();
            assert!(
                !self.dict.contains(&text),
                "{text} is in the dictionary twice"
            );
            self.dict.push(text);
        }
        let cols = &frame["cols"];
        let n = frame["n"].as_u64().unwrap() as usize;
        let ours =
            |seq: u64, after: u64| assert!(seq > after && seq <= through, "{seq} in {frame}");
        let mut last = self.through;
        for row in 0..n {
            let at = |name: &str| {
                let column = cols[name].as_array().unwrap();
                assert_eq!(column.len(), n, "{name} in {frame}");
                column[row].clone()
            };
            let text = |name: &str| self.dict[at(name).as_u64().unwrap() as usize].clone();
            let seq = at("seq").as_u64().unwrap();
            ours(seq, last);
            last = seq;
            self.rows.push(Row {
                seq,
                time_us: at("time_us").as_i64().unwrap(),
                kind: text("type"),
                source: text("source"),
                target: (at("target") != json!(-1)).then(|| text("target")),
                session: text("session"),
                outcome: at("outcome").as_u64().unwrap(),
                bytes: at("bytes").as_u64().unwrap(),
                preview: cols
                    .get("preview")
                    .map(|_| at("preview").as_str().unwrap().to_owned()),
            });
        }
        let obs = &frame["obs"];
        let mut last = self.through;
        for (row, seq) in numbers(&obs["seq"]).into_iter().enumerate() {
            ours(seq, last);
            last = seq;
            let at = |name: &str| obs[name][row].as_i64().unwrap();
            self.observations
                .push((seq, at("of") as u64, at("phase") as u64, at("at_us")));
        }
        self.through = through;
    }

    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.rows.iter().map(|row| row.seq).collect()
    }

    /// Reads until everything up to `seq` is accounted for.
    pub(crate) async fn reach(&mut self, socket: &mut Socket, seq: u64) {
        while self.through < seq {
            let frame = socket.json().await;
            self.take(&frame);
        }
    }
}

impl Graph {
    #[track_caller]
    pub(crate) fn take(&mut self, frame: &Value) {
        let at = frame["at_seq"].as_u64().unwrap();
        assert!(at >= self.at, "the graph goes back: {frame}");
        self.at = at;
        self.frames += 1;
        assert!(
            frame["reset"] == true || self.frames > 1,
            "the first graph says reset: {frame}"
        );
        if frame["reset"] == true {
            self.nodes.clear();
            self.edges.clear();
        }
        for node in frame["nodes"].as_array().unwrap() {
            self.nodes
                .insert(node["id"].as_str().unwrap().to_owned(), node.clone());
        }
        for edge in frame["edges"].as_array().unwrap() {
            let end = |name: &str| edge[name].as_str().unwrap().to_owned();
            self.edges.insert((end("from"), end("to")), edge.clone());
        }
        for id in frame["removed_nodes"].as_array().unwrap() {
            assert!(self.nodes.remove(id.as_str().unwrap()).is_some());
        }
        for pair in frame["removed_edges"].as_array().unwrap() {
            let end = |index: usize| pair[index].as_str().unwrap().to_owned();
            assert!(self.edges.remove(&(end(0), end(1))).is_some());
        }
    }
}

pub(crate) async fn subscribe(socket: &mut Socket, frame: Value) {
    let mut frame = frame;
    frame["type"] = json!("subscribe");
    socket.send_json(&frame).await;
}
