//! What a node is, and what proves it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;

use crate::event::{NodeId, members};
use crate::ids::Seq;

/// Prepared once: preparing costs more than searching a short text.
static ARGUMENTS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"arguments\""));

/// One of these is in every answer that says what its sender is.
static MARKS: LazyLock<[Finder<'static>; 3]> = LazyLock::new(|| {
    [
        Finder::new(b"\"routed_to\""),
        Finder::new(b"\"final_output\""),
        Finder::new(b"\"iterations\""),
    ]
});

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum NodeType {
    /// Thinks with a model and calls tools.
    Agent,
    /// Does one thing for others.
    Tool,
    /// Runs other nodes in a pattern.
    Crew,
    /// Chooses who handles a task.
    Router,
    /// A person or program outside.
    User,
    /// A type the node registered with that Studio has no name for.
    Other(Arc<str>),
    /// Nothing has proved anything.
    #[default]
    Unknown,
}

impl NodeType {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Agent => "AgentNode",
            Self::Tool => "ToolNode",
            Self::Crew => "CrewNode",
            Self::Router => "RouterNode",
            Self::User => "UserNode",
            Self::Other(name) => name,
            Self::Unknown => "Node",
        }
    }

    fn from_segment(segment: &str) -> Option<Self> {
        Some(match segment {
            "agent" => Self::Agent,
            "tool" => Self::Tool,
            "crew" => Self::Crew,
            "router" => Self::Router,
            "user" => Self::User,
            _ => return None,
        })
    }

    /// A registered type, in any of the usual spellings: `agent`, `AgentNode`, `Agent`.
    fn from_registered(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let stem = lower.strip_suffix("node").unwrap_or(&lower);
        Self::from_segment(stem.trim_end_matches(['_', '-']))
            .unwrap_or_else(|| Self::Other(name.into()))
    }
}

impl fmt::Display for NodeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a type was found, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// It was sent `data.arguments` and answered.
    AnswersArguments,
    /// It emitted an event whose type begins with `agent.`.
    EmitsAgentEvents,
    /// It answered with `response` and `iterations`.
    AnswersWithIterations,
    /// It answered with `final_output` and `trace`.
    AnswersWithTrace,
    /// It answered with `routed_to`.
    AnswersWithRoute,
    /// Its address says so.
    AddressSegment,
    /// It registered itself.
    Registered,
}

impl Rule {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AnswersArguments => "answers_arguments",
            Self::EmitsAgentEvents => "emits_agent_events",
            Self::AnswersWithIterations => "answers_with_iterations",
            Self::AnswersWithTrace => "answers_with_trace",
            Self::AnswersWithRoute => "answers_with_route",
            Self::AddressSegment => "address_segment",
            Self::Registered => "registered",
        }
    }
}

/// The record that proved a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// Where it stands.
    pub seq: Seq,
    /// What it proved it by.
    pub rule: Rule,
}

/// The type a node's address names: the first segment of at least two, after `/node`.
pub(super) fn by_address(id: &NodeId) -> Option<NodeType> {
    let path = id.as_str().strip_prefix('/')?;
    let path = path.strip_prefix("node/").unwrap_or(path);
    let (segment, rest) = path.split_once('/')?;
    NodeType::from_segment(segment).filter(|_| !rest.is_empty())
}

/// Whether a request's `data` hands arguments to the node it is for.
pub(super) fn has_arguments(data: &str) -> bool {
    if ARGUMENTS.find(data.as_bytes()).is_none() {
        return false;
    }
    let mut found = false;
    let _ = members(data, |name, value| {
        if name == "arguments" {
            found = value != "null";
        }
    });
    found
}

/// What a reply's `data` says of the node that sent it.
pub(super) fn by_answer(data: &str) -> Option<(NodeType, Rule)> {
    // Most replies say nothing of it: three searches cost less than reading them.
    if MARKS
        .iter()
        .all(|mark| mark.find(data.as_bytes()).is_none())
    {
        return None;
    }
    let mut result = "";
    let _ = members(data, |name, value| {
        if name == "result" {
            result = value;
        }
    });
    let mut named = BTreeSet::new();
    let _ = members(result, |name, value| {
        let marks = [
            "response",
            "iterations",
            "final_output",
            "trace",
            "routed_to",
        ];
        if let Some(mark) = marks.into_iter().find(|mark| *mark == name) {
            if value == "null" {
                named.remove(mark);
            } else {
                named.insert(mark);
            }
        }
    });
    let has = |marks: &[&str]| marks.iter().all(|mark| named.contains(mark));
    if has(&["routed_to"]) {
        Some((NodeType::Router, Rule::AnswersWithRoute))
    } else if has(&["final_output", "trace"]) {
        Some((NodeType::Crew, Rule::AnswersWithTrace))
    } else if has(&["response", "iterations"]) {
        Some((NodeType::Agent, Rule::AnswersWithIterations))
    } else {
        None
    }
}

/// The longest name, role or type that a node can register with; the rest is cut off.
const MAX_TEXT_CHARS: usize = 200;

/// What a `kernel.node.register` event says.
#[derive(Debug, Default)]
pub(super) struct Registration {
    pub(super) node: Option<NodeId>,
    pub(super) kind: Option<NodeType>,
    pub(super) name: Option<Arc<str>>,
    pub(super) role: Option<Arc<str>>,
}

impl Registration {
    pub(super) fn read(data: &str) -> Self {
        let Ok(serde_json::Value::Object(members)) = serde_json::from_str(data) else {
            return Self::default();
        };
        let text = |names: [&str; 3]| {
            let mut values = names
                .into_iter()
                .filter_map(|name| members.get(name)?.as_str());
            values.find(|text| !text.is_empty())
        };
        let short = |text: &str| text.chars().take(MAX_TEXT_CHARS).collect::<String>();
        Self {
            node: text(["node_id", "id", "source"]).map(NodeId::new),
            kind: text(["node_type", "type", "kind"])
                .map(|kind| NodeType::from_registered(&short(kind))),
            name: text(["name", "display_name", "title"]).map(|name| short(name).into()),
            role: text(["role", "role", "role"]).map(|role| short(role).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_types() {
        let kind = |address: &str| by_address(&NodeId::new(address));
        assert_eq!(kind("crew/master"), Some(NodeType::Crew));
        assert_eq!(kind("/node/tool/calc"), Some(NodeType::Tool));
        assert_eq!(kind("/user/sdk"), Some(NodeType::User));
        assert_eq!(kind("/agent/a"), Some(NodeType::Agent));
        assert_eq!(kind("/node/agent"), None);
        assert_eq!(kind("researcher"), None);
        assert_eq!(kind("https://agent/x"), None);
    }

    #[test]
    fn answers_name_types() {
        let kind = |result: &str| {
            by_answer(&format!(r#"{{"request_id":"r","result":{result}}}"#)).map(|(kind, _)| kind)
        };
        assert_eq!(
            kind(r#"{"response":"x","iterations":2}"#),
            Some(NodeType::Agent)
        );
        assert_eq!(
            kind(r#"{"final_output":"x","trace":[]}"#),
            Some(NodeType::Crew)
        );
        assert_eq!(
            kind(r#"{"result":{"response":"x","iterations":1},"routed_to":"a"}"#),
            Some(NodeType::Router)
        );
        assert_eq!(kind(r#"{"result":"42"}"#), None);
        assert_eq!(kind("null"), None);
        assert_eq!(kind(r#"["a","b","c","d","e"]"#), None);
    }

    #[test]
    fn registered_types_have_many_spellings() {
        for name in ["agent", "AgentNode", "Agent", "agent_node"] {
            assert_eq!(NodeType::from_registered(name), NodeType::Agent, "{name}");
        }
        assert_eq!(NodeType::from_registered("Planner").as_str(), "Planner");
    }
}
