//! The calls a node was handling, as far as the list remembers them.

use super::{RunList, Settled};
use crate::causality::Fact;
use crate::clock::Timestamp;
use crate::ids::Seq;

impl RunList {
    /// The remembered calls that the sender of an event was handling in its session then, with their last replies. O(calls remembered).
    pub(crate) fn handling(&self, fact: &Fact) -> Vec<(Fact, Option<Timestamp>)> {
        let is_open = |call: &&Settled| {
            let of = &call.fact;
            of.time <= fact.time
                && call.last_reply.is_none_or(|end| end >= fact.time)
                && of.to.as_ref() == Some(&fact.from)
                && of.session == fact.session
                && of.workspace == fact.workspace
                && of.seq != fact.seq
                && !of.is_blocked
        };
        let view = self.view();
        let open = view.calls.values().filter(is_open);
        open.map(|call| (Fact::clone(&call.fact), call.last_reply))
            .collect()
    }

    /// The root of an event's run that its sender was handling then, if there is one such.
    pub(crate) fn handling_root(&self, fact: &Fact) -> Option<Seq> {
        let view = self.view();
        let summary = view.summary_with(&fact.workspace, fact.seq)?;
        let mut open = summary.roots.iter().filter(|((start, seq), root)| {
            let end = root.end.map(|end| Timestamp::from_nanos(end.time));
            (*start, *seq) < fact.key()
                && end.is_none_or(|end| end >= fact.time)
                && root.to == fact.from
                && root.session == fact.session
                && !root.is_blocked
        });
        match (open.next(), open.next()) {
            (Some(((_, seq), _)), None) => Some(*seq),
            _ => None,
        }
    }

    /// The request of the call that a call was made in, if both are remembered so.
    pub(crate) fn parent(&self, request: Seq) -> Option<Seq> {
        self.view().calls.get(&request.0)?.parent.map(Seq)
    }

    /// Whether it remembers every call it has seen.
    pub(crate) fn remembers_all_calls(&self) -> bool {
        self.view().bounds.forgotten_calls == 0
    }
}
