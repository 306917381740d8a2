//! All paths of some conditions in one tree, so that one pass over an event finds the values of every one.

use std::collections::BTreeMap;

use super::path::Step;
use crate::event::{elements, members};

/// Names a path within a [`PathTable`].
pub(super) type PathId = u32;

/// Which JSON text a path begins in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// The event's object.
    Event,
    /// The value of its `data`.
    Data,
}

/// A tree of paths.
#[derive(Debug)]
pub(super) struct PathTable {
    nodes: Vec<Node>,
    /// Every path once, with where it begins.
    paths: Vec<(Root, Vec<Step>)>,
}

#[derive(Debug, Default)]
struct Node {
    /// The path that ends here.
    path: Option<PathId>,
    members: BTreeMap<String, usize>,
    elements: BTreeMap<u32, usize>,
    every_element: Option<usize>,
}

impl Node {
    fn is_leaf(&self) -> bool {
        self.members.is_empty() && self.elements.is_empty() && self.every_element.is_none()
    }
}

/// Values by path, sorted by path; `null` is no value.
pub(super) type Values<'a> = Vec<(PathId, &'a str)>;

impl PathTable {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node::default(), Node::default()],
            paths: Vec::new(),
        }
    }

    /// The id of a path, which is added if it is new.
    pub(super) fn add(&mut self, root: Root, steps: &[Step]) -> PathId {
        let mut at = root as usize;
        for step in steps {
            let new = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else {
                break;
            };
            at = match step {
                Step::Member(name) => *node.members.entry(name.clone()).or_insert(new),
                Step::Index(index) => *node.elements.entry(*index).or_insert(new),
                Step::Any => *node.every_element.get_or_insert(new),
            };
            if at == new {
                self.nodes.push(Node::default());
            }
        }
        let new = self.paths.len() as PathId;
        let id = self
            .nodes
            .get_mut(at)
            .map_or(new, |node| *node.path.get_or_insert(new));
        if id == new {
            self.paths.push((root, steps.to_vec()));
        }
        id
    }

    /// Adds every path of `other`; the ids they have here, by their ids there.
    pub(super) fn add_all(&mut self, other: &Self) -> Vec<PathId> {
        let paths = other.paths.iter();
        paths.map(|(root, steps)| self.add(*root, steps)).collect()
    }

    /// The values in `json` of every path that begins in `root`.
    ///
    /// Takes time linear in the text, times the steps of the longest path. Of members with the same name the last counts.
    pub(super) fn find<'a>(&self, root: Root, json: &'a str) -> Values<'a> {
        let mut found = Vec::new();
        if let Some(node) = self.nodes.get(root as usize) {
            self.visit(&[node], json, &mut found);
        }
        found.sort_by_key(|(path, _)| *path);
        found
    }

    fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// `active` are the places in the tree that lead to this value. Recursion ends with the longest path.
    fn visit<'a>(&self, active: &[&Node], value: &'a str, found: &mut Values<'a>) {
        if value == "null" {
            return;
        }
        found.extend(active.iter().filter_map(|node| Some((node.path?, value))));
        if active.iter().all(|node| node.is_leaf()) {
            return;
        }
        match value.trim_ascii_start().as_bytes().first() {
            Some(b'{') => {
                let mut last: BTreeMap<&str, &'a str> = BTreeMap::new();
                let whole = members(value, |name, value| {
                    let wanted = active
                        .iter()
                        .find_map(|node| node.members.get_key_value(name));
                    if let Some((name, _)) = wanted {
                        last.insert(name, value);
                    }
                });
                if whole.is_none() {
                    return;
                }
                for (name, value) in last {
                    let indexes = active.iter().filter_map(|node| node.members.get(name));
                    let next: Vec<&Node> = indexes.filter_map(|index| self.node(*index)).collect();
                    self.visit(&next, value, found);
                }
            }
            Some(b'[') => {
                let is_wanted =
                    |node: &&Node| !node.elements.is_empty() || node.every_element.is_some();
                if !active.iter().any(is_wanted) {
                    return;
                }
                let mut index = 0_u32;
                let mut next = Vec::new();
                // Stored text is JSON, so the pass doesn't end early.
                let _ = elements(value, |element| {
                    next.clear();
                    for node in active {
                        let here = node.elements.get(&index).copied();
                        next.extend(here.and_then(|at| self.node(at)));
                        next.extend(node.every_element.and_then(|at| self.node(at)));
                    }
                    index = index.saturating_add(1);
                    if !next.is_empty() {
                        self.visit(&next, element, found);
                    }
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_finds_every_path() {
        let mut table = PathTable::new();
        let member = |name: &str| Step::Member(name.to_owned());
        let paths = [
            vec![],
            vec![member("a")],
            vec![member("a"), member("b")],
            vec![member("l"), Step::Any],
            vec![member("l"), Step::Index(1), member("x")],
            vec![member("l"), Step::Any, member("x")],
            vec![member("none")],
        ];
        let ids: Vec<PathId> = paths
            .iter()
            .map(|path| table.add(Root::Data, path))
            .collect();
        assert_eq!(table.add(Root::Data, &paths[2]), ids[2]);
        let json = r#"{"a":{"b":1},"a":{"\u0062":2,"c":3},"l":[null,{"x":4},{"x":5}],"none":null}"#;
        let found = table.find(Root::Data, json);
        let of = |index: usize| -> Vec<&str> {
            let values = found.iter().filter(|(id, _)| *id == ids[index]);
            values.map(|(_, value)| *value).collect()
        };
        assert_eq!(of(0), [json]);
        assert_eq!(of(1), [r#"{"\u0062":2,"c":3}"#]);
        assert_eq!(of(2), ["2"]);
        assert_eq!(of(3), [r#"{"x":4}"#, r#"{"x":5}"#]);
        assert_eq!(of(4), ["4"]);
        assert_eq!(of(5), ["4", "5"]);
        assert_eq!(of(6), Vec::<&str>::new());
        assert_eq!(table.find(Root::Event, json), []);
    }
}
