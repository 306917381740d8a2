//! Events and observations as the server takes them.

use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::kinds::Kind;
use super::object::{Entries, attribute, instance_dict, swallow, utf8};
use super::tape::{self, Item};
use super::time::push_micros;
use super::{Capture, Stop, Writer, Written};

/// So many steps of a record are made room for in advance at most.
const MAX_ROOM: usize = 4096;

/// What the sent copy of an event has beside what the program put into it.
#[derive(Clone, Copy)]
pub(in crate::python) struct Stamps<'a> {
    /// Microseconds since 1970.
    pub(in crate::python) now: i64,
    /// As JSON text.
    pub(in crate::python) session: &'a [u8],
}

/// What an event was when it was captured, to be compared with what it is later.
pub(in crate::python) struct Snapshot {
    source: Option<Py<PyAny>>,
    id: Option<Py<PyAny>>,
    members: Vec<Member>,
    /// The members that can change and could be recorded, one after the other.
    tape: Vec<Item>,
    /// The JSON text of those that couldn't.
    text: Vec<u8>,
}

struct Member {
    name: Py<PyAny>,
    before: Before,
}

/// What a member was.
enum Before {
    /// A value that can't change, and is held.
    Fixed(Py<PyAny>),
    /// Its place in the snapshot's tape.
    Tape(Range<usize>),
    /// Its place in the snapshot's text.
    Text(Range<usize>),
}

/// An event of Studio's own.
pub(in crate::python) struct Emission<'a, 'py> {
    pub(in crate::python) id: &'a str,
    pub(in crate::python) kind: &'a str,
    pub(in crate::python) source: &'a Bound<'py, PyAny>,
    pub(in crate::python) subject: Option<&'a Bound<'py, PyAny>>,
    pub(in crate::python) time: Option<&'a Bound<'py, PyAny>>,
    pub(in crate::python) traceparent: Option<&'a Bound<'py, PyAny>>,
    pub(in crate::python) cause: Option<&'a Bound<'py, PyAny>>,
    pub(in crate::python) data: &'a Bound<'py, PyAny>,
}

/// The id of an event, read off the instance where that is possible.
///
/// # Errors
/// An interruption of the program.
#[inline]
pub(in crate::python) fn event_id<'py>(
    event: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = event.py();
    let name = pyo3::intern!(py, "id");
    let id = match instance_dict(event).and_then(|dict| dict.cast_into_exact::<PyDict>().ok()) {
        Some(dict) => dict.get_item(name).ok().flatten(),
        None => swallow(py, event.getattr(name))?,
    };
    Ok(id.filter(PyAnyMethods::is_instance_of::<PyString>))
}

impl Snapshot {
    /// Keeps the name alone.
    pub(in crate::python) fn forget_members(&mut self) {
        self.members = Vec::new();
        self.tape = Vec::new();
        self.text = Vec::new();
    }

    fn recorded(&self, range: &Range<usize>) -> std::slice::Iter<'_, Item> {
        self.tape.get(range.clone()).unwrap_or_default().iter()
    }

    /// Whether observations of it can be sent: they name its source and its id.
    pub(in crate::python) fn is_named(&self) -> bool {
        self.source.is_some() && self.id.is_some()
    }
}

impl Capture {
    /// Writes an event, hands its text to `push`, and remembers what it was. `None` if it is no event at all.
    ///
    /// # Errors
    /// [`Stop`]; nothing was pushed then.
    pub(in crate::python) fn event<R>(
        &self,
        event: &Bound<'_, PyAny>,
        cause: Option<&Bound<'_, PyAny>>,
        stamps: Stamps<'_>,
        push: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<(Snapshot, R)>, Stop> {
        let mut is_event = true;
        let (snapshot, pushed) = self.write(
            |writer| {
                let mut snapshot = Snapshot {
                    source: None,
                    id: None,
                    members: Vec::with_capacity(12),
                    tape: Vec::new(),
                    text: Vec::new(),
                };
                is_event = writer.event(event, cause, stamps, &mut snapshot)?;
                // One event is often as the one before: the next one's record finds room.
                let room = Vec::with_capacity(writer.tape.len().min(MAX_ROOM));
                snapshot.tape = std::mem::replace(writer.tape, room);
                Ok(snapshot)
            },
            |_, text| (!text.is_empty()).then(|| push(text)),
        )?;
        Ok(if is_event {
            pushed.map(|pushed| (snapshot, pushed))
        } else {
            None
        })
    }

    /// Writes what became of an event, with what changed since it was captured if `event` is given.
    ///
    /// # Errors
    /// [`Stop`]; nothing was pushed then.
    pub(in crate::python) fn outcome<R>(
        &self,
        snapshot: &Snapshot,
        event: Option<&Bound<'_, PyAny>>,
        phase: &str,
        py: Python<'_>,
        now: i64,
        push: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Stop> {
        let (Some(source), Some(id)) = (&snapshot.source, &snapshot.id) else {
            return Ok(None);
        };
        let ((), pushed) = self.write(
            |writer| {
                writer.observation(source.bind(py), id.bind(py), phase, now)?;
                if let Some(event) = event {
                    writer.changes(event, snapshot)?;
                }
                writer.out.push(b'}');
                Ok(())
            },
            |(), text| push(text),
        )?;
        Ok(Some(pushed))
    }

    /// Writes an observation of an event that isn't at hand.
    ///
    /// # Errors
    /// [`Stop`]; nothing was pushed then.
    pub(in crate::python) fn observation<R>(
        &self,
        source: &Bound<'_, PyAny>,
        of: &Bound<'_, PyAny>,
        phase: &str,
        at: i64,
        changed: Option<&Bound<'_, PyDict>>,
        push: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, Stop> {
        let ((), pushed) = self.write(
            |writer| {
                writer.observation(source, of, phase, at)?;
                if let Some(changed) = changed {
                    writer.out.extend_from_slice(b",\"changed\":");
                    writer.value(changed.as_any())?;
                }
                writer.out.push(b'}');
                Ok(())
            },
            |(), text| push(text),
        )?;
        Ok(pushed)
    }

    /// Writes an event of Studio's own.
    ///
    /// # Errors
    /// [`Stop`]; nothing was pushed then.
    pub(in crate::python) fn emission<R>(
        &self,
        event: &Emission<'_, '_>,
        stamps: Stamps<'_>,
        push: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, Stop> {
        let ((), pushed) = self.write(
            |writer| writer.emission(event, stamps),
            |(), text| push(text),
        )?;
        Ok(pushed)
    }
}

impl Writer<'_> {
    /// Whether it was an event.
    fn event(
        &mut self,
        event: &Bound<'_, PyAny>,
        cause: Option<&Bound<'_, PyAny>>,
        stamps: Stamps<'_>,
        snapshot: &mut Snapshot,
    ) -> Result<bool, Stop> {
        let mut has_cause = false;
        self.out.push(b'{');
        self.path.push(event.as_ptr() as usize);
        let is_event = self.members_of_event(event, |writer, name, value| {
            let text = utf8(&name).unwrap_or_default();
            if is_ours(text) {
                return Ok(());
            }
            super::escape::push_string(writer.out, text);
            writer.out.push(b':');
            let (start, place) = (writer.out.len(), writer.tape.len());
            let is_fixed = writer.is_fixed(&value);
            writer.is_taping = !is_fixed;
            match text {
                b"id" | b"source" | b"type" => {
                    if value.is_exact_instance_of::<PyString>() {
                        match text {
                            b"id" => snapshot.id = Some(value.clone().unbind()),
                            b"source" => snapshot.source = Some(value.clone().unbind()),
                            _ => {}
                        }
                    }
                    writer.name(&value)?;
                }
                b"causationid" if !value.is_none() => {
                    has_cause = true;
                    writer.value(&value)?;
                }
                b"extensions" => {
                    has_cause |= says_its_cause(&value);
                    writer.value(&value)?;
                }
                _ => writer.value(&value)?,
            }
            let before = if is_fixed {
                Before::Fixed(value.unbind())
            } else if std::mem::take(&mut writer.is_taping) && writer.tape.len() > place {
                Before::Tape(place..writer.tape.len())
            } else {
                writer.tape.truncate(place);
                let place = snapshot.text.len();
                let text = writer.out.get(start..).unwrap_or_default();
                snapshot.text.extend_from_slice(text);
                Before::Text(place..snapshot.text.len())
            };
            snapshot.members.push(Member {
                name: name.unbind(),
                before,
            });
            writer.out.push(b',');
            Ok(())
        })?;
        self.path.pop();
        if !is_event {
            self.out.clear();
            return Ok(false);
        }
        if let Some(cause) = cause
            && !has_cause
        {
            self.out.extend_from_slice(b"\"causationid\":");
            self.name(cause)?;
            self.out.push(b',');
        }
        self.session_and_moment(stamps);
        self.out.push(b'}');
        self.check(0)?;
        Ok(true)
    }

    /// `studiosession`, and when the event was seen, by which the server knows when it was dispatched.
    fn session_and_moment(&mut self, stamps: Stamps<'_>) {
        self.out.extend_from_slice(b"\"studiosession\":");
        self.out.extend_from_slice(stamps.session);
        self.out
            .extend_from_slice(b",\"studio_phase\":\"pre\",\"studio_timestamp\":");
        let (seconds, micros) = (
            stamps.now.div_euclid(1_000_000),
            stamps.now.rem_euclid(1_000_000),
        );
        self.out
            .extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
        self.out.push(b'.');
        // Six digits with their leading zeros: those of a number a million larger without its first.
        let digits = itoa::Buffer::new().format(micros + 1_000_000).to_owned();
        self.out
            .extend_from_slice(digits.as_bytes().get(1..).unwrap_or_default());
    }

    /// `{source, of, phase, at`, without the closing brace.
    fn observation(
        &mut self,
        source: &Bound<'_, PyAny>,
        of: &Bound<'_, PyAny>,
        phase: &str,
        at: i64,
    ) -> Written {
        self.out.extend_from_slice(b"{\"source\":");
        self.name(source)?;
        self.out.extend_from_slice(b",\"of\":");
        self.name(of)?;
        self.out.extend_from_slice(b",\"phase\":");
        super::escape::push_string(self.out, phase.as_bytes());
        self.out.extend_from_slice(b",\"at\":\"");
        push_micros(self.out, at);
        self.out.push(b'"');
        Ok(())
    }

    /// `,"changed":{…}` with the members that differ from the snapshot, if any.
    fn changes(&mut self, event: &Bound<'_, PyAny>, snapshot: &Snapshot) -> Written {
        if self.is_unchanged(event, snapshot)? {
            return Ok(());
        }
        let start = self.out.len();
        self.out.extend_from_slice(b",\"changed\":{");
        let empty = self.out.len();
        let mut matched = vec![false; snapshot.members.len()];
        let mut next = 0;
        self.path.push(event.as_ptr() as usize);
        let is_event = self.members_of_event(event, |writer, name, value| {
            let text = utf8(&name).unwrap_or_default();
            if is_ours(text) {
                return Ok(());
            }
            // Members keep their order, so the next one is almost always it.
            let place = match snapshot.members.get(next) {
                Some(member) if member.name.is(&name) => Some(next),
                _ => snapshot
                    .members
                    .iter()
                    .position(|member| utf8(member.name.bind(name.py())) == Some(text)),
            };
            let before = place
                .and_then(|place| snapshot.members.get(place))
                .map(|member| &member.before);
            if let Some(place) = place {
                next = place + 1;
                if let Some(seen) = matched.get_mut(place) {
                    *seen = true;
                }
            }
            if matches!(before, Some(Before::Fixed(fixed)) if fixed.is(&value)) {
                return Ok(());
            }
            let start = writer.out.len();
            if start > empty {
                writer.out.push(b',');
            }
            super::escape::push_string(writer.out, text);
            writer.out.push(b':');
            let value_start = writer.out.len();
            if matches!(text, b"id" | b"source" | b"type") {
                writer.name(&value)?;
            } else {
                writer.value(&value)?;
            }
            let end = writer.out.len();
            let is_same = match before {
                None => false,
                Some(Before::Tape(range)) => {
                    writer.recorded(name.py(), &mut snapshot.recorded(range))?;
                    writer.out.get(value_start..end) == writer.out.get(end..)
                }
                Some(Before::Text(range)) => {
                    writer.out.get(value_start..) == snapshot.text.get(range.clone())
                }
                Some(Before::Fixed(fixed)) => {
                    writer.value(fixed.bind(name.py()))?;
                    writer.out.get(value_start..end) == writer.out.get(end..)
                }
            };
            writer.out.truncate(if is_same { start } else { end });
            Ok(())
        })?;
        self.path.pop();
        if is_event {
            for (member, _) in snapshot
                .members
                .iter()
                .zip(matched)
                .filter(|(_, seen)| !seen)
            {
                if self.out.len() > empty {
                    self.out.push(b',');
                }
                super::escape::push_string(
                    self.out,
                    utf8(member.name.bind(event.py())).unwrap_or_default(),
                );
                self.out.extend_from_slice(b":null");
            }
        }
        if self.out.len() == empty {
            self.out.truncate(start);
        } else {
            self.out.push(b'}');
        }
        self.check(0)
    }

    /// Whether an event is as it was in every member, found out as fast as can be. `false` may also mean that it isn't seen at once.
    fn is_unchanged(
        &mut self,
        event: &Bound<'_, PyAny>,
        snapshot: &Snapshot,
    ) -> Result<bool, Stop> {
        let Kind::Record(shape) = self.kinds.of(event)? else {
            return Ok(false);
        };
        if shape.fields.is_some() || !shape.excluded.is_empty() {
            return Ok(false);
        }
        let extra = attribute(event, pyo3::intern!(event.py(), "__pydantic_extra__"))?;
        let has_extra = extra
            .as_ref()
            .and_then(Entries::of)
            .is_some_and(|mut extra| extra.next().is_some());
        let Some(dict) = instance_dict(event).filter(|_| !has_extra) else {
            return Ok(false);
        };
        let Some(mut entries) = Entries::of(&dict) else {
            return Ok(false);
        };
        for member in &snapshot.members {
            let is_same = match &member.before {
                Before::Fixed(value) => entries.skip_same(&member.name, value),
                Before::Text(range) => match entries.next() {
                    Some((name, value)) if name.is(&member.name) => {
                        let start = self.out.len();
                        self.path.push(event.as_ptr() as usize);
                        self.value(&value)?;
                        self.path.pop();
                        let is_same = self.out.get(start..) == snapshot.text.get(range.clone());
                        self.out.truncate(start);
                        is_same
                    }
                    _ => false,
                },
                Before::Tape(range) => entries.next().is_some_and(|(name, value)| {
                    name.is(&member.name) && tape::is_same(&value, &mut snapshot.recorded(range))
                }),
            };
            if !is_same {
                return Ok(false);
            }
        }
        Ok(entries.next().is_none())
    }

    fn emission(&mut self, event: &Emission<'_, '_>, stamps: Stamps<'_>) -> Written {
        self.out
            .extend_from_slice(b"{\"specversion\":\"1.0\",\"id\":");
        super::escape::push_string(self.out, event.id.as_bytes());
        self.out.extend_from_slice(b",\"type\":");
        super::escape::push_string(self.out, event.kind.as_bytes());
        self.out.extend_from_slice(b",\"source\":");
        self.name(event.source)?;
        self.out.extend_from_slice(b",\"time\":");
        if let Some(time) = event.time {
            self.value(time)?;
        } else {
            self.out.push(b'"');
            push_micros(self.out, stamps.now);
            self.out.push(b'"');
        }
        for (name, value) in [
            ("subject", event.subject),
            ("traceparent", event.traceparent),
            ("causationid", event.cause),
        ] {
            if let Some(value) = value {
                self.out.push(b',');
                super::escape::push_string(self.out, name.as_bytes());
                self.out.push(b':');
                self.name(value)?;
            }
        }
        self.out.extend_from_slice(b",\"studiosession\":");
        self.out.extend_from_slice(stamps.session);
        self.out.extend_from_slice(b",\"data\":");
        self.path.push(0);
        self.value(event.data)?;
        self.path.pop();
        self.out.push(b'}');
        self.check(0)
    }

    /// Whether a value can't change as long as it lives.
    fn is_fixed(&self, value: &Bound<'_, PyAny>) -> bool {
        value.is_exact_instance_of::<PyString>()
            || value.is_none()
            || self.clockwork.is_datetime(value)
    }

    /// Hands the members of an event to `write`; `false` if it is no model and no dictionary.
    fn members_of_event<'py>(
        &mut self,
        event: &Bound<'py, PyAny>,
        mut write: impl FnMut(&mut Self, Bound<'py, PyAny>, Bound<'py, PyAny>) -> Written,
    ) -> Result<bool, Stop> {
        match self.kinds.of(event)? {
            Kind::Record(shape) => self.members(event, &shape, write)?,
            Kind::Dict => {
                for (key, value) in Entries::of(event).into_iter().flatten() {
                    if key.is_exact_instance_of::<PyString>() {
                        write(self, key, value)?;
                    }
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Members that this client sets itself.
fn is_ours(name: &[u8]) -> bool {
    name.starts_with(b"studio")
        && matches!(
            name,
            b"studiosession" | b"studio_phase" | b"studio_timestamp"
        )
}

/// The program may say itself what caused an event.
fn says_its_cause(extensions: &Bound<'_, PyAny>) -> bool {
    extensions.cast_exact::<PyDict>().is_ok_and(|extensions| {
        let name = pyo3::intern!(extensions.py(), "causationid");
        !extensions.is_empty()
            && matches!(extensions.get_item(name), Ok(Some(cause)) if !cause.is_none())
    })
}
