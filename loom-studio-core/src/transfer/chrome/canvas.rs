//! Processes, threads and entries of a trace.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::clock::Timestamp;
use crate::event::{Event, NodeId};
use crate::runs::Tokens;
use crate::transfer::line::Object;

/// Room for the threads of a node in the order of the threads of a process.
const THREADS_PER_NODE: u64 = 1000;

#[derive(Debug, Clone, Copy)]
pub(super) struct Thread {
    process: u64,
    id: u64,
}

/// Processes and threads so far. Numbers name each once: no thread has the number of a process.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    is_begun: bool,
    last_id: u64,
    /// By workspace and session: which of `processes`.
    sessions: HashMap<(Arc<str>, Arc<str>), usize>,
    processes: Vec<Process>,
}

#[derive(Debug)]
struct Process {
    id: u64,
    nodes: HashMap<NodeId, Node>,
    /// Counted so far.
    tokens: Tokens,
}

/// The threads of a node.
#[derive(Debug)]
struct Node {
    /// In the order of appearance, from 1.
    number: u64,
    /// Threads for calls: until when each is taken, and its number.
    lanes: BTreeSet<(i64, u64)>,
    /// The thread for events outside of calls.
    loose: Option<u64>,
}

/// One entry of the trace on its way.
pub(super) struct Entry<'a> {
    pub(super) object: Object<'a>,
}

impl Entry<'_> {
    pub(super) fn signed(&mut self, name: &str, number: i64) {
        // A `String` takes all that is written to it.
        let _ = write!(self.object.name(name), "{number}");
    }

    pub(super) fn at(mut self, thread: Thread, moment: i64) -> Self {
        self.object.number("pid", thread.process);
        self.object.number("tid", thread.id);
        self.signed("ts", moment);
        self
    }

    pub(super) fn end(self) {
        self.object.end();
    }
}

/// The node without what all have in common.
pub(super) fn short(node: &NodeId) -> &str {
    let id = node.as_str();
    id.strip_prefix("/node/").unwrap_or(id)
}

/// Whole microseconds, rounded down: a double holds no more of a present-day time, so viewers round too, and then slices could overlap.
pub(super) fn micros(moment: Timestamp) -> i64 {
    moment.as_nanos().div_euclid(1000)
}

fn label(event: &Event) -> String {
    match (&**event.workspace(), &**event.session()) {
        ("default", session) => session.to_owned(),
        (workspace, session) => format!("{workspace}/{session}"),
    }
}

impl Canvas {
    pub(super) fn entry<'a>(&mut self, out: &'a mut String, phase: &str, name: &str) -> Entry<'a> {
        if std::mem::replace(&mut self.is_begun, true) {
            out.push_str(",\n");
        }
        let mut object = Object::new(out);
        object.text("ph", phase);
        object.text("name", name);
        Entry { object }
    }

    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The process of an event's session.
    pub(super) fn process(&mut self, out: &mut String, event: &Event) -> usize {
        let key = (Arc::clone(event.workspace()), Arc::clone(event.session()));
        if let Some(known) = self.sessions.get(&key) {
            return *known;
        }
        let id = self.new_id();
        let index = self.processes.len();
        self.processes.push(Process {
            id,
            nodes: HashMap::new(),
            tokens: Tokens::default(),
        });
        self.sessions.insert(key, index);
        let mut entry = self.entry(out, "M", "process_name");
        entry.object.number("pid", id);
        let mut args = Object::new(entry.object.name("args"));
        args.text("name", &label(event));
        args.text("workspace", event.workspace());
        args.text("session", event.session());
        args.end();
        entry.end();
        index
    }

    /// Counts tokens; the process and what it has used so far.
    pub(super) fn add(&mut self, process: usize, tokens: Tokens) -> Option<(u64, Tokens)> {
        let process = self.processes.get_mut(process)?;
        process.tokens = process.tokens.plus(tokens);
        Some((process.id, process.tokens))
    }

    fn node(&mut self, process: usize, node: &NodeId) -> Option<(u64, &mut Node)> {
        let process = self.processes.get_mut(process)?;
        let number = process.nodes.len() as u64 + 1;
        let node = process.nodes.entry(node.clone()).or_insert_with(|| Node {
            number,
            lanes: BTreeSet::new(),
            loose: None,
        });
        Some((process.id, node))
    }

    /// A thread under a name, in an order.
    fn thread(&mut self, out: &mut String, process: u64, name: &str, order: u64) -> Thread {
        let id = self.new_id();
        for kind in ["thread_name", "thread_sort_index"] {
            let mut entry = self.entry(out, "M", kind);
            entry.object.number("pid", process);
            entry.object.number("tid", id);
            let mut args = Object::new(entry.object.name("args"));
            if kind == "thread_name" {
                args.text("name", name);
            } else {
                args.number("sort_index", order);
            }
            args.end();
            entry.end();
        }
        Thread { process, id }
    }

    /// A thread of the node on which nothing else goes on from start to end: of those free the one that was taken last.
    pub(super) fn lane(
        &mut self,
        out: &mut String,
        process: usize,
        node: &NodeId,
        (start, end): (i64, i64),
    ) -> Option<Thread> {
        let (pid, known) = self.node(process, node)?;
        if let Some(&(taken, id)) = known.lanes.range(..=(start, u64::MAX)).next_back() {
            known.lanes.remove(&(taken, id));
            known.lanes.insert((end, id));
            return Some(Thread { process: pid, id });
        }
        let count = known.lanes.len() as u64;
        let order = known.number * THREADS_PER_NODE + count.min(THREADS_PER_NODE - 2);
        let name = match count {
            0 => short(node).to_owned(),
            count => format!("{} ({})", short(node), count + 1),
        };
        let thread = self.thread(out, pid, &name, order);
        let (_, known) = self.node(process, node)?;
        known.lanes.insert((end, thread.id));
        Some(thread)
    }

    /// The node's thread for what lies outside of calls.
    pub(super) fn loose(
        &mut self,
        out: &mut String,
        process: usize,
        node: &NodeId,
    ) -> Option<Thread> {
        let (pid, known) = self.node(process, node)?;
        if let Some(id) = known.loose {
            return Some(Thread { process: pid, id });
        }
        let order = known.number * THREADS_PER_NODE + THREADS_PER_NODE - 1;
        let name = format!("{} (outside calls)", short(node));
        let thread = self.thread(out, pid, &name, order);
        let (_, known) = self.node(process, node)?;
        known.loose = Some(thread.id);
        Some(thread)
    }
}
