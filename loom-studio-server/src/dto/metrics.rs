//! Figures on the wire.

use std::collections::BTreeMap;

use loom_studio_core::{
    Bottlenecks, CallFigures, Epoch, MetricsView, NodeId, NodeType, Throughput, Tokens,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::LatencyDto;

/// The figures of a workspace or a part of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetricsDto {
    tokens: TokenMetricsDto,
    response_times: ResponseTimesDto,
    /// `null` in the figures of one node.
    throughput: Option<ThroughputDto>,
    error_rate: ErrorRatesDto,
    bottlenecks: BottlenecksDto,
    /// Events about nodes, edges or models there was no room for: figures lack them.
    left_out: u64,
    /// Whether all matching records up to `at` were read; a session or run that is too large is measured in part.
    is_complete: bool,
    /// The position they are as of.
    at: u64,
    /// The store's epoch.
    epoch: String,
}

/// Tokens, each counted once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenMetricsDto {
    /// By the node that reported them.
    by_node: Vec<NodeTokensDto>,
    by_model: Vec<ModelTokensDto>,
    /// `null` when nothing was reported.
    total: Option<TokenFiguresDto>,
}

/// Tokens; `null` is "not reported".
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenFiguresDto {
    input: Option<u64>,
    output: Option<u64>,
    /// Both, as reported, or their sum.
    total: Option<u64>,
    /// The part of the input that came from a cache.
    cached: Option<u64>,
    /// The part of the output that was thought and not said.
    reasoning: Option<u64>,
}

/// Tokens of a node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeTokensDto {
    node: String,
    #[serde(flatten)]
    tokens: TokenFiguresDto,
}

/// Tokens of a model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelTokensDto {
    /// `null` is what named no model.
    model: Option<String>,
    #[serde(flatten)]
    tokens: TokenFiguresDto,
}

/// From request to reply.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
pub(crate) struct ResponseTimesDto {
    /// By the node that was called.
    by_node: Vec<NodeTimesDto>,
    /// By what the called node is.
    by_type: Vec<TypeTimesDto>,
    /// How long models took, as they report it.
    by_model: Vec<ModelTimesDto>,
}

/// Response times of a node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeTimesDto {
    node: String,
    /// Calls that were answered.
    count: u64,
    latency_ms: Option<LatencyDto>,
}

/// Response times of nodes of one type.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TypeTimesDto {
    #[serde(rename = "type")]
    kind: String,
    /// Calls that were answered.
    count: u64,
    latency_ms: Option<LatencyDto>,
}

/// Response times of a model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelTimesDto {
    /// `null` is what named no model.
    model: Option<String>,
    /// `llm.response` events.
    count: u64,
    /// Of those that say how long they took.
    latency_ms: Option<LatencyDto>,
}

/// Events over event time. Buckets without events are left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ThroughputDto {
    /// The width of each bucket: a millisecond times a power of two.
    bucket_nanos: i64,
    /// When the first bucket begins; `null` without events.
    start: Option<String>,
    /// For each bucket how many widths after `start` it begins.
    offsets: Vec<u64>,
    /// For each bucket its events.
    counts: Vec<u64>,
    /// For each bucket the events that report an error.
    errors: Vec<u64>,
}

/// How calls ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorRatesDto {
    overall: CallCountsDto,
    /// By the node that was called.
    by_node: Vec<NodeCallsDto>,
}

/// Calls by how they ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallCountsDto {
    answered: u64,
    /// Of the answered: with an error.
    failed: u64,
    /// Of the answered: without an error, when the caller had given up.
    late: u64,
    /// Not answered when the caller had given up.
    unanswered: u64,
    /// Not answered yet.
    open: u64,
    /// Stopped by an interceptor.
    blocked: u64,
    /// Failed, late and unanswered calls as a share of answered and unanswered ones; `null` before the first is over.
    rate: Option<f64>,
}

/// Calls to a node by how they ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeCallsDto {
    node: String,
    #[serde(flatten)]
    calls: CallCountsDto,
}

/// Where the time of runs went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BottlenecksDto {
    /// The most time first.
    nodes: Vec<BottleneckDto>,
    /// The length of all critical paths.
    critical_nanos: i64,
    /// The runs that were looked at: the newest finished ones.
    runs: u64,
    /// Finished runs that were not.
    runs_left_out: u64,
}

/// A node on critical paths.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BottleneckDto {
    node: String,
    /// What it is; `null` when nothing is known of it.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Time on critical paths spent in calls to it.
    critical_nanos: i64,
    /// The part of it in which a caller waited although the call had ended in an error it never heard.
    in_vain_nanos: i64,
    /// Of all critical paths, 0 to 1.
    share: f64,
    /// Calls to it on critical paths.
    calls: u64,
    /// Runs on whose critical path it is.
    runs: u64,
}

impl From<&Tokens> for TokenFiguresDto {
    fn from(tokens: &Tokens) -> Self {
        Self {
            input: tokens.input,
            output: tokens.output,
            total: tokens.total,
            cached: tokens.cached,
            reasoning: tokens.reasoning,
        }
    }
}

impl From<&CallFigures> for CallCountsDto {
    fn from(calls: &CallFigures) -> Self {
        Self {
            answered: calls.answered(),
            failed: calls.failed,
            late: calls.late,
            unanswered: calls.unanswered,
            open: calls.open,
            blocked: calls.blocked,
            rate: calls.error_rate(),
        }
    }
}

impl From<&Throughput> for ThroughputDto {
    fn from(throughput: &Throughput) -> Self {
        let buckets = throughput.buckets();
        let first = buckets.first();
        Self {
            bucket_nanos: throughput.bucket_nanos(),
            start: first.map(|first| throughput.start_of(first).to_string()),
            offsets: buckets
                .iter()
                .map(|bucket| bucket.index.abs_diff(first.map_or(0, |first| first.index)))
                .collect(),
            counts: buckets.iter().map(|bucket| bucket.events).collect(),
            errors: buckets.iter().map(|bucket| bucket.errors).collect(),
        }
    }
}

impl BottlenecksDto {
    fn new(found: &Bottlenecks, kinds: &BTreeMap<NodeId, NodeType>, node: Option<&NodeId>) -> Self {
        let nodes = found
            .nodes
            .iter()
            .filter(|of| node.is_none_or(|node| *node == of.node));
        Self {
            nodes: nodes
                .map(|of| BottleneckDto {
                    node: of.node.to_string(),
                    kind: kinds.get(&of.node).map(ToString::to_string),
                    critical_nanos: of.critical_nanos,
                    in_vain_nanos: of.in_vain_nanos,
                    share: of.share,
                    calls: of.calls,
                    runs: of.runs,
                })
                .collect(),
            critical_nanos: found.critical_nanos,
            runs: found.runs,
            runs_left_out: found.runs_left_out,
        }
    }
}

impl MetricsDto {
    /// Figures up to a position, of one node alone where it is named.
    pub(crate) fn new(
        view: &MetricsView,
        bottlenecks: &Bottlenecks,
        node: Option<&NodeId>,
        at: u64,
        is_complete: bool,
        epoch: Epoch,
    ) -> Self {
        let model = |name: &Option<std::sync::Arc<str>>| name.as_deref().map(str::to_owned);
        let calls = view.calls_by_node.iter();
        let times = calls.clone().filter(|(_, calls)| calls.answered() > 0);
        let types = view.calls_by_type.iter();
        let models = view.by_model.iter();
        Self {
            tokens: TokenMetricsDto {
                by_node: view
                    .tokens_by_node
                    .iter()
                    .map(|(node, tokens)| NodeTokensDto {
                        node: node.to_string(),
                        tokens: tokens.into(),
                    })
                    .collect(),
                by_model: models
                    .clone()
                    .filter_map(|(name, figures)| {
                        Some(ModelTokensDto {
                            model: model(name),
                            tokens: figures.tokens.as_ref()?.into(),
                        })
                    })
                    .collect(),
                total: view.tokens.as_ref().map(TokenFiguresDto::from),
            },
            response_times: ResponseTimesDto {
                by_node: times
                    .map(|(node, calls)| NodeTimesDto {
                        node: node.to_string(),
                        count: calls.answered(),
                        latency_ms: calls.times.percentiles().map(LatencyDto::from),
                    })
                    .collect(),
                by_type: types
                    .filter(|(_, calls)| calls.answered() > 0)
                    .map(|(kind, calls)| TypeTimesDto {
                        kind: kind.to_string(),
                        count: calls.answered(),
                        latency_ms: calls.times.percentiles().map(LatencyDto::from),
                    })
                    .collect(),
                by_model: models
                    .filter(|(_, figures)| figures.answers > 0)
                    .map(|(name, figures)| ModelTimesDto {
                        model: model(name),
                        count: figures.answers,
                        latency_ms: figures.latency.percentiles().map(LatencyDto::from),
                    })
                    .collect(),
            },
            throughput: view.throughput.as_ref().map(ThroughputDto::from),
            error_rate: ErrorRatesDto {
                overall: (&view.calls).into(),
                by_node: calls
                    .map(|(node, calls)| NodeCallsDto {
                        node: node.to_string(),
                        calls: calls.into(),
                    })
                    .collect(),
            },
            bottlenecks: BottlenecksDto::new(bottlenecks, &view.kinds, node),
            left_out: view.left_out,
            is_complete,
            at,
            epoch: epoch.to_string(),
        }
    }
}
