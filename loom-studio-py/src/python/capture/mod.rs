//! Python objects to JSON, at the moment they are seen: what the program does to them afterwards changes nothing.
//!
//! Nothing here raises, prints or waits, and next to nothing runs Python code; `docs/capture.md` lists how each kind of value is
//! written. Memory is read through [`object`] and written through [`escape`], the only modules with `unsafe`.

mod escape;
mod event;
mod kinds;
mod object;
mod tape;
mod time;
mod writer;

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

pub(super) use event::{Emission, Snapshot, Stamps, event_id};
pub(super) use writer::Stop;

use kinds::Kinds;
use tape::Item;
use time::Clockwork;
use writer::{Writer, Written};

/// A buffer that grew beyond this is given back.
const KEPT_CAPACITY: usize = 256 * 1024;

/// Writes values and events, with memory of what it learned about their classes.
pub(super) struct Capture {
    clockwork: Clockwork,
    /// Taken while it is used: a second use meanwhile (by a time zone's code, say) gets a fresh one.
    desk: Mutex<Option<Desk>>,
    limit: usize,
}

#[derive(Default)]
struct Desk {
    out: Vec<u8>,
    kinds: Kinds,
    path: Vec<usize>,
    tape: Vec<Item>,
}

impl Capture {
    /// `limit` is the largest event in bytes.
    ///
    /// # Errors
    /// If Python lacks its own library.
    pub(super) fn new(py: Python<'_>, limit: usize) -> PyResult<Self> {
        Ok(Self {
            clockwork: Clockwork::new(py)?,
            desk: Mutex::new(None),
            limit,
        })
    }

    /// One value as JSON text.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) fn json(&self, value: &Bound<'_, PyAny>) -> Result<Vec<u8>, Stop> {
        self.write(|writer| writer.value(value), |(), text| text.to_vec())
            .map(|((), text)| text)
    }

    /// Lends a writer to `write`, and then what it wrote to `read`.
    fn write<T, R>(
        &self,
        write: impl FnOnce(&mut Writer<'_>) -> Result<T, Stop>,
        read: impl FnOnce(&T, &[u8]) -> R,
    ) -> Result<(T, R), Stop> {
        let taken = self
            .desk
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let mut desk = taken.unwrap_or_default();
        desk.out.clear();
        desk.path.clear();
        desk.tape.clear();
        let mut writer = Writer {
            out: &mut desk.out,
            kinds: &mut desk.kinds,
            clockwork: &self.clockwork,
            limit: self.limit,
            path: &mut desk.path,
            tape: &mut desk.tape,
            is_taping: false,
        };
        let answer = write(&mut writer).map(|value| {
            let answer = read(&value, &desk.out);
            (value, answer)
        });
        if desk.out.capacity() > KEPT_CAPACITY {
            desk.out = Vec::new();
        }
        *self.desk.lock().unwrap_or_else(PoisonError::into_inner) = Some(desk);
        answer
    }
}
