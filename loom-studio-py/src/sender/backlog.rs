//! The batches taken from the queue and not yet settled. They outlive connections. No I/O.

use std::collections::VecDeque;
use std::time::Duration;

use super::batch::Batch;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Oldest first.
    entries: VecDeque<Entry>,
    /// Increases on and across connections.
    last_number: u64,
    in_flight_bytes: usize,
    retry_after: Duration,
}

#[derive(Debug)]
struct Entry {
    batch: Batch,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be sent.
    Waiting,
    /// Sent on this connection.
    Sent { number: u64, wire_bytes: usize },
    /// The server could not take it now.
    Refused,
}

impl Backlog {
    /// Nothing is known of what was sent on the last connection, so all of it is to be sent again. Hands out the batches, to be checked against what the next server takes and [added](Self::add) again.
    pub(super) fn restart(&mut self) -> Vec<Batch> {
        self.in_flight_bytes = 0;
        self.retry_after = Duration::ZERO;
        self.entries.drain(..).map(|entry| entry.batch).collect()
    }

    pub(super) fn add(&mut self, batch: Batch) {
        self.entries.push_back(Entry {
            batch,
            state: State::Waiting,
        });
    }

    /// The oldest batch to be sent, and the number it will have.
    pub(super) fn waiting(&self) -> Option<(&Batch, u64)> {
        let is_waiting = |entry: &&Entry| entry.state == State::Waiting;
        let entry = self.entries.iter().find(is_waiting)?;
        Some((&entry.batch, self.last_number + 1))
    }

    /// That batch goes out now.
    pub(super) fn sent(&mut self, wire_bytes: usize) {
        let is_waiting = |entry: &&mut Entry| entry.state == State::Waiting;
        if let Some(entry) = self.entries.iter_mut().find(is_waiting) {
            self.last_number += 1;
            self.in_flight_bytes += wire_bytes;
            entry.state = State::Sent {
                number: self.last_number,
                wire_bytes,
            };
        }
    }

    /// Takes the oldest batch to be sent out.
    pub(super) fn take_waiting(&mut self) -> Option<Batch> {
        let is_waiting = |entry: &Entry| entry.state == State::Waiting;
        let index = self.entries.iter().position(is_waiting)?;
        self.entries.remove(index).map(|entry| entry.batch)
    }

    /// A frame of so many bytes may be sent: within the window, or alone.
    pub(super) fn has_credit(&self, wire_bytes: usize, window_bytes: usize) -> bool {
        self.in_flight_bytes == 0 || self.in_flight_bytes + wire_bytes <= window_bytes
    }

    /// The batch with this number, if it awaits an answer.
    pub(super) fn find(&self, number: u64) -> Option<&Batch> {
        let entry = self.entries.get(self.position(number)?)?;
        Some(&entry.batch)
    }

    /// The server is done with this batch.
    pub(super) fn take(&mut self, number: u64) -> Option<Batch> {
        let index = self.position(number)?;
        let entry = self.entries.remove(index)?;
        if let State::Sent { wire_bytes, .. } = entry.state {
            self.in_flight_bytes -= wire_bytes;
        }
        Some(entry.batch)
    }

    /// The number of the batch that is answered next.
    pub(super) fn oldest_sent(&self) -> Option<u64> {
        self.entries.iter().find_map(|entry| match entry.state {
            State::Sent { number, .. } => Some(number),
            State::Waiting | State::Refused => None,
        })
    }

    /// The server could not take this batch: it goes out again, in its old place, once the others are answered and the time is over.
    pub(super) fn refuse(&mut self, number: u64, retry_after: Duration) {
        if let Some(entry) = self
            .position(number)
            .and_then(|index| self.entries.get_mut(index))
        {
            if let State::Sent { wire_bytes, .. } = entry.state {
                self.in_flight_bytes -= wire_bytes;
            }
            entry.state = State::Refused;
            self.retry_after = self.retry_after.max(retry_after);
        }
    }

    pub(super) fn has_refused(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.state == State::Refused)
    }

    /// Makes refused batches ready for another try, once nothing is on its way; tells how long to wait before.
    pub(super) fn retry(&mut self) -> Duration {
        for entry in &mut self.entries {
            if entry.state == State::Refused {
                entry.state = State::Waiting;
            }
        }
        std::mem::take(&mut self.retry_after)
    }

    fn position(&self, wanted: u64) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| matches!(entry.state, State::Sent { number, .. } if number == wanted))
    }
}
