//! What two versions of a graph don't share, in bytes.

use std::mem::size_of;
use std::sync::Arc;

use imbl::OrdMap;

use super::calls::{Calls, OpenCall};
use super::state::{EdgeState, NodeState};
use super::{CausalTopology, Topologies};
use crate::event::NodeId;
use crate::ids::Seq;
use crate::projection::{Persistent, Untracked, map_bytes};

/// The bytes of the entries of `map` that `earlier`, of the same fold, lacks or has otherwise, with what their change copied of the map. Entries are never taken out.
fn unshared_entries<K: Ord + Clone, V>(
    map: &OrdMap<K, Arc<V>>,
    earlier: &OrdMap<K, Arc<V>>,
    bytes: impl Fn(&V) -> usize,
) -> u64 {
    if map.ptr_eq(earlier) {
        return 0;
    }
    let mut old = earlier.iter().peekable();
    let (mut changed, mut all) = (0, 0);
    for (key, value) in map {
        let known = old.next_if(|(known, _)| *known == key);
        if known.is_none_or(|(_, known)| !Arc::ptr_eq(known, value)) {
            changed += 1;
            all += (bytes(value) + 2 * size_of::<usize>()) as u64;
        }
    }
    all + map_bytes(map.len(), changed, size_of::<(K, Arc<V>)>())
}

fn node_bytes(node: &NodeState) -> usize {
    let reason = node.last_end.as_ref().and_then(|(_, _, why)| why.as_ref());
    size_of::<NodeState>() + reason.map_or(0, |reason| reason.len())
}

fn edge_bytes(edge: &EdgeState) -> usize {
    size_of::<EdgeState>() + 2 * size_of::<(i32, u64)>() * edge.latency.buckets().len()
}

/// What began to wait since a position. Both maps of what waits are copied along.
fn call_bytes(calls: &Calls, since: Seq) -> u64 {
    let fresh = calls.open.since(since) + calls.early.since(since);
    let entry = 2 * size_of::<(Arc<str>, NodeId, Seq, OpenCall)>();
    (fresh * entry) as u64 + map_bytes(calls.open.len() + calls.early.len(), fresh, entry)
}

impl CausalTopology {
    fn unshared_bytes(&self, earlier: &Self) -> u64 {
        unshared_entries(&self.nodes, &earlier.nodes, node_bytes)
            + unshared_entries(&self.edges, &earlier.edges, edge_bytes)
            + call_bytes(&self.calls, earlier.through)
    }
}

impl Persistent for Topologies {
    type Track = Untracked;

    fn unshared_bytes(&self, earlier: &Self) -> u64 {
        let empty = CausalTopology::default();
        let inferers = self.by_workspace.iter();
        inferers
            .map(|(workspace, inferer)| {
                let before = earlier.by_workspace.get(workspace);
                inferer.unshared_bytes(before.unwrap_or(&empty))
            })
            .sum()
    }
}
