//! A trace for viewers: the Trace Event Format ("Trace Event Format", Google, 2016: the object form), as Perfetto and chrome://tracing read it.
//!
//! A process for each session, and for each of its nodes as many threads as it handled calls at a time: slices of one thread never overlap.

mod canvas;

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::calls::{Calls, Known, RunsAt, Spot};
use super::csv::milliseconds;
use super::export::Exported;
use super::line::Object;
use crate::causality::Fact;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::{Event, Outcome, Reply};
use crate::ids::Seq;
use crate::runs::{Call, CallStatus, RunId, Tokens};
use crate::store::EventStore;

use canvas::{Canvas, Thread, micros, short};

/// Writes a trace.
#[derive(Debug)]
pub(super) struct ChromeTrace {
    store: Arc<dyn EventStore>,
    calls: Calls,
    range: (Seq, Seq),
    canvas: Canvas,
    /// What is drawn of the runs on the way.
    drawings: HashMap<RunId, Drawing>,
}

/// What is drawn of a run.
#[derive(Debug, Default)]
struct Drawing {
    slices: HashMap<usize, Slice>,
    /// Calls whose caller's slice isn't drawn yet, by caller: its request came later.
    waiting: HashMap<usize, Vec<usize>>,
    /// Calls in which models reported tokens.
    reported: HashSet<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Slice {
    thread: Thread,
    /// Microseconds.
    start: i64,
    /// Microseconds; `i64::MAX` for a call that goes on.
    end: i64,
    request: Seq,
}

impl ChromeTrace {
    pub(super) fn new(store: Arc<dyn EventStore>, runs: RunsAt, range: (Seq, Seq)) -> Self {
        Self {
            calls: Calls::new(Arc::clone(&store), runs),
            store,
            range,
            canvas: Canvas::default(),
            drawings: HashMap::new(),
        }
    }

    pub(super) fn begin(out: &mut String) {
        out.push_str("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    }

    /// Writes one event; false if it is a request whose call isn't known.
    pub(super) async fn write(&mut self, out: &mut String, event: &Event) -> Result<bool> {
        let spot = self.calls.locate(event.seq()).await?;
        let mut unattached = Drawing::default();
        let drawing = match spot.run {
            Some(run) => self.drawings.entry(run.id).or_default(),
            None => &mut unattached,
        };
        let canvas = &mut self.canvas;
        let process = canvas.process(out, event);
        let opened = spot.call().filter(|_| spot.is_request);
        match (opened, spot.call) {
            (Some(call), Some(index)) => {
                canvas.call(out, process, event, &spot, call, index, drawing);
            }
            _ => canvas.instant(out, process, event, &spot, drawing),
        }
        canvas.count(out, process, event, &spot, drawing);
        let is_known = opened.is_some() || !Fact::of(event).is_request();
        for run in self.calls.take_passed() {
            self.drawings.remove(&run);
        }
        Ok(is_known)
    }

    pub(super) fn end(&self, out: &mut String, exported: &Exported) {
        out.push_str("\n],\"otherData\":");
        let mut about = Object::new(out);
        about.text("format", "loom-studio.trace");
        about.number("version", 1);
        about.text("epoch", &self.store.epoch().to_string());
        about.number("after_seq", self.range.0.0);
        about.number("through_seq", self.range.1.0);
        about.number("events", exported.events);
        about.number("unknown_calls", exported.unknown_calls);
        about.number("deleted", exported.deleted);
        about.end();
        out.push_str("}\n");
    }
}

fn flag(args: &mut Object<'_>, name: &str, is_set: bool) {
    if is_set {
        args.name(name).push_str("true");
    }
}

impl Canvas {
    #[expect(clippy::too_many_arguments, reason = "what a call is told from")]
    fn call(
        &mut self,
        out: &mut String,
        process: usize,
        event: &Event,
        spot: &Spot<'_>,
        call: &Call,
        index: usize,
        drawing: &mut Drawing,
    ) {
        let is_open = call.status == CallStatus::Running;
        let start = micros(call.start);
        let ended = call.start.as_nanos().saturating_add(call.duration_nanos);
        let end = micros(Timestamp::from_nanos(ended)).max(start);
        let taken = if is_open { i64::MAX } else { end };
        let Some(thread) = self.lane(out, process, &call.to, (start, taken)) else {
            return;
        };
        let is_first_error = spot.run.and_then(Known::first_error) == Some(index);
        let name = match call.status {
            CallStatus::Ok => short(&call.to).to_owned(),
            CallStatus::Unanswered => format!("{} (never answered)", short(&call.to)),
            status => format!("{} ({})", short(&call.to), status.as_str()),
        };
        let mut entry = self
            .entry(out, if is_open { "B" } else { "X" }, &name)
            .at(thread, start);
        entry.object.text("cat", "call");
        if !is_open {
            entry.signed("dur", end - start);
        }
        let colour = match call.status {
            _ if is_first_error => Some("terrible"),
            CallStatus::Running => Some("grey"),
            status => status.is_failure().then_some("bad"),
        };
        if let Some(colour) = colour {
            entry.object.text("cname", colour);
        }
        let mut args = Object::new(entry.object.name("args"));
        about(&mut args, event, spot);
        args.text("status", call.status.as_str());
        args.name("duration_ms")
            .push_str(&milliseconds(call.duration_nanos));
        args.name("self_ms")
            .push_str(&milliseconds(call.self_nanos));
        if let Some(end) = &call.end {
            args.number("reply_seq", end.event.0);
            if let Some(error) = &end.error {
                args.text("error", error);
            }
        }
        let calls = spot.run.map(Known::calls).unwrap_or_default();
        let caller = call.parent.call();
        if let Some(parent) = caller.and_then(|parent| calls.get(parent)) {
            args.number("caller_seq", parent.request.0);
        }
        flag(&mut args, "never_heard", call.is_unheard);
        flag(&mut args, "first_error", is_first_error);
        args.end();
        entry.end();
        let slice = Slice {
            thread,
            start,
            end: taken,
            request: call.request,
        };
        drawing.slices.insert(index, slice);
        match caller.map(|caller| (caller, drawing.slices.get(&caller).copied())) {
            Some((_, Some(caller))) => self.arrow(out, caller, slice),
            Some((caller, None)) => drawing.waiting.entry(caller).or_default().push(index),
            None => {}
        }
        for called in drawing.waiting.remove(&index).unwrap_or_default() {
            if let Some(called) = drawing.slices.get(&called).copied() {
                self.arrow(out, slice, called);
            }
        }
    }

    /// From a call to one made in it. An arrow is tied to the slice that goes on at its moment, so one can begin only within its caller, which has to last.
    fn arrow(&mut self, out: &mut String, from: Slice, to: Slice) {
        if from.end <= from.start {
            return;
        }
        let left = to.start.clamp(from.start, from.end - 1);
        for (phase, thread, moment) in [("s", from.thread, left), ("f", to.thread, to.start)] {
            let mut entry = self.entry(out, phase, "call").at(thread, moment);
            entry.object.text("cat", "call");
            entry.object.number("id", to.request.0);
            if phase == "f" {
                entry.object.text("bp", "e");
            }
            entry.end();
        }
    }

    fn instant(
        &mut self,
        out: &mut String,
        process: usize,
        event: &Event,
        spot: &Spot<'_>,
        drawing: &Drawing,
    ) {
        let moment = micros(event.time());
        let slice = spot.call.and_then(|call| drawing.slices.get(&call));
        // Outside of its slice it would lie in that of another call.
        let slice = slice.filter(|slice| (slice.start..=slice.end).contains(&moment));
        let thread = match slice {
            Some(slice) => Some(slice.thread),
            None => self.loose(out, process, event.from()),
        };
        let Some(thread) = thread else { return };
        let is_error = event.outcome() == Outcome::Error;
        let failed = spot.run.and_then(|run| {
            let failed = run.calls().get(run.first_error()?)?;
            failed.end.as_ref().map(|end| end.event)
        });
        let is_first_error = failed == Some(event.seq());
        let mut entry = self.entry(out, "i", event.kind()).at(thread, moment);
        entry
            .object
            .text("cat", if is_error { "error" } else { "event" });
        entry.object.text("s", "t");
        if is_error || is_first_error {
            let colour = if is_first_error { "terrible" } else { "bad" };
            entry.object.text("cname", colour);
        }
        let mut args = Object::new(entry.object.name("args"));
        about(&mut args, event, spot);
        if let Some(call) = spot.call() {
            args.number("call_seq", call.request.0);
        }
        if is_error {
            let data = event.data().unwrap_or_default();
            if let Some(error) = Reply::read(event.kind(), data).error {
                args.text("error", &error);
            }
        }
        flag(&mut args, "first_error", is_first_error);
        args.end();
        entry.end();
    }

    /// Adds up tokens, each once: what models report, and what a reply reports where nothing in its call or beneath it was reported.
    fn count(
        &mut self,
        out: &mut String,
        process: usize,
        event: &Event,
        spot: &Spot<'_>,
        drawing: &mut Drawing,
    ) {
        let Some(tokens) = Tokens::of(event) else {
            return;
        };
        if event.outcome() == Outcome::None {
            drawing.reported.extend(spot.call);
        } else {
            let calls = spot.run.map(Known::calls).unwrap_or_default();
            let is_silent = |call: &Call| {
                let mut called = call.children.iter().filter_map(|child| calls.get(*child));
                called.all(|child| child.tokens.is_none())
            };
            let counts = spot.call.is_some_and(|call| drawing.reported.insert(call))
                && spot.call().is_some_and(is_silent);
            if !counts {
                return;
            }
        }
        let Some((id, sum)) = self.add(process, tokens) else {
            return;
        };
        let mut entry = self.entry(out, "C", "tokens");
        entry.object.number("pid", id);
        entry.signed("ts", micros(event.time()));
        let mut args = Object::new(entry.object.name("args"));
        for (name, count) in [
            ("input", sum.input),
            ("output", sum.output),
            ("total", sum.total),
        ] {
            if let Some(count) = count {
                args.number(name, count);
            }
        }
        args.end();
        entry.end();
    }
}

/// What leads back to the event.
fn about(args: &mut Object<'_>, event: &Event, spot: &Spot<'_>) {
    args.number("seq", event.seq().0);
    args.text("id", event.id());
    args.text("type", event.kind());
    args.text("from", event.from().as_str());
    if let Some(to) = event.to() {
        args.text("to", to.as_str());
    }
    if let Some(trace) = event.trace() {
        args.text("trace", &trace.trace.to_string());
    }
    if let Some(run) = spot.run {
        args.number("run", run.id.0.0);
    }
}
