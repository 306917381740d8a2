//! What a fold knows of a node and of an edge.

use std::sync::Arc;

use bytes::Bytes;

use super::classify::by_address;
use super::{Evidence, LatencySketch, NodeType, Rule};
use crate::clock::Timestamp;
use crate::event::NodeId;
use crate::ids::Seq;

/// A node.
#[derive(Debug, Clone)]
pub(super) struct NodeState {
    pub(super) kind: NodeType,
    pub(super) evidence: Option<Evidence>,
    pub(super) name: Option<Arc<str>>,
    pub(super) role: Option<Arc<str>>,
    pub(super) metadata: Option<Bytes>,
    pub(super) events: u64,
    pub(super) errors: u64,
    /// The end of the call that ended last, by time: when, where, and what went wrong.
    pub(super) last_end: Option<(Timestamp, Seq, Option<Arc<str>>)>,
    pub(super) first_seq: Seq,
    pub(super) last_seq: Seq,
    pub(super) last_time: Timestamp,
    /// The record that took it off the list of nodes, until it registers again.
    pub(super) unregistered: Option<Seq>,
}

/// An edge.
#[derive(Debug, Clone, Default)]
pub(super) struct EdgeState {
    pub(super) count: u64,
    /// Calls that failed: with an error, late, or given up.
    pub(super) errors: u64,
    /// Calls answered without an error when the caller had given up.
    pub(super) late: u64,
    /// Open calls that were one too many: they count as unanswered.
    pub(super) given_up: u64,
    /// Requests that were never published.
    pub(super) blocked: u64,
    pub(super) latency: LatencySketch,
    /// The sum of what `latency` holds.
    pub(super) wait_nanos: u64,
    pub(super) last_seq: Seq,
    pub(super) last_time: Timestamp,
}

/// The longest error text kept as a reason.
pub(super) const MAX_REASON_CHARS: usize = 200;

impl NodeState {
    pub(super) fn new(id: &NodeId, seq: Seq) -> Self {
        let by_address = by_address(id);
        Self {
            evidence: by_address.is_some().then_some(Evidence {
                seq,
                rule: Rule::AddressSegment,
            }),
            kind: by_address.unwrap_or_default(),
            name: None,
            role: None,
            metadata: None,
            events: 0,
            errors: 0,
            last_end: None,
            first_seq: seq,
            last_seq: seq,
            last_time: Timestamp::default(),
            unregistered: None,
        }
    }

    /// A stronger rule replaces a weaker one; among equals the first stays.
    pub(super) fn prove(&mut self, kind: NodeType, rule: Rule, seq: Seq) {
        if self.evidence.is_none_or(|known| known.rule < rule) {
            (self.kind, self.evidence) = (kind, Some(Evidence { seq, rule }));
        }
    }

    pub(super) fn end_call(&mut self, time: Timestamp, seq: Seq, failure: Option<Arc<str>>) {
        if failure.is_some() {
            self.errors += 1;
        }
        if self
            .last_end
            .as_ref()
            .is_none_or(|(last, at, _)| (*last, *at) <= (time, seq))
        {
            self.last_end = Some((time, seq, failure));
        }
    }
}
