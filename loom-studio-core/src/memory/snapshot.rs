//! The questions a reconstructor answers.

use std::ops::Deref;
use std::sync::Arc;

use super::diff::{memory_changes, state_changes};
use super::document::{Document, Faults};
use super::entries::{Entry, NodeMemory, Step, What};
use super::fold::RecordedMemory;
use super::pointer::{push_token, tokens};
use super::postings::Past;
use super::tier::{MemoryTier, canonical};
use super::tree::{Origin, Tree};
use super::{
    BlameLevel, Faulty, MemoryChange, MemoryEntry, MemoryOwner, MemoryReconstructor,
    MemorySnapshot, MemoryStep, MemoryStepKind, StateBlame, StateChange, StateOf, StateValue,
};
use crate::event::NodeId;
use crate::ids::Seq;
use crate::projection::Projection;

impl RecordedMemory {
    fn node(&self, node: &NodeId, session: Option<&str>) -> Option<(Arc<str>, Arc<NodeMemory>)> {
        if let Some(past) = &self.past {
            let session = session.map(Arc::from).or_else(|| past.latest_of(node))?;
            let memory = past.memory(node, &session)?;
            return Some((session, memory));
        }
        let sessions = self.nodes.get(node)?;
        let session = session.unwrap_or(&sessions.latest);
        let (session, memory) = sessions.by_session.get_key_value(session)?;
        Some((Arc::clone(session), Arc::clone(memory)))
    }

    fn tree(&self, session: Option<&str>) -> Option<(Arc<str>, Arc<Document>)> {
        if let Some(past) = &self.past {
            let session = session.map(Arc::from).or_else(|| past.latest_state())?;
            let document = past.state(&session)?;
            return Some((session, document));
        }
        let session = session.or(self.latest_state.as_deref())?;
        let (session, document) = self.states.get_key_value(session)?;
        Some((Arc::clone(session), Arc::clone(document)))
    }

    fn document(&self, of: StateOf<'_>) -> Option<Held> {
        match of {
            StateOf::Session(session) => Some(Held::Tree(self.tree(session)?.1)),
            StateOf::Node(node, session) => Some(Held::OfNode(self.node(node, session)?.1)),
        }
    }

    pub(super) fn recorded_owners(&self) -> Vec<MemoryOwner> {
        self.nodes
            .iter()
            .flat_map(|(node, sessions)| {
                sessions
                    .by_session
                    .iter()
                    .map(|(session, memory)| MemoryOwner {
                        node: node.clone(),
                        session: Arc::clone(session),
                        entries: memory.entries.len(),
                        reports_entries: memory.reports_entries,
                        last: memory.last.as_ref().map_or(Seq::ZERO, |last| last.seq),
                    })
            })
            .collect()
    }
}

/// A document, with what it is part of.
enum Held {
    Tree(Arc<Document>),
    OfNode(Arc<NodeMemory>),
}

impl Deref for Held {
    type Target = Document;

    fn deref(&self) -> &Document {
        match self {
            Self::Tree(document) => document,
            Self::OfNode(memory) => &memory.project_state,
        }
    }
}

impl MemoryReconstructor for RecordedMemory {
    fn owners(&self) -> Vec<MemoryOwner> {
        let past = self.past.as_ref();
        past.map_or_else(|| self.recorded_owners(), Past::owners)
    }

    fn memory(&self, node: &NodeId, session: Option<&str>) -> Option<MemorySnapshot> {
        let (session, memory) = self.node(node, session)?;
        let mut entries: Vec<MemoryEntry> = memory
            .entries
            .iter()
            .map(|(id, entry)| entry_of(id, entry))
            .collect();
        entries.sort_by(|one, other| {
            let place = |entry: &MemoryEntry| (entry.tier.clone(), entry.rank);
            let (tier, rank) = place(one);
            let (other_tier, other_rank) = place(other);
            tier.cmp(&other_tier)
                .then_with(|| canonical(&one.reported_tier).cmp(&canonical(&other.reported_tier)))
                .then(rank.cmp(&other_rank))
                .then_with(|| one.id.cmp(&other.id))
        });
        Some(MemorySnapshot {
            node: node.clone(),
            session,
            entries,
            reports_entries: memory.reports_entries,
            history: memory.steps.iter().map(step_of).collect(),
            history_dropped: memory.steps_dropped,
            project_state: memory.project_state.tree.as_ref().map(value_of),
            faults: faulty(&[&memory.faults, &memory.project_state.faults]),
        })
    }

    fn blame(&self, node: &NodeId, session: Option<&str>, entry: &str) -> Vec<MemoryStep> {
        let Some((_, memory)) = self.node(node, session) else {
            return Vec::new();
        };
        let mut steps: Vec<MemoryStep> = memory
            .steps
            .iter()
            .filter(|step| step.what.names(entry))
            .map(step_of)
            .collect();
        if let Some((id, known)) = memory.entries.get_key_value(entry) {
            steps.push(MemoryStep {
                origin: Origin::clone(&known.written),
                kind: MemoryStepKind::Written { id: Arc::clone(id) },
            });
            steps.sort_by_key(|step| step.origin.seq);
        }
        steps
    }

    fn state_session(&self, document: StateOf<'_>) -> Option<Arc<str>> {
        match document {
            StateOf::Session(session) => Some(self.tree(session)?.0),
            StateOf::Node(node, session) => {
                let (session, memory) = self.node(node, session)?;
                memory.project_state.is_reported().then_some(session)
            }
        }
    }

    fn state(&self, document: StateOf<'_>, pointer: &str) -> Option<StateValue> {
        self.document(document)?.value(pointer).map(value_of)
    }

    fn state_blame(&self, document: StateOf<'_>, pointer: &str) -> Option<StateBlame> {
        let document = self.document(document)?;
        let mut tree = document.tree.as_ref()?;
        let mut place = String::new();
        let mut levels = vec![level_of(&place, tree)];
        for token in tokens(pointer)? {
            tree = tree.child(&token)?;
            push_token(&mut place, &token);
            levels.push(level_of(&place, tree));
        }
        Some(StateBlame {
            levels,
            touched: document.touches_of(pointer),
            touches_dropped: document.touches_dropped,
        })
    }

    fn state_faults(&self, document: StateOf<'_>) -> Faulty {
        self.document(document)
            .map(|document| faulty(&[&document.faults]))
            .unwrap_or_default()
    }

    fn diff(&self, later: &Self, node: &NodeId, session: Option<&str>) -> Vec<MemoryChange> {
        let Some((session, new)) = later.node(node, session) else {
            return Vec::new();
        };
        let old = self.node(node, Some(&session)).map(|(_, memory)| memory);
        memory_changes(old.as_deref(), &new, self.through())
    }

    fn state_diff(&self, later: &Self, document: StateOf<'_>) -> Vec<StateChange> {
        let (Some(session), Some(new)) = (later.state_session(document), later.document(document))
        else {
            return Vec::new();
        };
        let old = match document {
            StateOf::Session(_) => self.document(StateOf::Session(Some(&session))),
            StateOf::Node(node, _) => self.document(StateOf::Node(node, Some(&session))),
        };
        state_changes(old.as_deref(), &new, self.through())
    }

    fn fresh(&self) -> Box<dyn MemoryReconstructor> {
        Box::<Self>::default()
    }
}

pub(super) fn entry_of(id: &Arc<str>, entry: &Entry) -> MemoryEntry {
    MemoryEntry {
        id: Arc::clone(id),
        tier: MemoryTier::of(&entry.tier),
        reported_tier: Arc::clone(&entry.tier),
        rank: entry.rank,
        role: entry.role.clone(),
        importance: entry.importance,
        time: entry.time,
        written: Origin::clone(&entry.written),
        changed: Origin::clone(&entry.changed),
        sources: entry
            .sources
            .iter()
            .flat_map(|sources| sources.iter().cloned())
            .collect(),
    }
}

fn step_of(step: &Step) -> MemoryStep {
    let kind = match &step.what {
        What::Promoted { id, from, to } => MemoryStepKind::Promoted {
            id: Arc::clone(id),
            from: Arc::clone(from),
            to: Arc::clone(to),
        },
        What::Consolidated { into, sources, .. } => MemoryStepKind::Consolidated {
            into: into.clone(),
            sources: sources.to_vec(),
        },
        What::Evicted { ids, reason } => MemoryStepKind::Evicted {
            ids: ids.to_vec(),
            reason: reason.clone(),
        },
        What::Cleared { tier, ids } => MemoryStepKind::Cleared {
            tier: tier.clone(),
            ids: ids.to_vec(),
        },
        What::Rewritten { id, was } => MemoryStepKind::Rewritten {
            id: Arc::clone(id),
            was: was.seq,
        },
    };
    MemoryStep {
        origin: Origin::clone(&step.stamp),
        kind,
    }
}

fn value_of(tree: &Tree) -> StateValue {
    StateValue {
        json: tree.json(),
        written: Origin::clone(tree.written()),
        changed: Origin::clone(tree.changed()),
    }
}

fn level_of(pointer: &str, tree: &Tree) -> BlameLevel {
    BlameLevel {
        pointer: pointer.to_owned(),
        written: Origin::clone(tree.written()),
        changed: Origin::clone(tree.changed()),
    }
}

fn faulty(all: &[&Faults]) -> Faulty {
    let mut found = Faulty::default();
    for faults in all {
        found.faults.extend(faults.all());
        found.dropped += faults.dropped;
    }
    found
        .faults
        .sort_by_key(|fault| (fault.origin.seq, fault.index));
    found
}
