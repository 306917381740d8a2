//! Records as columns, with the strings they share sent once.

use std::collections::HashMap;
use std::sync::Arc;

use loom_studio_core::{Event, Observation, Outcome, Pair, Pairs, Phase, Record};

use crate::protocol::{Columns, Events, ObservationColumns};

/// Characters of `data` in a preview.
const PREVIEW_CHARS: usize = 160;
/// Requests remembered for their replies, and replies for theirs: some megabytes at most.
const MAX_PAIRS: usize = 32_768;

/// The dictionary of one subscription.
#[derive(Debug)]
pub(crate) struct Encoder {
    sub: u64,
    preview: bool,
    indexes: HashMap<Arc<str>, u32>,
    added: Vec<String>,
    pairs: Pairs,
}

impl Encoder {
    pub(crate) fn new(sub: u64, preview: bool) -> Self {
        Self {
            sub,
            preview,
            indexes: HashMap::new(),
            added: Vec::new(),
            pairs: Pairs::new(MAX_PAIRS),
        }
    }

    pub(crate) fn encode(&mut self, records: &[Record], through_seq: u64) -> Events {
        let mut cols = Columns {
            preview: self.preview.then(Vec::new),
            ..Columns::default()
        };
        let mut obs = ObservationColumns::default();
        for record in records {
            match record {
                Record::Event(event) => self.event(event, &mut cols),
                Record::Observation(observation) => push_observation(observation, &mut obs),
            }
        }
        Events {
            sub: self.sub,
            through_seq,
            dict: std::mem::take(&mut self.added),
            n: cols.seq.len(),
            cols,
            obs,
        }
    }

    fn event(&mut self, event: &Event, cols: &mut Columns) {
        cols.seq.push(event.seq().0);
        cols.time_us.push(event.time().as_micros());
        cols.kind.push(self.index(event.kind()));
        cols.source.push(self.index(&event.from().shared()));
        cols.target.push(
            event
                .to()
                .map_or(-1, |to| i64::from(self.index(&to.shared()))),
        );
        cols.session.push(self.index(event.session()));
        cols.outcome.push(match event.outcome() {
            Outcome::None => 0,
            Outcome::Ok => 1,
            Outcome::Error => 2,
        });
        cols.bytes.push(event.raw().len() as u64);
        cols.call.push(match self.pairs.push(event) {
            None => 0,
            Some(Pair::Request) => event.seq().0,
            Some(Pair::AnsweredBefore(other) | Pair::Reply(other)) => other.0,
        });
        if let Some(previews) = &mut cols.preview {
            previews.push(preview(event.data().unwrap_or_default()));
        }
    }

    fn index(&mut self, text: &Arc<str>) -> u32 {
        if let Some(index) = self.indexes.get(text) {
            return *index;
        }
        let index = self.indexes.len() as u32;
        self.indexes.insert(Arc::clone(text), index);
        self.added.push(text.to_string());
        index
    }
}

fn preview(data: &str) -> String {
    match data.char_indices().nth(PREVIEW_CHARS) {
        Some((end, _)) => data.get(..end).unwrap_or_default().to_owned(),
        None => data.to_owned(),
    }
}

fn push_observation(observation: &Observation, obs: &mut ObservationColumns) {
    obs.seq.push(observation.seq.0);
    obs.of.push(observation.of.0);
    obs.phase.push(match observation.phase {
        Phase::Pre => 0,
        Phase::Post => 1,
        Phase::Blocked => 2,
        Phase::TimedOut => 3,
        Phase::Raised => 4,
    });
    obs.at_us.push(observation.at.as_micros());
}
