//! Wire forms of core's types. Core's types themselves are not serializable, so that the wire stays this crate's affair.

pub(crate) mod memory;
pub(crate) mod metrics;
pub(crate) mod runs;
pub(crate) mod state;

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use loom_studio_core::{
    Appended, Edge, Event, Link, Links, Node, Observation, Percentiles, Session, StoredEvent,
    Topology,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use self::runs::{candidates, is_complete};
use crate::protocol::{Ack, RejectedItem};
use crate::runs::Placed;

/// What became of posted events.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct AppendedDto {
    /// The first seq they got; null when nothing was added.
    first_seq: Option<u64>,
    /// The last seq they got.
    last_seq: Option<u64>,
    /// Events that were already stored.
    duplicates: u64,
    /// Events that break a rule.
    rejected: Vec<RejectedItem>,
}

impl From<Appended> for AppendedDto {
    fn from(appended: Appended) -> Self {
        let Ack {
            batch: _,
            first_seq,
            last_seq,
            duplicates,
            rejected,
        } = ack(None, appended);
        Self {
            first_seq,
            last_seq,
            duplicates,
            rejected,
        }
    }
}

pub(crate) fn ack(batch: Option<u64>, appended: Appended) -> Ack {
    Ack {
        batch,
        first_seq: appended.seqs.map(|(first, _)| first.0),
        last_seq: appended.seqs.map(|(_, last)| last.0),
        duplicates: appended.duplicates,
        rejected: appended
            .rejected
            .into_iter()
            .map(|item| RejectedItem {
                index: item.index,
                code: item.code.as_str().to_owned(),
                detail: item.detail,
            })
            .collect(),
    }
}

/// A page of events, for the API description; the answer itself is written from stored bytes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventsPage {
    /// CloudEvents as they were sent, with `studioseq`, `studioreceived` and, where known, `studiodispatched` and `studiopublished`.
    events: Vec<serde_json::Map<String, serde_json::Value>>,
    /// With `format=columns`, instead of `events`: `dict`, `n` and `cols` as in the `events` frame of docs/ws-protocol.md.
    columns: Option<serde_json::Map<String, serde_json::Value>>,
    /// How many events match in all.
    total: u64,
    /// `exact`, or `at_least` when a text scan or a search by a condition stopped at its limit.
    total_is: String,
    /// Where the next page begins.
    next_cursor: Option<String>,
    /// The store's epoch.
    epoch: String,
    /// The newest position taken into account.
    head_seq: u64,
    /// With `where`: how many events were looked at one by one; 0 when the indexes answered alone.
    scanned: Option<u64>,
}

/// One event with its surroundings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventDetail {
    /// The CloudEvent, with Studio's attributes.
    #[schema(value_type = Object)]
    event: Box<RawValue>,
    /// The node that sent it.
    source: String,
    /// The node it is for.
    target: Option<String>,
    /// The session it belongs to.
    session_id: String,
    /// When it happened.
    time: String,
    /// The run it is part of, by the position of its root; `null` when it is part of none.
    run_id: Option<u64>,
    /// Whether the list of runs could be asked: `yes`; `behind` when it has not come to this event yet; `failed` when the views stand still. Then nothing is known of the run, and `run_id`, `links.call`, `links.candidates` and `links.end` are empty.
    placed: &'static str,
    /// The position the list of runs was asked at.
    placed_at: Option<u64>,
    /// What it has to do with other events.
    links: LinksDto,
    /// What interceptors saw of it later.
    observations: Vec<ObservationDto>,
}

/// Links of one event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinksDto {
    /// What was being handled when it was sent.
    cause: Option<LinkDto>,
    /// The request it answers.
    request: Option<LinkDto>,
    /// The reply to it.
    response: Option<LinkDto>,
    /// What was sent while it was being handled.
    effects: Vec<LinkDto>,
    /// The request of the call it is in, inferred where nobody stated it: for a request the call it was made in, for a reply the one it answers, for anything else the one during which it was sent.
    call: Option<LinkDto>,
    /// The positions of the requests of the calls it may be in, where that can't be decided; at most 16.
    candidates: Vec<u64>,
    /// Whether it is in one of those for certain; otherwise there are more, or they are no longer known.
    has_all_candidates: bool,
    /// The events with the id of the cause among which it can't be decided.
    cause_candidates: Vec<u64>,
    /// The requests with the named id among which it can't be decided.
    request_candidates: Vec<u64>,
    /// Replies that may be to this request or to one with the same id.
    response_candidates: Vec<u64>,
    /// For a request the reply that ended its call.
    end: Option<LinkDto>,
}

/// The event at the other end of a link.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkDto {
    seq: u64,
    id: String,
    #[serde(rename = "type")]
    kind: String,
    source: String,
    target: Option<String>,
    /// `causation` or `request_id`; in `call` and `end` also `traceparent`, or `structure`, which is inferred.
    trust: &'static str,
}

/// An observation of an event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ObservationDto {
    seq: u64,
    /// `pre`, `post`, `blocked`, `timeout` or `raised`.
    phase: &'static str,
    at: String,
    /// Members that had changed by then.
    #[schema(value_type = Object)]
    changed: Box<RawValue>,
}

fn link(link: &Link) -> LinkDto {
    LinkDto {
        seq: link.event.seq().0,
        id: link.event.id().to_string(),
        kind: link.event.kind().to_string(),
        source: link.event.from().to_string(),
        target: link.event.to().map(ToString::to_string),
        trust: link.trust.as_str(),
    }
}

/// JSON text that is already valid; `null` should it ever not be.
fn raw(json: Vec<u8>) -> Box<RawValue> {
    String::from_utf8(json)
        .ok()
        .and_then(|json| RawValue::from_string(json).ok())
        .unwrap_or_else(|| RawValue::NULL.to_owned())
}

impl EventDetail {
    pub(crate) fn new(
        stored: &StoredEvent,
        links: &Links,
        placed: &Placed,
        observations: &[Arc<Observation>],
    ) -> Self {
        let event: &Event = &stored.event;
        let (placement, placed, placed_at) = match placed {
            Placed::As(placement, at) => (Some(placement), "yes", Some(at.0)),
            Placed::Behind => (None, "behind", None),
            Placed::Failed => (None, "failed", None),
        };
        let among = placement.and_then(|placement| placement.candidates.as_ref());
        Self {
            event: raw(event_json(stored)),
            source: event.from().to_string(),
            target: event.to().map(ToString::to_string),
            session_id: event.session().to_string(),
            time: event.time().to_string(),
            run_id: placement.and_then(|placement| Some(placement.run?.0.0)),
            placed,
            placed_at,
            links: LinksDto {
                cause: links.cause.as_ref().map(link),
                request: links.request.as_ref().map(link),
                response: links.response.as_ref().map(link),
                effects: links.effects.iter().map(link).collect(),
                call: placement.and_then(|placement| placement.call.as_ref().map(link)),
                candidates: candidates(among),
                has_all_candidates: is_complete(among),
                cause_candidates: candidates(links.cause_candidates.as_ref()),
                request_candidates: candidates(links.request_candidates.as_ref()),
                response_candidates: links.response_candidates.iter().map(|seq| seq.0).collect(),
                end: placement.and_then(|placement| placement.end.as_ref().map(link)),
            },
            observations: observations
                .iter()
                .map(|observation| ObservationDto {
                    seq: observation.seq.0,
                    phase: observation.phase.as_str(),
                    at: observation.at.to_string(),
                    changed: raw(observation.changed.to_vec()),
                })
                .collect(),
        }
    }
}

pub(crate) fn event_json(stored: &StoredEvent) -> Vec<u8> {
    let mut json = Vec::with_capacity(stored.event.raw().len() + 160);
    stored.event.write_json(stored.stamps, &mut json);
    json
}

/// A graph.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopologyDto {
    pub(crate) nodes: Vec<NodeDto>,
    pub(crate) edges: Vec<EdgeDto>,
    /// Events about a node or edge there was no room for (100,000 of each are kept).
    left_out: u64,
    /// The position it was folded to.
    at: u64,
    /// The store's epoch.
    epoch: String,
}

impl TopologyDto {
    pub(crate) fn new(graph: &Topology, epoch: loom_studio_core::Epoch) -> Self {
        Self {
            nodes: graph.nodes.iter().map(NodeDto::from).collect(),
            edges: graph.edges.iter().map(EdgeDto::from).collect(),
            left_out: graph.left_out,
            at: graph.at.0,
            epoch: epoch.to_string(),
        }
    }
}

/// A node of the graph.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeDto {
    id: String,
    /// `AgentNode`, `ToolNode`, `CrewNode`, `RouterNode`, `UserNode`, a registered name, or `Node`.
    #[serde(rename = "type")]
    kind: String,
    name: String,
    role: Option<String>,
    /// `idle`, `running` or `error`.
    status: &'static str,
    status_reason: Option<String>,
    /// What it registered with.
    metadata: serde_json::Map<String, serde_json::Value>,
    evidence: EvidenceDto,
    events: u64,
    open_calls: u64,
    errors: u64,
    first_seq: u64,
    last_seq: u64,
    last_time: String,
    /// The record by which it unregistered; `null` while it is registered or never was.
    unregistered: Option<u64>,
}

/// What proved a node's facts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvidenceDto {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<ProofDto>,
}

/// The record that proved a fact.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProofDto {
    seq: u64,
    rule: &'static str,
}

impl From<&Node> for NodeDto {
    fn from(node: &Node) -> Self {
        let metadata = node
            .metadata
            .as_deref()
            .and_then(|json| serde_json::from_slice(json).ok());
        Self {
            id: node.id.to_string(),
            kind: node.kind.to_string(),
            name: node.name.to_string(),
            role: node.role.as_deref().map(str::to_owned),
            status: node.status.as_str(),
            status_reason: node.status_reason.clone(),
            metadata: metadata.unwrap_or_default(),
            evidence: EvidenceDto {
                kind: node.evidence.map(|proof| ProofDto {
                    seq: proof.seq.0,
                    rule: proof.rule.as_str(),
                }),
            },
            events: node.events,
            open_calls: node.open_calls,
            errors: node.errors,
            first_seq: node.first_seq.0,
            last_seq: node.last_seq.0,
            last_time: node.last_time.to_string(),
            unregistered: node.unregistered.map(|seq| seq.0),
        }
    }
}

/// An edge of the graph.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EdgeDto {
    from: String,
    to: String,
    /// Events sent along it.
    count: u64,
    /// Calls not answered yet.
    open: u64,
    /// Calls that failed or were never answered.
    errors: u64,
    /// Requests that an interceptor blocked: nobody got them.
    blocked: u64,
    latency_ms: Option<LatencyDto>,
    /// What callers have waited for replies, in all, in milliseconds.
    wait_ms: f64,
    last_seq: u64,
    last_time: String,
}

/// Time from request to reply, in milliseconds. Relative error at most 1 %.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LatencyDto {
    p50: f64,
    p95: f64,
    p99: f64,
}

impl From<Percentiles> for LatencyDto {
    fn from(points: Percentiles) -> Self {
        Self {
            p50: millis(points.p50_nanos),
            p95: millis(points.p95_nanos),
            p99: millis(points.p99_nanos),
        }
    }
}

/// Milliseconds with three digits after the point: the sketch promises no more.
fn millis(nanos: f64) -> f64 {
    (nanos / 1e3).round() / 1e3
}

impl From<&Edge> for EdgeDto {
    fn from(edge: &Edge) -> Self {
        Self {
            from: edge.from.to_string(),
            to: edge.to.to_string(),
            count: edge.count,
            open: edge.open,
            errors: edge.errors,
            blocked: edge.blocked,
            latency_ms: edge.latency.map(LatencyDto::from),
            wait_ms: millis(edge.wait_nanos as f64),
            last_seq: edge.last_seq.0,
            last_time: edge.last_time.to_string(),
        }
    }
}

/// The sessions of a workspace.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionsDto {
    /// The one with the newest event first.
    pub(crate) sessions: Vec<SessionDto>,
    /// The position they are as of.
    pub(crate) at: u64,
    /// The store's epoch.
    pub(crate) epoch: String,
}

/// One run of one Loom process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionDto {
    id: String,
    workspace: String,
    first_seq: u64,
    last_seq: u64,
    first_time: String,
    last_time: String,
    events: u64,
    errors: u64,
    /// `connected` while an ingest connection of the session is open, else `disconnected`.
    status: &'static str,
    /// Whether it has a state tree: `GET /api/state?session_id=`.
    has_state: bool,
}

impl SessionDto {
    pub(crate) fn new(session: &Session, connected: bool, has_state: bool) -> Self {
        Self {
            first_seq: session.first_seq.0,
            last_seq: session.last_seq.0,
            first_time: session.first_time.to_string(),
            last_time: session.last_time.to_string(),
            events: session.events,
            errors: session.errors,
            status: if connected {
                "connected"
            } else {
                "disconnected"
            },
            has_state,
            id: session.id.to_string(),
            workspace: session.workspace.to_string(),
        }
    }
}

/// JSON text as an answer.
pub(crate) struct JsonText(pub(crate) Vec<u8>);

impl IntoResponse for JsonText {
    fn into_response(self) -> Response {
        (
            [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            Bytes::from(self.0),
        )
            .into_response()
    }
}
