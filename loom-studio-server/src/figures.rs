//! The last answers about figures: who polls costs little.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use loom_studio_core::{NodeId, Seq, Timestamp};

/// Answers kept, and bytes of the largest.
const KEPT: usize = 8;
const MAX_BYTES: usize = 1 << 20;
/// Statuses change with time alone: an answer about now is worked out anew when it is this old.
const MAX_AGE_NANOS: i64 = 1_000_000_000;

/// What an answer is about. It names the position, so that any later event makes another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FiguresOf {
    pub(crate) workspace: Arc<str>,
    pub(crate) session: Option<String>,
    pub(crate) run: Option<u64>,
    pub(crate) node: Option<NodeId>,
    pub(crate) at: Seq,
    /// Whether the position is the head: the present is the clock's then.
    pub(crate) is_now: bool,
    /// The oldest record stored: retention changes what is left of a run.
    pub(crate) first: Seq,
}

/// An answer, as JSON: what it is about, and when it was made.
type Made = (FiguresOf, Timestamp, Arc<[u8]>);

/// The answers kept, the last used at the end.
#[derive(Debug, Default)]
pub(crate) struct Figures(Mutex<VecDeque<Made>>);

impl Figures {
    /// The answer, if it was given lately enough to be right at this moment.
    pub(crate) fn known(&self, of: &FiguresOf, now: Timestamp) -> Option<Arc<[u8]>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |made: &Timestamp| (0..MAX_AGE_NANOS).contains(&now.nanos_since(*made));
        let index = kept
            .iter()
            .position(|(question, made, _)| question == of && (!of.is_now || holds(made)))?;
        let known = kept.remove(index)?;
        let json = Arc::clone(&known.2);
        kept.push_back(known);
        Some(json)
    }

    /// Keeps an answer that was made at a moment.
    pub(crate) fn keep(&self, of: FiguresOf, made: Timestamp, json: &[u8]) {
        if json.len() > MAX_BYTES {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(question, ..)| *question != of);
        while kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((of, made, json.into()));
    }
}
