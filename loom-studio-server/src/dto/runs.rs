//! Wire forms of runs. The command line reads them too, from a server's answer or made in place.

use std::borrow::Cow;
use std::sync::Arc;

use loom_studio_core::{
    Ambiguities, Attached, Call, Candidates, Epoch, Explanation, Parent, PathStep, Possible,
    Pursuit, Run, RunBounds, RunTree, Seq, Timestamp, Tokens,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::runs::Built;

/// A page of runs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunsPage {
    pub(crate) runs: Vec<RunDto>,
    /// How many match in all.
    pub(crate) total: u64,
    /// How many of them may be part of others.
    pub(crate) ambiguous: u64,
    /// Where the next page begins.
    pub(crate) next_cursor: Option<String>,
    pub(crate) bounds: BoundsDto,
    /// The position they are as of.
    pub(crate) at: u64,
    /// The store's epoch.
    pub(crate) epoch: String,
}

/// What the list of runs, over all workspaces, has had to let go of.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct BoundsDto {
    /// Runs, the oldest first.
    forgotten_runs: u64,
    /// Calls that a late event can no longer join.
    forgotten_calls: u64,
    /// Calls without a reply that are no longer taken for possible callers.
    forgotten_open_calls: u64,
    /// References to events that never came.
    forgotten_references: u64,
    /// Events that came when later ones of their session were placed already.
    late_events: u64,
    /// Ambiguous events whose candidates are no longer known.
    forgotten_ambiguous: u64,
    /// Events that belong to no run.
    outside: u64,
}

impl From<RunBounds> for BoundsDto {
    fn from(bounds: RunBounds) -> Self {
        Self {
            forgotten_runs: bounds.forgotten_runs,
            forgotten_calls: bounds.forgotten_calls,
            forgotten_open_calls: bounds.forgotten_open_calls,
            forgotten_references: bounds.forgotten_references,
            late_events: bounds.late_events,
            forgotten_ambiguous: bounds.forgotten_ambiguous,
            outside: bounds.outside,
        }
    }
}

/// A run in short.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunDto {
    /// The position of the root request.
    pub(crate) id: u64,
    pub(crate) root: RootDto,
    /// The session of the root.
    pub(crate) session_id: String,
    /// `running`, `ok`, `failed` or `unanswered`.
    pub(crate) status: String,
    /// The time of the root request.
    pub(crate) start: String,
    /// From the root's request to its reply; to the present, or at most 30 s, where there is none.
    pub(crate) duration_ms: f64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) first_time: String,
    pub(crate) last_time: String,
    pub(crate) events: u64,
    pub(crate) calls: u64,
    /// Calls not answered yet whose callers still wait.
    pub(crate) open_calls: u64,
    /// Calls without a known parent, the root included.
    pub(crate) roots: u64,
    /// Events that report an error.
    pub(crate) errors: u64,
    /// `null` when nothing was reported.
    pub(crate) tokens: Option<TokensDto>,
}

/// The root request of a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RootDto {
    pub(crate) seq: u64,
    /// The event's id; `null` when retention deleted it.
    pub(crate) id: Option<String>,
    /// The event's type; `null` when retention deleted it.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// Who made the call.
    pub(crate) from: String,
    /// The node that was called.
    pub(crate) node: String,
    /// It may have been called by somebody known: the run may be part of another.
    pub(crate) is_ambiguous: bool,
    /// The requests of the calls it may have been made in, at most 16.
    pub(crate) candidates: Vec<u64>,
    /// Whether it was made in one of those for certain; otherwise there are more, or they are no longer known.
    pub(crate) has_all_candidates: bool,
}

/// Tokens; `null` is "not reported".
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TokensDto {
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    /// Both, as reported, or their sum.
    pub(crate) total: Option<u64>,
    /// The part of the input that came from a cache.
    pub(crate) cached: Option<u64>,
    /// The part of the output that was thought and not said.
    pub(crate) reasoning: Option<u64>,
}

impl From<Tokens> for TokensDto {
    fn from(tokens: Tokens) -> Self {
        Self {
            input: tokens.input,
            output: tokens.output,
            total: tokens.total,
            cached: tokens.cached,
            reasoning: tokens.reasoning,
        }
    }
}

fn millis(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}

impl RunDto {
    /// `root` is the id and type of the root request, where it is still stored.
    pub(crate) fn new(run: &Run, root: Option<(String, String)>) -> Self {
        let (id, kind) = root.unzip();
        Self {
            id: run.id.0.0,
            root: RootDto {
                seq: run.id.0.0,
                id,
                kind,
                from: run.from.to_string(),
                node: run.to.to_string(),
                is_ambiguous: run.ambiguity.is_some(),
                candidates: candidates(run.ambiguity.as_ref()),
                has_all_candidates: is_complete(run.ambiguity.as_ref()),
            },
            session_id: run.session.to_string(),
            status: run.status.as_str().to_owned(),
            start: run.start.to_string(),
            duration_ms: millis(run.duration_nanos),
            first_seq: run.first_seq.0,
            last_seq: run.last_seq.0,
            first_time: run.first_time.to_string(),
            last_time: run.last_time.to_string(),
            events: run.events,
            calls: run.calls,
            open_calls: run.open_calls,
            roots: run.roots,
            errors: run.errors,
            tokens: run.tokens.map(TokensDto::from),
        }
    }
}

/// A run with its calls.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunDetail {
    pub(crate) run: RunDto,
    /// The calls by time. Other members name them by their index here.
    pub(crate) calls: Vec<CallDto>,
    /// How many calls the tree has, shown or not.
    #[serde(default)]
    pub(crate) calls_in_all: usize,
    /// The calls without a known parent, or the one that was asked for; the first is the root of the run.
    pub(crate) roots: Vec<usize>,
    /// Events of the run whose call isn't known.
    pub(crate) unplaced: Vec<UnplacedDto>,
    /// Events of other runs, or of none, that may belong to calls of this one. No figure here counts them. At most 1000.
    pub(crate) possible: Vec<PossibleDto>,
    /// How many more of those there are.
    pub(crate) more_possible: u64,
    /// The stretches that the root's duration consists of, in time order.
    pub(crate) critical_path: Vec<StepDto>,
    /// What went wrong first; `null` when no call failed.
    pub(crate) failure: Option<FailureDto>,
    /// Records of the run that retention deleted: the tree is of the rest.
    pub(crate) deleted_records: u64,
    /// Records of the run behind those that the tree is of: more than are read at once. The tree is as of the last that was read.
    #[serde(default)]
    pub(crate) unread_records: u64,
    /// The position it is as of.
    pub(crate) at: u64,
    /// The store's epoch.
    pub(crate) epoch: String,
}

/// One call.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "members of an answer, not states"
)]
pub(crate) struct CallDto {
    /// The position of the request.
    pub(crate) request: u64,
    #[schema(value_type = String)]
    pub(crate) from: Arc<str>,
    #[schema(value_type = String)]
    pub(crate) to: Arc<str>,
    #[schema(value_type = String)]
    pub(crate) start: Moment,
    /// The reply that ended it; `null` when none is known.
    pub(crate) end: Option<EndDto>,
    /// Replies after that one.
    pub(crate) more_replies: Vec<AttachedDto>,
    /// `running`, `ok`, `error`, `error_result`, `inner_error`, `late`, `unanswered` or `blocked`.
    #[schema(value_type = String)]
    pub(crate) status: Word,
    /// The index of the call it was made in; `null` when it is a root, when that isn't known, and when that call isn't shown.
    pub(crate) parent: Option<usize>,
    /// What says so.
    pub(crate) link: Option<EvidenceOfLink>,
    /// Its parent can't be decided.
    pub(crate) is_ambiguous: bool,
    /// The requests of the calls it may have been made in then, of this run or others; at most 16.
    pub(crate) candidates: Vec<u64>,
    /// Whether it was made in one of those for certain; otherwise there are more, or they are no longer known.
    pub(crate) has_all_candidates: bool,
    /// Calls made in it that are not shown; absent when there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(crate) children_left_out: usize,
    /// It claims to be its own ancestor.
    pub(crate) is_cycle: bool,
    /// What else was sent in it, by time.
    pub(crate) events: Vec<AttachedDto>,
    /// From request to reply; to the present or the time-out without one.
    pub(crate) duration_ms: f64,
    /// The duration without the time it waited for calls it made.
    pub(crate) self_ms: f64,
    /// Whether the critical path goes through it.
    pub(crate) on_critical_path: bool,
    /// Its own work on the critical path. A stretch of waiting in vain is no work.
    pub(crate) critical_ms: f64,
    /// Until when its caller waited.
    #[schema(value_type = String)]
    pub(crate) waited_until: Moment,
    /// It ended in a `node.error` that its caller never heard.
    pub(crate) is_unheard: bool,
    /// Reported in it and beneath; `null` when nothing was.
    pub(crate) tokens: Option<TokensDto>,
}

/// One of a few words; written without a copy.
type Word = Cow<'static, str>;

/// A moment, RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let moment = Timestamp::parse_rfc3339(&text).map(Self);
        moment.ok_or_else(|| D::Error::custom("expected an RFC 3339 time"))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form serde wants")]
const fn is_none(count: &usize) -> bool {
    *count == 0
}

/// What a link rests on.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct EvidenceOfLink {
    /// `causation`, `request_id`, `traceparent`, or `structure`, which is inferred.
    #[schema(value_type = String)]
    pub(crate) trust: Word,
    /// The event that is its evidence.
    pub(crate) evidence: u64,
}

/// The reply that ended a call.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct EndDto {
    pub(crate) event: u64,
    #[schema(value_type = String)]
    pub(crate) time: Moment,
    /// `causation`, `request_id`, `traceparent` or `structure`.
    #[schema(value_type = String)]
    pub(crate) trust: Word,
    /// The error it reports.
    #[schema(value_type = Option<String>)]
    pub(crate) error: Option<Arc<str>>,
}

/// An event that is part of a call.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AttachedDto {
    pub(crate) event: u64,
    /// `causation`, `request_id`, `traceparent` or `structure`.
    #[schema(value_type = String)]
    pub(crate) trust: Word,
}

/// An event whose call isn't known.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct UnplacedDto {
    pub(crate) event: u64,
    /// The requests of the calls it may belong to, at most 16.
    pub(crate) candidates: Vec<u64>,
    /// Whether it belongs to one of those for certain.
    pub(crate) has_all_candidates: bool,
}

/// An event that may belong to calls of a run it isn't counted in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PossibleDto {
    pub(crate) event: u64,
    pub(crate) time: String,
    /// Who sent it.
    pub(crate) from: String,
    /// The node it calls; `null` when it is no request.
    pub(crate) to: Option<String>,
    /// The run it is part of; `null` when it is part of none.
    pub(crate) run_id: Option<u64>,
    /// The calls of this run that it may belong to.
    pub(crate) calls: Vec<usize>,
    /// The requests of all calls it may belong to, at most 16.
    pub(crate) candidates: Vec<u64>,
    /// Whether it belongs to one of those for certain.
    pub(crate) has_all_candidates: bool,
}

impl PossibleDto {
    fn new(possible: &Possible, tree: &RunTree, index: impl Fn(usize) -> Option<usize>) -> Self {
        Self {
            event: possible.event.0,
            time: possible.time.to_string(),
            from: possible.from.to_string(),
            to: possible.to.as_ref().map(ToString::to_string),
            run_id: possible.run.map(|run| run.0.0),
            calls: possible
                .calls_of(tree)
                .into_iter()
                .filter_map(index)
                .collect(),
            candidates: candidates(Some(&possible.candidates)),
            has_all_candidates: possible.candidates.is_complete,
        }
    }
}

/// The positions of candidates; none where there is nothing to decide.
pub(crate) fn candidates(candidates: Option<&Candidates>) -> Vec<u64> {
    let events = candidates.map_or(&[][..], |candidates| &candidates.events);
    events.iter().map(|seq| seq.0).collect()
}

/// Nothing is missing where there is nothing to decide.
pub(crate) fn is_complete(candidates: Option<&Candidates>) -> bool {
    candidates.is_none_or(|candidates| candidates.is_complete)
}

/// A stretch of the critical path.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct StepDto {
    pub(crate) call: usize,
    #[schema(value_type = String)]
    pub(crate) from: Moment,
    #[schema(value_type = String)]
    pub(crate) until: Moment,
    pub(crate) duration_ms: f64,
    /// `work`, or `wait_in_vain` for an answer that could not come any more.
    #[schema(value_type = String)]
    pub(crate) pursuit: Word,
}

/// The first error of a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct FailureDto {
    /// The call to blame; `null` when it isn't shown.
    pub(crate) call: Option<usize>,
    /// Its request.
    #[serde(default)]
    pub(crate) request: u64,
    /// Whether the root failed; otherwise somebody coped with it.
    pub(crate) is_fatal: bool,
    /// From the error to the root; at most 1,000 steps, of which the last is the root's.
    pub(crate) chain: Vec<ExplanationDto>,
    /// Steps left out before the last.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(crate) chain_left_out: usize,
}

/// One step from an error to the root: `code` and the other members are for whoever words it, `text` is English.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct ExplanationDto {
    /// `reported_error`, `answered_with_error`, `handed_on_error`, `never_heard`, `answered_late`, `never_answered`, `blocked`, `still_running` or `went_on`.
    pub(crate) code: String,
    pub(crate) text: String,
    /// The event it is about.
    pub(crate) event: u64,
    /// Who did or suffered it; with `never_heard` the caller.
    pub(crate) node: String,
    /// With `never_heard`: the node that was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) callee: Option<String>,
    /// What the node said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// With `never_heard`: how long the caller waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waited_ms: Option<f64>,
    /// With `answered_late`: how long after the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after_ms: Option<f64>,
}

/// Which calls of a run are shown. The default is all of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Part {
    /// Only the call with this request and those beneath it.
    pub(crate) under: Option<Seq>,
    /// Only so many levels, the first included.
    pub(crate) depth: Option<usize>,
    /// Only so many calls: a level is left out before those above it.
    pub(crate) limit: Option<usize>,
}

impl Part {
    /// The calls it begins with, and for each call of the tree its index among those shown; `None` when the tree has no call to begin with.
    fn of(self, tree: &RunTree) -> Option<(Vec<usize>, Vec<Option<usize>>)> {
        let mut level = match self.under {
            None => tree.roots.clone(),
            Some(under) => vec![tree.calls.iter().position(|call| call.request == under)?],
        };
        let first = level.clone();
        let mut shown = vec![None; tree.calls.len()];
        let mut room = self.limit.unwrap_or(usize::MAX);
        let mut depth = self.depth.unwrap_or(usize::MAX);
        while depth > 0 && room > 0 && !level.is_empty() {
            level.truncate(room);
            room -= level.len();
            depth -= 1;
            let mut beneath = Vec::new();
            for call in level {
                if let Some(shown) = shown.get_mut(call) {
                    *shown = Some(0);
                }
                let children = tree.calls.get(call).map(|call| call.children.as_slice());
                beneath.extend(children.unwrap_or_default());
            }
            level = beneath;
        }
        // By time, as they are in the tree.
        for (index, slot) in shown.iter_mut().flatten().enumerate() {
            *slot = index;
        }
        Some((first, shown))
    }
}

impl RunDetail {
    /// `None` when the part begins with a call the tree doesn't have.
    pub(crate) fn new(
        run: RunDto,
        of: &Built,
        ambiguities: &Ambiguities,
        part: Part,
        at: Seq,
        epoch: Epoch,
    ) -> Option<Self> {
        let tree = &of.tree;
        let (first, shown) = part.of(tree)?;
        let index = |call: usize| shown.get(call).copied().flatten();
        let on_path = on_critical_path(tree);
        let calls = tree.calls.iter().zip(on_path).zip(&shown);
        let calls = calls.filter(|(_, shown)| shown.is_some());
        let step = |step: &PathStep| {
            let call = index(step.call)?;
            Some(StepDto {
                call,
                ..step.into()
            })
        };
        Some(Self {
            run,
            calls: calls
                .map(|((call, on_path), _)| call_dto(call, on_path, index))
                .collect(),
            calls_in_all: tree.calls.len(),
            roots: first.into_iter().filter_map(index).collect(),
            unplaced: tree
                .unplaced
                .iter()
                .filter(|_| part.under.is_none())
                .map(|unplaced| UnplacedDto {
                    event: unplaced.event.0,
                    candidates: candidates(unplaced.candidates.as_ref()),
                    has_all_candidates: is_complete(unplaced.candidates.as_ref()),
                })
                .collect(),
            possible: ambiguities
                .possible
                .iter()
                .map(|possible| PossibleDto::new(possible, tree, index))
                .collect(),
            more_possible: ambiguities.more_possible,
            critical_path: tree.critical_path.iter().filter_map(step).collect(),
            failure: tree.failure.as_ref().map(|failure| FailureDto {
                call: index(failure.call),
                request: tree
                    .calls
                    .get(failure.call)
                    .map_or(0, |call| call.request.0),
                is_fatal: failure.is_fatal,
                chain: failure.chain.iter().map(ExplanationDto::from).collect(),
                chain_left_out: failure.left_out,
            }),
            deleted_records: of.deleted,
            unread_records: of.unread,
            at: at.0,
            epoch: epoch.to_string(),
        })
    }
}

/// For each call whether the path has a stretch in it or beneath it.
fn on_critical_path(tree: &RunTree) -> Vec<bool> {
    let mut on_path = vec![false; tree.calls.len()];
    for step in &tree.critical_path {
        let mut at = Some(step.call);
        while let Some(call) = at {
            match on_path.get_mut(call) {
                Some(known) if !*known => *known = true,
                // Its callers are known too.
                _ => break,
            }
            at = tree.calls.get(call).and_then(|call| call.parent.call());
        }
    }
    on_path
}

fn attached(events: &[Attached]) -> Vec<AttachedDto> {
    let dto = |attached: &Attached| AttachedDto {
        event: attached.event.0,
        trust: attached.trust.as_str().into(),
    };
    events.iter().map(dto).collect()
}

fn call_dto(
    call: &Call,
    on_critical_path: bool,
    index: impl Fn(usize) -> Option<usize>,
) -> CallDto {
    let (link, among) = match &call.parent {
        Parent::Call {
            trust, evidence, ..
        } => {
            let link = EvidenceOfLink {
                trust: trust.as_str().into(),
                evidence: evidence.0,
            };
            (Some(link), None)
        }
        Parent::Ambiguous(among) => (None, Some(among)),
        Parent::Root | Parent::Cycle => (None, None),
    };
    let end = call.end.as_ref();
    CallDto {
        request: call.request.0,
        from: call.from.shared(),
        to: call.to.shared(),
        start: Moment(call.start),
        end: end.map(|end| EndDto {
            event: end.event.0,
            time: Moment(end.time),
            trust: end.trust.as_str().into(),
            error: end.error.clone(),
        }),
        more_replies: attached(&call.more_replies),
        status: call.status.as_str().into(),
        parent: call.parent.call().and_then(&index),
        link,
        is_ambiguous: among.is_some(),
        candidates: candidates(among),
        has_all_candidates: is_complete(among),
        children_left_out: call
            .children
            .iter()
            .filter(|of| index(**of).is_none())
            .count(),
        is_cycle: call.parent == Parent::Cycle,
        events: attached(&call.events),
        duration_ms: millis(call.duration_nanos),
        self_ms: millis(call.self_nanos),
        on_critical_path,
        critical_ms: millis(call.critical_nanos),
        waited_until: Moment(call.waited_until),
        is_unheard: call.is_unheard,
        tokens: call.tokens.map(TokensDto::from),
    }
}

impl From<&PathStep> for StepDto {
    fn from(step: &PathStep) -> Self {
        Self {
            call: step.call,
            from: Moment(step.from),
            until: Moment(step.until),
            duration_ms: millis(step.until.nanos_since(step.from)),
            pursuit: match step.pursuit {
                Pursuit::Work => "work",
                Pursuit::WaitInVain => "wait_in_vain",
            }
            .into(),
        }
    }
}

impl From<&Explanation> for ExplanationDto {
    fn from(step: &Explanation) -> Self {
        let said = Self {
            code: step.code().to_owned(),
            text: step.to_string(),
            ..Self::default()
        };
        match step {
            Explanation::ReportedError { node, error, event }
            | Explanation::AnsweredWithError { node, error, event } => Self {
                event: event.0,
                node: node.to_string(),
                error: error.as_deref().map(str::to_owned),
                ..said
            },
            Explanation::NeverHeard {
                caller,
                callee,
                waited_nanos,
                event,
            } => Self {
                event: event.0,
                node: caller.to_string(),
                callee: Some(callee.to_string()),
                waited_ms: Some(millis(*waited_nanos)),
                ..said
            },
            Explanation::AnsweredLate {
                node,
                after_nanos,
                event,
            } => Self {
                event: event.0,
                node: node.to_string(),
                after_ms: Some(millis(*after_nanos)),
                ..said
            },
            Explanation::HandedOnError { node, event }
            | Explanation::NeverAnswered { node, event }
            | Explanation::Blocked { node, event }
            | Explanation::StillRunning { node, event }
            | Explanation::WentOn { node, event } => Self {
                event: event.0,
                node: node.to_string(),
                ..said
            },
        }
    }
}
