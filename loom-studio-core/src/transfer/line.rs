//! The lines of an export, written and read.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::sync::Arc;

use bytes::Bytes;

use super::export::{ExportOptions, Exported};
use crate::clock::Timestamp;
use crate::event::{Event, Observation, Phase, members, text_of};
use crate::ids::{Epoch, Seq};
use crate::store::{Pattern, Recorded, SeqSet};

/// What the first line names.
const FORMAT: &str = "loom-studio.log";
/// The version written, and the newest that is read.
const VERSION: u64 = 1;

/// One JSON object under construction. A `String` takes all that is written to it.
pub(super) struct Object<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl<'a> Object<'a> {
    pub(super) fn new(out: &'a mut String) -> Self {
        out.push('{');
        Self {
            out,
            is_empty: true,
        }
    }

    pub(super) fn name(&mut self, name: &str) -> &mut String {
        let comma = if std::mem::take(&mut self.is_empty) {
            ""
        } else {
            ","
        };
        let _ = write!(self.out, "{comma}\"{name}\":");
        self.out
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        let json = serde_json::Value::from(text).to_string();
        self.name(name).push_str(&json);
    }

    pub(super) fn number(&mut self, name: &str, number: u64) {
        let _ = write!(self.name(name), "{number}");
    }

    pub(super) fn moment(&mut self, name: &str, moment: Timestamp) {
        let _ = write!(self.name(name), "\"{}\"", moment.to_rfc3339());
    }

    /// JSON text as it stands where a line can hold it, or else, under the other name, as a string.
    fn json(&mut self, name: &str, name_as_text: &str, json: &[u8]) {
        let text = String::from_utf8_lossy(json);
        let fits = text.starts_with('{')
            && text.ends_with('}')
            && memchr::memchr2(b'\n', b'\r', json).is_none();
        if fits {
            self.name(name).push_str(&text);
        } else {
            self.text(name_as_text, &text);
        }
    }

    pub(super) fn end(self) {
        self.out.push('}');
    }
}

pub(super) fn write_header(
    out: &mut String,
    epoch: Epoch,
    range: (Seq, Seq),
    selection: &ExportOptions,
) {
    let filter = &selection.filter;
    let condition = selection.condition.as_ref().map(ToString::to_string);
    let run = selection.within.as_ref().map(SeqSet::name);
    let mut line = Object::new(out);
    line.text("format", FORMAT);
    line.number("version", VERSION);
    line.text("epoch", &epoch.to_string());
    line.number("after_seq", range.0.0);
    line.number("through_seq", range.1.0);
    let mut conditions = Object::new(line.name("filter"));
    let texts = [
        ("workspace", filter.workspace.as_deref().map(Cow::Borrowed)),
        ("session", filter.session.as_ref().map(pattern)),
        ("trace", filter.trace.as_ref().map(pattern)),
        ("node", filter.node.as_ref().map(pattern)),
        ("type", filter.kind.as_ref().map(pattern)),
        ("text", filter.text.as_deref().map(Cow::Borrowed)),
        ("id", filter.id.as_deref().map(Cow::Borrowed)),
        (
            "request_id",
            filter.request_id.as_deref().map(Cow::Borrowed),
        ),
        (
            "causation_id",
            filter.causation_id.as_deref().map(Cow::Borrowed),
        ),
        ("run", run.map(Cow::Borrowed)),
        ("where", condition.map(Cow::Owned)),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            conditions.text(name, &text);
        }
    }
    for (name, moment) in [
        ("start_time", filter.time.start),
        ("end_time", filter.time.end),
    ] {
        if let Some(moment) = moment {
            conditions.moment(name, moment);
        }
    }
    conditions.end();
    line.end();
    out.push('\n');
}

fn pattern(pattern: &Pattern) -> Cow<'_, str> {
    match pattern {
        Pattern::Exact(text) => Cow::Borrowed(text),
        Pattern::Prefix(text) => Cow::Owned(format!("{text}*")),
        Pattern::Contains(text) => Cow::Owned(format!("*{text}*")),
    }
}

pub(super) fn write_event(out: &mut String, event: &Event) {
    let mut line = Object::new(out);
    line.number("seq", event.seq().0);
    line.text("workspace", event.workspace());
    line.text("session", event.session());
    line.moment("received", event.received());
    line.moment("time", event.time());
    line.json("event", "raw", event.raw());
    line.end();
    out.push('\n');
}

/// `source` and `id` are those of the observed event.
pub(super) fn write_observation(
    out: &mut String,
    observation: &Observation,
    source: &str,
    id: &str,
) {
    let mut line = Object::new(out);
    line.number("seq", observation.seq.0);
    line.text("workspace", &observation.workspace);
    line.text("session", &observation.session);
    line.moment("received", observation.received);
    let mut observed = Object::new(line.name("observation"));
    observed.text("source", source);
    observed.text("of", id);
    observed.text("phase", observation.phase.as_str());
    observed.moment("at", observation.at);
    observed.json("changed", "changed_raw", &observation.changed);
    observed.end();
    line.end();
    out.push('\n');
}

pub(super) fn write_end(out: &mut String, exported: &Exported) {
    let mut line = Object::new(out);
    let mut end = Object::new(line.name("end"));
    end.number("events", exported.events);
    end.number("observations", exported.observations);
    end.number("orphans", exported.orphans);
    end.number("deleted", exported.deleted);
    end.end();
    line.end();
    out.push('\n');
}

/// Bytes of a first line that are looked at to tell another format.
const MAX_SNIFFED_BYTES: usize = 4096;

/// What a first line belongs to, where that is a known format that isn't this one.
pub(super) fn other_format(line: &[u8]) -> Option<&'static str> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = line.get(..MAX_SNIFFED_BYTES).unwrap_or(line);
    let line = line.trim_ascii_start();
    let has = |part: &str| memchr::memmem::find(line, part.as_bytes()).is_some();
    match line.first() {
        Some(b'{') if has("\"traceEvents\":") || has("\"traceEvents\" :") => Some("a Chrome trace"),
        Some(b'[') if has("\"ph\"") => Some("a Chrome trace"),
        Some(b's') if line.starts_with(b"seq,time,") => Some("a table (CSV)"),
        Some(b'"') if line.starts_with(b"\"seq\",\"time\"") => Some("a table (CSV)"),
        _ => None,
    }
}

/// A line of an export, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Header,
    Record {
        workspace: Arc<str>,
        record: Recorded,
    },
    End {
        events: u64,
        observations: u64,
    },
}

#[derive(Default)]
struct View<'a> {
    format: Option<&'a str>,
    version: Option<&'a str>,
    workspace: Option<&'a str>,
    session: Option<&'a str>,
    time: Option<&'a str>,
    event: Option<&'a str>,
    raw: Option<&'a str>,
    observation: Option<&'a str>,
    end: Option<&'a str>,
}

impl Line {
    /// Reads a line. The JSON text of an event is a part of the line's bytes, not a copy. Members with other names are passed over.
    ///
    /// The error says what is wrong, in words that fit behind "line 17: ".
    pub(super) fn read(line: &Bytes) -> Result<Self, String> {
        let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
        let mut view = View::default();
        members(text, |name, value| {
            let place = match name {
                "format" => &mut view.format,
                "version" => &mut view.version,
                "workspace" => &mut view.workspace,
                "session" => &mut view.session,
                "time" => &mut view.time,
                "event" => &mut view.event,
                "raw" => &mut view.raw,
                "observation" => &mut view.observation,
                "end" => &mut view.end,
                _ => return,
            };
            *place = Some(value);
        })
        .ok_or_else(|| "it is no JSON object".to_owned())?;
        if view.format.is_some() {
            return read_header(&view);
        }
        if let Some(end) = view.end {
            return read_end(end);
        }
        let record = match (view.event, view.raw, view.observation) {
            (Some(event), None, None) => read_event(&view, line.slice_ref(event.as_bytes()))?,
            (None, Some(raw), None) => read_event(&view, Bytes::from(text_in("raw", Some(raw))?))?,
            (None, None, Some(observation)) => read_observation(line, observation)?,
            _ => return Err("it holds neither an event nor an observation".to_owned()),
        };
        Ok(Self::Record {
            workspace: text_in("workspace", view.workspace)?.into(),
            record,
        })
    }
}

fn wrong(name: &str, expected: impl Display) -> String {
    format!("\"{name}\" is missing or wrong: expected {expected}")
}

fn text_in(name: &str, value: Option<&str>) -> Result<String, String> {
    let text = value.and_then(text_of);
    text.map(Cow::into_owned)
        .ok_or_else(|| wrong(name, "a string"))
}

fn moment_in(name: &str, value: Option<&str>) -> Result<Timestamp, String> {
    let moment = value
        .and_then(text_of)
        .and_then(|text| Timestamp::parse_rfc3339(&text));
    moment.ok_or_else(|| wrong(name, "an RFC 3339 time"))
}

fn read_header(view: &View<'_>) -> Result<Line, String> {
    let format = view.format.and_then(text_of);
    let version: Option<u64> = view.version.and_then(|version| version.parse().ok());
    match (format.as_deref(), version) {
        (Some(FORMAT), Some(1..=VERSION)) => Ok(Line::Header),
        (Some(FORMAT), Some(version)) => Err(format!(
            "version {version} of the format is newer than this version of Loom Studio, which reads up to {VERSION}"
        )),
        (Some(FORMAT), None) => Err(wrong("version", "a number")),
        _ => Err(wrong("format", format!("\"{FORMAT}\""))),
    }
}

fn read_end(end: &str) -> Result<Line, String> {
    let (mut events, mut observations) = (None, None);
    let read = members(end, |name, value| match name {
        "events" => events = value.parse().ok(),
        "observations" => observations = value.parse().ok(),
        _ => {}
    });
    read.and(events.zip(observations))
        .map(|(events, observations)| Line::End {
            events,
            observations,
        })
        .ok_or_else(|| wrong("end", "the counts \"events\" and \"observations\""))
}

fn read_event(view: &View<'_>, json: Bytes) -> Result<Recorded, String> {
    Ok(Recorded::Event {
        session: text_in("session", view.session)?.into(),
        time: moment_in("time", view.time)?,
        json,
    })
}

fn read_observation(line: &Bytes, observation: &str) -> Result<Recorded, String> {
    let (mut source, mut of, mut phase, mut at) = (None, None, None, None);
    let (mut changed, mut changed_raw) = (None, None);
    members(observation, |name, value| {
        let place = match name {
            "source" => &mut source,
            "of" => &mut of,
            "phase" => &mut phase,
            "at" => &mut at,
            "changed" => &mut changed,
            "changed_raw" => &mut changed_raw,
            _ => return,
        };
        *place = Some(value);
    })
    .ok_or_else(|| wrong("observation", "an object"))?;
    let phase = text_in("phase", phase)?;
    Ok(Recorded::Observation {
        source: text_in("source", source)?.into(),
        of: text_in("of", of)?.into(),
        phase: phase
            .parse::<Phase>()
            .map_err(|error| format!("\"phase\" is {error}"))?,
        at: moment_in("at", at)?,
        changed: match changed {
            Some(changed) => line.slice_ref(changed.as_bytes()),
            None => text_in("changed", changed_raw)?.into(),
        },
    })
}
