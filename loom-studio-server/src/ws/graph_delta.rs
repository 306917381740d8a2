//! What changed between two graphs.

use std::sync::Arc;

use loom_studio_core::{Edge, Node, Topology};
use serde::Serialize;

use crate::dto::{EdgeDto, NodeDto};
use crate::protocol::TopologyDelta;

/// The graph a viewer has.
#[derive(Debug, Default)]
pub(super) struct Sent(Option<Arc<Topology>>);

impl Sent {
    /// The frame that brings the viewer to `graph`; `None` when it is there.
    pub(super) fn advance(&mut self, sub: u64, graph: Arc<Topology>) -> Option<TopologyDelta> {
        let none = Topology::default();
        let reset = self.0.is_none();
        let before = self.0.as_deref().unwrap_or(&none);
        let (nodes, removed_nodes) = changes(&before.nodes, &graph.nodes, |node: &Node| {
            node.id.as_str().to_owned()
        });
        let key = |edge: &Edge| (edge.from.as_str().to_owned(), edge.to.as_str().to_owned());
        let (edges, removed_edges) = changes(&before.edges, &graph.edges, key);
        let delta = TopologyDelta {
            sub,
            at_seq: graph.at.0,
            reset,
            nodes: nodes
                .into_iter()
                .map(|node| json(&NodeDto::from(node)))
                .collect(),
            edges: edges
                .into_iter()
                .map(|edge| json(&EdgeDto::from(edge)))
                .collect(),
            removed_nodes,
            removed_edges,
        };
        self.0 = Some(graph);
        let is_empty = delta.nodes.is_empty()
            && delta.edges.is_empty()
            && delta.removed_nodes.is_empty()
            && delta.removed_edges.is_empty();
        (reset || !is_empty).then_some(delta)
    }
}

fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// New or changed items, and the keys of vanished ones. Both lists are sorted by key.
fn changes<'a, T: PartialEq, K: Ord>(
    before: &'a [T],
    after: &'a [T],
    key: impl Fn(&T) -> K,
) -> (Vec<&'a T>, Vec<K>) {
    let (mut changed, mut removed) = (Vec::new(), Vec::new());
    let mut old = before.iter().peekable();
    for item in after {
        while let Some(vanished) = old.next_if(|old| key(old) < key(item)) {
            removed.push(key(vanished));
        }
        match old.next_if(|old| key(old) == key(item)) {
            Some(same) if same == item => {}
            _ => changed.push(item),
        }
    }
    removed.extend(old.map(key));
    (changed, removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_added_changed_and_removed() {
        let before = [(1, 'a'), (2, 'b'), (4, 'd'), (6, 'f')];
        let after = [(0, 'z'), (2, 'b'), (3, 'c'), (4, 'x')];
        let (changed, removed) = changes(&before, &after, |(key, _)| *key);
        assert_eq!(changed, [&(0, 'z'), &(3, 'c'), &(4, 'x')]);
        assert_eq!(removed, [1, 6]);
        assert_eq!(changes(&before, &before, |(key, _)| *key), (vec![], vec![]));
    }
}
