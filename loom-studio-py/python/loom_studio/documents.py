"""The documents of Studio's HTTP API, as `docs/http-api.md` describes them.

An event is a `dict`: a CloudEvent with the members that were sent, plus `studioseq`, `studioreceived` and, where known,
`studiodispatched` and `studiopublished`. Members may be added to any document.
"""

# Written by generate_documents.py from the server's openapi.json.

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

__all__ = [
    "Attached",
    "Blame",
    "BlameLevel",
    "Bottleneck",
    "Bottlenecks",
    "Bounds",
    "CallCounts",
    "CallRecord",
    "CriticalStep",
    "Edge",
    "End",
    "ErrorRates",
    "Event",
    "EventDetail",
    "EventsPage",
    "Evidence",
    "EvidenceOfLink",
    "Explanation",
    "Failure",
    "Fault",
    "FirstAnswer",
    "Latency",
    "Link",
    "Links",
    "MemoryAnswer",
    "MemoryAnswerItem",
    "MemoryAnswerItemAdded",
    "MemoryAnswerItemEvicted",
    "MemoryAnswerItemMoved",
    "MemoryEntry",
    "MemoryStep",
    "MemoryStepCleared",
    "MemoryStepConsolidated",
    "MemoryStepEvicted",
    "MemoryStepPromoted",
    "MemoryStepRewritten",
    "MemoryStepWritten",
    "Metrics",
    "ModelTimes",
    "ModelTokens",
    "Node",
    "NodeCalls",
    "NodeTimes",
    "NodeTokens",
    "Observation",
    "Origin",
    "Owner",
    "Owners",
    "Possible",
    "Problem",
    "Proof",
    "RecalledEntry",
    "ResponseTimes",
    "Root",
    "RunDetail",
    "RunSummary",
    "RunsPage",
    "Session",
    "Sessions",
    "State",
    "StateItem",
    "Throughput",
    "Tier",
    "TokenFigures",
    "TokenMetrics",
    "Tokens",
    "Topology",
    "TypeTimes",
    "Unplaced",
]

Event: TypeAlias = dict[str, Any]


class EventsPage(TypedDict):
    """A page of events, for the API description; the answer itself is written from stored bytes."""

    columns: NotRequired[dict[str, Any] | None]
    """With `format=columns`, instead of `events`: `dict`, `n` and `cols` as in the `events` frame of docs/ws-protocol.md."""
    epoch: str
    """The store's epoch."""
    events: list[dict[str, Any]]
    """CloudEvents as they were sent, with `studioseq`, `studioreceived` and, where known, `studiodispatched` and `studiopublished`."""
    head_seq: int
    """The newest position taken into account."""
    next_cursor: NotRequired[str | None]
    """Where the next page begins."""
    scanned: NotRequired[int | None]
    """With `where`: how many events were looked at one by one; 0 when the indexes answered alone."""
    total: int
    """How many events match in all."""
    total_is: str
    """`exact`, or `at_least` when a text scan or a search by a condition stopped at its limit."""


class Link(TypedDict):
    """The event at the other end of a link."""

    id: str
    seq: int
    source: str
    target: NotRequired[str | None]
    trust: str
    """`causation` or `request_id`; in `call` and `end` also `traceparent`, or `structure`, which is inferred."""
    type: str


class Links(TypedDict):
    """Links of one event."""

    call: NotRequired[Link | None]
    """The request of the call it is in, inferred where nobody stated it: for a request the call it was made in, for a reply the one it answers, for anything else the one during which it was sent."""
    candidates: list[int]
    """The positions of the requests of the calls it may be in, where that can't be decided; at most 16."""
    cause: NotRequired[Link | None]
    """What was being handled when it was sent."""
    cause_candidates: list[int]
    """The events with the id of the cause among which it can't be decided."""
    effects: list[Link]
    """What was sent while it was being handled."""
    end: NotRequired[Link | None]
    """For a request the reply that ended its call."""
    has_all_candidates: bool
    """Whether it is in one of those for certain; otherwise there are more, or they are no longer known."""
    request: NotRequired[Link | None]
    """The request it answers."""
    request_candidates: list[int]
    """The requests with the named id among which it can't be decided."""
    response: NotRequired[Link | None]
    """The reply to it."""
    response_candidates: list[int]
    """Replies that may be to this request or to one with the same id."""


class Observation(TypedDict):
    """An observation of an event."""

    at: str
    changed: dict[str, Any]
    """Members that had changed by then."""
    phase: str
    """`pre`, `post`, `blocked`, `timeout` or `raised`."""
    seq: int


class EventDetail(TypedDict):
    """One event with its surroundings."""

    event: dict[str, Any]
    """The CloudEvent, with Studio's attributes."""
    links: Links
    """What it has to do with other events."""
    observations: list[Observation]
    """What interceptors saw of it later."""
    placed: str
    """Whether the list of runs could be asked: `yes`; `behind` when it has not come to this event yet; `failed` when the views stand still. Then nothing is known of the run, and `run_id`, `links.call`, `links.candidates` and `links.end` are empty."""
    placed_at: NotRequired[int | None]
    """The position the list of runs was asked at."""
    run_id: NotRequired[int | None]
    """The run it is part of, by the position of its root; `null` when it is part of none."""
    session_id: str
    """The session it belongs to."""
    source: str
    """The node that sent it."""
    target: NotRequired[str | None]
    """The node it is for."""
    time: str
    """When it happened."""


class FirstAnswer(TypedDict):
    """Where a condition became true, or how far it surely didn't."""

    complete: bool
    """Whether that is the answer. If not, the search stopped at its bound and goes on behind `scanned_through`."""
    event: NotRequired[dict[str, Any] | None]
    """The event, as in `GET /api/events`; null where none was found."""
    scanned: int
    """How many events were looked at."""
    scanned_through: int
    """Everything from the beginning of the range, in the direction, to this position was looked at."""


class Session(TypedDict):
    """One run of one Loom process."""

    errors: int
    events: int
    first_seq: int
    first_time: str
    has_state: bool
    """Whether it has a state tree: `GET /api/state?session_id=`."""
    id: str
    last_seq: int
    last_time: str
    status: str
    """`connected` while an ingest connection of the session is open, else `disconnected`."""
    workspace: str


class Sessions(TypedDict):
    """The sessions of a workspace."""

    at: int
    """The position they are as of."""
    epoch: str
    """The store's epoch."""
    sessions: list[Session]
    """The one with the newest event first."""


class Bounds(TypedDict):
    """What the list of runs, over all workspaces, has had to let go of."""

    forgotten_ambiguous: int
    """Ambiguous events whose candidates are no longer known."""
    forgotten_calls: int
    """Calls that a late event can no longer join."""
    forgotten_open_calls: int
    """Calls without a reply that are no longer taken for possible callers."""
    forgotten_references: int
    """References to events that never came."""
    forgotten_runs: int
    """Runs, the oldest first."""
    late_events: int
    """Events that came when later ones of their session were placed already."""
    outside: int
    """Events that belong to no run."""


# The root request of a run.
Root = TypedDict(
    "Root",
    {
        # The requests of the calls it may have been made in, at most 16.
        "candidates": "list[int]",
        # Who made the call.
        "from": "str",
        # Whether it was made in one of those for certain; otherwise there are more, or they are no longer known.
        "has_all_candidates": "bool",
        # The event's id; `null` when retention deleted it.
        "id": "NotRequired[str | None]",
        # It may have been called by somebody known: the run may be part of another.
        "is_ambiguous": "bool",
        # The node that was called.
        "node": "str",
        "seq": "int",
        # The event's type; `null` when retention deleted it.
        "type": "NotRequired[str | None]",
    },
)


class Tokens(TypedDict):
    """Tokens; `null` is "not reported"."""

    cached: NotRequired[int | None]
    """The part of the input that came from a cache."""
    input: NotRequired[int | None]
    output: NotRequired[int | None]
    reasoning: NotRequired[int | None]
    """The part of the output that was thought and not said."""
    total: NotRequired[int | None]
    """Both, as reported, or their sum."""


class RunSummary(TypedDict):
    """A run in short."""

    calls: int
    duration_ms: float
    """From the root's request to its reply; to the present, or at most 30 s, where there is none."""
    errors: int
    """Events that report an error."""
    events: int
    first_seq: int
    first_time: str
    id: int
    """The position of the root request."""
    last_seq: int
    last_time: str
    open_calls: int
    """Calls not answered yet whose callers still wait."""
    root: Root
    roots: int
    """Calls without a known parent, the root included."""
    session_id: str
    """The session of the root."""
    start: str
    """The time of the root request."""
    status: str
    """`running`, `ok`, `failed` or `unanswered`."""
    tokens: NotRequired[Tokens | None]
    """`null` when nothing was reported."""


class RunsPage(TypedDict):
    """A page of runs."""

    ambiguous: int
    """How many of them may be part of others."""
    at: int
    """The position they are as of."""
    bounds: Bounds
    epoch: str
    """The store's epoch."""
    next_cursor: NotRequired[str | None]
    """Where the next page begins."""
    runs: list[RunSummary]
    total: int
    """How many match in all."""


class End(TypedDict):
    """The reply that ended a call."""

    error: NotRequired[str | None]
    """The error it reports."""
    event: int
    time: str
    trust: str
    """`causation`, `request_id`, `traceparent` or `structure`."""


class Attached(TypedDict):
    """An event that is part of a call."""

    event: int
    trust: str
    """`causation`, `request_id`, `traceparent` or `structure`."""


class EvidenceOfLink(TypedDict):
    """What a link rests on."""

    evidence: int
    """The event that is its evidence."""
    trust: str
    """`causation`, `request_id`, `traceparent`, or `structure`, which is inferred."""


# One call.
CallRecord = TypedDict(
    "CallRecord",
    {
        # The requests of the calls it may have been made in then, of this run or others; at most 16.
        "candidates": "list[int]",
        # Calls made in it that are not shown; absent when there are none.
        "children_left_out": "NotRequired[int]",
        # Its own work on the critical path. A stretch of waiting in vain is no work.
        "critical_ms": "float",
        # From request to reply; to the present or the time-out without one.
        "duration_ms": "float",
        # The reply that ended it; `null` when none is known.
        "end": "NotRequired[End | None]",
        # What else was sent in it, by time.
        "events": "list[Attached]",
        "from": "str",
        # Whether it was made in one of those for certain; otherwise there are more, or they are no longer known.
        "has_all_candidates": "bool",
        # Its parent can't be decided.
        "is_ambiguous": "bool",
        # It claims to be its own ancestor.
        "is_cycle": "bool",
        # It ended in a `node.error` that its caller never heard.
        "is_unheard": "bool",
        # What says so.
        "link": "NotRequired[EvidenceOfLink | None]",
        # Replies after that one.
        "more_replies": "list[Attached]",
        # Whether the critical path goes through it.
        "on_critical_path": "bool",
        # The index of the call it was made in; `null` when it is a root, when that isn't known, and when that call isn't shown.
        "parent": "NotRequired[int | None]",
        # The position of the request.
        "request": "int",
        # The duration without the time it waited for calls it made.
        "self_ms": "float",
        "start": "str",
        # `running`, `ok`, `error`, `error_result`, `inner_error`, `late`, `unanswered` or `blocked`.
        "status": "str",
        "to": "str",
        # Reported in it and beneath; `null` when nothing was.
        "tokens": "NotRequired[Tokens | None]",
        # Until when its caller waited.
        "waited_until": "str",
    },
)


# A stretch of the critical path.
CriticalStep = TypedDict(
    "CriticalStep",
    {
        "call": "int",
        "duration_ms": "float",
        "from": "str",
        # `work`, or `wait_in_vain` for an answer that could not come any more.
        "pursuit": "str",
        "until": "str",
    },
)


class Explanation(TypedDict):
    """One step from an error to the root: `code` and the other members are for whoever words it, `text` is English."""

    after_ms: NotRequired[float | None]
    """With `answered_late`: how long after the request."""
    callee: NotRequired[str | None]
    """With `never_heard`: the node that was called."""
    code: str
    """`reported_error`, `answered_with_error`, `handed_on_error`, `never_heard`, `answered_late`, `never_answered`, `blocked`, `still_running` or `went_on`."""
    error: NotRequired[str | None]
    """What the node said."""
    event: int
    """The event it is about."""
    node: str
    """Who did or suffered it; with `never_heard` the caller."""
    text: str
    waited_ms: NotRequired[float | None]
    """With `never_heard`: how long the caller waited."""


class Failure(TypedDict):
    """The first error of a run."""

    call: NotRequired[int | None]
    """The call to blame; `null` when it isn't shown."""
    chain: list[Explanation]
    """From the error to the root; at most 1,000 steps, of which the last is the root's."""
    chain_left_out: NotRequired[int]
    """Steps left out before the last."""
    is_fatal: bool
    """Whether the root failed; otherwise somebody coped with it."""
    request: NotRequired[int]
    """Its request."""


# An event that may belong to calls of a run it isn't counted in.
Possible = TypedDict(
    "Possible",
    {
        # The calls of this run that it may belong to.
        "calls": "list[int]",
        # The requests of all calls it may belong to, at most 16.
        "candidates": "list[int]",
        "event": "int",
        # Who sent it.
        "from": "str",
        # Whether it belongs to one of those for certain.
        "has_all_candidates": "bool",
        # The run it is part of; `null` when it is part of none.
        "run_id": "NotRequired[int | None]",
        "time": "str",
        # The node it calls; `null` when it is no request.
        "to": "NotRequired[str | None]",
    },
)


class Unplaced(TypedDict):
    """An event whose call isn't known."""

    candidates: list[int]
    """The requests of the calls it may belong to, at most 16."""
    event: int
    has_all_candidates: bool
    """Whether it belongs to one of those for certain."""


class RunDetail(TypedDict):
    """A run with its calls."""

    at: int
    """The position it is as of."""
    calls: list[CallRecord]
    """The calls by time. Other members name them by their index here."""
    calls_in_all: NotRequired[int]
    """How many calls the tree has, shown or not."""
    critical_path: list[CriticalStep]
    """The stretches that the root's duration consists of, in time order."""
    deleted_records: int
    """Records of the run that retention deleted: the tree is of the rest."""
    epoch: str
    """The store's epoch."""
    failure: NotRequired[Failure | None]
    """What went wrong first; `null` when no call failed."""
    more_possible: int
    """How many more of those there are."""
    possible: list[Possible]
    """Events of other runs, or of none, that may belong to calls of this one. No figure here counts them. At most 1000."""
    roots: list[int]
    """The calls without a known parent, or the one that was asked for; the first is the root of the run."""
    run: RunSummary
    unplaced: list[Unplaced]
    """Events of the run whose call isn't known."""
    unread_records: NotRequired[int]
    """Records of the run behind those that the tree is of: more than are read at once. The tree is as of the last that was read."""


class Owner(TypedDict):
    """A node in one session."""

    entries: int | None
    """How many entries it holds; null when it reported a project state object alone."""
    last_seq: int
    """The last record about its memory."""
    node_id: str
    session_id: str


class Owners(TypedDict):
    """The nodes that reported a memory or a project state object."""

    at: int
    """The position they are as of."""
    epoch: str
    """The store's epoch."""
    left_out: int
    """Events about memory and state, of all workspaces, that there was no room for; 0 in all but hostile traffic."""
    owners: list[Owner]
    """By node, then session."""
    total: int
    """How many there are in all."""


class Fault(TypedDict):
    """Something that could not be applied."""

    index: int
    """Which of the event's operations or entries."""
    node: str
    """Its sender."""
    reason: str
    """As docs/event-model.md has them."""
    seq: int
    """The event."""


class Origin(TypedDict):
    """A record and its sender."""

    node: str
    seq: int


class MemoryEntry(TypedDict):
    """An entry."""

    changed: Origin
    """What changed anything of it last."""
    entry_id: str
    importance: float | None
    node: str
    """The sender of that record."""
    reported_tier: str
    """The tier as reported."""
    role: str | None
    seq: int
    """The record that wrote it."""
    sources: list[str] | None
    """Entries it was made of by consolidation; null when it was not."""
    tier: str
    """`ephemeral`, `session`, `working`, `long_term`, or another name as reported."""
    timestamp: str
    """When it was remembered (RFC 3339)."""


class MemoryAnswerItemAdded(TypedDict):
    """An entry is there that was not."""

    entry: MemoryEntry
    kind: Literal["added"]
    cause: Origin
    """The record that caused it."""
    is_exact: bool
    """False when the cause is no longer known: then it is the last record that can have been it."""


# An entry is in another tier or place; `from` is the tier it was in.
MemoryAnswerItemMoved = TypedDict(
    "MemoryAnswerItemMoved",
    {
        "entry": "MemoryEntry",
        "from": "str",
        "kind": "Literal['moved']",
        # The record that caused it.
        "cause": "Origin",
        # False when the cause is no longer known: then it is the last record that can have been it.
        "is_exact": "bool",
    },
)


class MemoryAnswerItemEvicted(TypedDict):
    """An entry is gone: merged into another, or dropped."""

    entry: MemoryEntry
    into: str | None
    kind: Literal["evicted"]
    reason: str | None
    cause: Origin
    """The record that caused it."""
    is_exact: bool
    """False when the cause is no longer known: then it is the last record that can have been it."""


MemoryAnswerItem: TypeAlias = MemoryAnswerItemAdded | MemoryAnswerItemMoved | MemoryAnswerItemEvicted


class MemoryStepWritten(TypedDict):
    """An entry was written. Only in `blame`."""

    entry_id: str
    kind: Literal["written"]
    node: str
    """The sender of that record."""
    seq: int
    """The record behind it."""


class MemoryStepRewritten(TypedDict):
    """An id was used for another entry while its own was there; `was` had written the old one."""

    entry_id: str
    kind: Literal["rewritten"]
    was: int
    node: str
    """The sender of that record."""
    seq: int
    """The record behind it."""


# An entry moved between tiers, as reported.
MemoryStepPromoted = TypedDict(
    "MemoryStepPromoted",
    {
        "entry_id": "str",
        "from": "str",
        "kind": "Literal['promoted']",
        "to": "str",
        # The sender of that record.
        "node": "str",
        # The record behind it.
        "seq": "int",
    },
)


class MemoryStepConsolidated(TypedDict):
    """Entries were merged."""

    into: str | None
    kind: Literal["consolidated"]
    sources: list[str]
    node: str
    """The sender of that record."""
    seq: int
    """The record behind it."""


class MemoryStepEvicted(TypedDict):
    """Entries were dropped."""

    entry_ids: list[str]
    kind: Literal["evicted"]
    reason: str | None
    node: str
    """The sender of that record."""
    seq: int
    """The record behind it."""


class MemoryStepCleared(TypedDict):
    """A tier was emptied; all of them when it is null."""

    entry_ids: list[str]
    kind: Literal["cleared"]
    tier: str | None
    node: str
    """The sender of that record."""
    seq: int
    """The record behind it."""


MemoryStep: TypeAlias = MemoryStepWritten | MemoryStepRewritten | MemoryStepPromoted | MemoryStepConsolidated | MemoryStepEvicted | MemoryStepCleared


class RecalledEntry(TypedDict):
    """An entry with its content."""

    changed: Origin
    """What changed anything of it last."""
    entry_id: str
    importance: float | None
    node: str
    """The sender of that record."""
    reported_tier: str
    """The tier as reported."""
    role: str | None
    seq: int
    """The record that wrote it."""
    sources: list[str] | None
    """Entries it was made of by consolidation; null when it was not."""
    tier: str
    """`ephemeral`, `session`, `working`, `long_term`, or another name as reported."""
    timestamp: str
    """When it was remembered (RFC 3339)."""
    content: Any
    """As reported; null unless `content_is` says `here`."""
    content_is: str
    """`here`, `not_reported`, `deleted` (by retention) or `over_limit`: then the page holds too much, and a smaller one that begins here has it."""
    metadata: Any
    """What the program noted about it."""


class Tier(TypedDict):
    """One tier of a memory."""

    entries: int
    """How many entries it holds."""
    reported: dict[str, int]
    """How many of them by the name the program has for the tier."""


class MemoryAnswer(TypedDict):
    """What a node remembers."""

    faults: list[Fault]
    faults_dropped: int
    """How many before those were dropped."""
    diff: NotRequired[list[MemoryAnswerItem]]
    """At most 10,000 changes; of documents in an order in which they can be applied."""
    diff_from: NotRequired[int]
    """The earlier position."""
    diff_total: NotRequired[int]
    """How many changes there are in all."""
    at: int
    """The position it is as of."""
    blame: NotRequired[list[MemoryStep]]
    """With `entry`: what is known of it, oldest first."""
    epoch: str
    """The store's epoch."""
    history: list[MemoryStep] | None
    """Consolidations, promotions, evictions and so on, oldest first; null when it reported no entries."""
    history_dropped: int
    """How many steps before those were dropped."""
    memory: list[RecalledEntry] | None
    """A page of its entries, by tier, then in the order recorded; null when it reported none."""
    node_id: str
    pso: Any
    """The project state object; null when it reported none."""
    pso_changed: Origin | None
    """What changed anything in it last."""
    pso_written: Origin | None
    """What wrote the project state object; null when there is none."""
    session_id: str
    tiers: dict[str, Tier] | None
    """The tiers that hold something; null when it reported no entries."""
    total: int | None
    """How many entries there are to page through."""


class StateItem(TypedDict):
    """One difference between two positions of a document."""

    after: NotRequired[Any]
    """The value that is there; absent when none is. In an array, what stood behind moves down."""
    before: NotRequired[Any]
    """The value that was there; absent when none was. In an array, what stood there moves up."""
    cause: Origin
    """The record that caused it."""
    is_exact: bool
    """False when the cause is no longer known: then it is the last record that can have been it."""
    path: str
    """Where (RFC 6901), once the changes before this one are applied."""


class BlameLevel(TypedDict):
    """One level on the way to a value."""

    changed: Origin
    path: str
    written: Origin


class Blame(TypedDict):
    """Where a value comes from."""

    levels: list[BlameLevel]
    """The document, what the value is in, and the value."""
    touched: list[Origin]
    """Records known to have touched the value, what it is in or what is in it; oldest first."""
    touches_dropped: int
    """How many changes of the document are no longer known."""


class State(TypedDict):
    """A value of a document."""

    faults: list[Fault]
    faults_dropped: int
    """How many before those were dropped."""
    diff: NotRequired[list[StateItem]]
    """At most 10,000 changes; of documents in an order in which they can be applied."""
    diff_from: NotRequired[int]
    """The earlier position."""
    diff_total: NotRequired[int]
    """How many changes there are in all."""
    at: int
    """The position it is as of."""
    blame: NotRequired[Blame]
    """With `blame`; absent when nothing is there."""
    changed: Origin | None
    """What changed it or anything in it last; null when nothing is there."""
    epoch: str
    """The store's epoch."""
    node_id: NotRequired[str]
    """The node, when the document is its project state object."""
    path: str
    """Where (RFC 6901)."""
    session_id: str
    value: Any
    """What is there; null with a `written` of null when nothing is."""
    written: Origin | None
    """What wrote it; null when nothing is there."""


class Latency(TypedDict):
    """Time from request to reply, in milliseconds. Relative error at most 1 %."""

    p50: float
    p95: float
    p99: float


# An edge of the graph.
Edge = TypedDict(
    "Edge",
    {
        # Requests that an interceptor blocked: nobody got them.
        "blocked": "int",
        # Events sent along it.
        "count": "int",
        # Calls that failed or were never answered.
        "errors": "int",
        "from": "str",
        "last_seq": "int",
        "last_time": "str",
        "latency_ms": "NotRequired[Latency | None]",
        # Calls not answered yet.
        "open": "int",
        "to": "str",
        # What callers have waited for replies, in all, in milliseconds.
        "wait_ms": "float",
    },
)


class Proof(TypedDict):
    """The record that proved a fact."""

    rule: str
    seq: int


class Evidence(TypedDict):
    """What proved a node's facts."""

    type: NotRequired[Proof | None]


class Node(TypedDict):
    """A node of the graph."""

    errors: int
    events: int
    evidence: Evidence
    first_seq: int
    id: str
    last_seq: int
    last_time: str
    metadata: dict[str, Any]
    """What it registered with."""
    name: str
    open_calls: int
    role: NotRequired[str | None]
    status: str
    """`idle`, `running` or `error`."""
    status_reason: NotRequired[str | None]
    type: str
    """`AgentNode`, `ToolNode`, `CrewNode`, `RouterNode`, `UserNode`, a registered name, or `Node`."""
    unregistered: NotRequired[int | None]
    """The record by which it unregistered; `null` while it is registered or never was."""


class Topology(TypedDict):
    """A graph."""

    at: int
    """The position it was folded to."""
    edges: list[Edge]
    epoch: str
    """The store's epoch."""
    left_out: int
    """Events about a node or edge there was no room for (100,000 of each are kept)."""
    nodes: list[Node]


class Bottleneck(TypedDict):
    """A node on critical paths."""

    calls: int
    """Calls to it on critical paths."""
    critical_nanos: int
    """Time on critical paths spent in calls to it."""
    in_vain_nanos: int
    """The part of it in which a caller waited although the call had ended in an error it never heard."""
    node: str
    runs: int
    """Runs on whose critical path it is."""
    share: float
    """Of all critical paths, 0 to 1."""
    type: NotRequired[str | None]
    """What it is; `null` when nothing is known of it."""


class Bottlenecks(TypedDict):
    """Where the time of runs went."""

    critical_nanos: int
    """The length of all critical paths."""
    nodes: list[Bottleneck]
    """The most time first."""
    runs: int
    """The runs that were looked at: the newest finished ones."""
    runs_left_out: int
    """Finished runs that were not."""


class NodeCalls(TypedDict):
    """Calls to a node by how they ended."""

    answered: int
    blocked: int
    """Stopped by an interceptor."""
    failed: int
    """Of the answered: with an error."""
    late: int
    """Of the answered: without an error, when the caller had given up."""
    open: int
    """Not answered yet."""
    rate: NotRequired[float | None]
    """Failed, late and unanswered calls as a share of answered and unanswered ones; `null` before the first is over."""
    unanswered: int
    """Not answered when the caller had given up."""
    node: str


class CallCounts(TypedDict):
    """Calls by how they ended."""

    answered: int
    blocked: int
    """Stopped by an interceptor."""
    failed: int
    """Of the answered: with an error."""
    late: int
    """Of the answered: without an error, when the caller had given up."""
    open: int
    """Not answered yet."""
    rate: NotRequired[float | None]
    """Failed, late and unanswered calls as a share of answered and unanswered ones; `null` before the first is over."""
    unanswered: int
    """Not answered when the caller had given up."""


class ErrorRates(TypedDict):
    """How calls ended."""

    by_node: list[NodeCalls]
    """By the node that was called."""
    overall: CallCounts


class ModelTimes(TypedDict):
    """Response times of a model."""

    count: int
    """`llm.response` events."""
    latency_ms: NotRequired[Latency | None]
    """Of those that say how long they took."""
    model: NotRequired[str | None]
    """`null` is what named no model."""


class NodeTimes(TypedDict):
    """Response times of a node."""

    count: int
    """Calls that were answered."""
    latency_ms: NotRequired[Latency | None]
    node: str


class TypeTimes(TypedDict):
    """Response times of nodes of one type."""

    count: int
    """Calls that were answered."""
    latency_ms: NotRequired[Latency | None]
    type: str


class ResponseTimes(TypedDict):
    """From request to reply."""

    by_model: list[ModelTimes]
    """How long models took, as they report it."""
    by_node: list[NodeTimes]
    """By the node that was called."""
    by_type: list[TypeTimes]
    """By what the called node is."""


class Throughput(TypedDict):
    """Events over event time. Buckets without events are left out."""

    bucket_nanos: int
    """The width of each bucket: a millisecond times a power of two."""
    counts: list[int]
    """For each bucket its events."""
    errors: list[int]
    """For each bucket the events that report an error."""
    offsets: list[int]
    """For each bucket how many widths after `start` it begins."""
    start: NotRequired[str | None]
    """When the first bucket begins; `null` without events."""


class ModelTokens(TypedDict):
    """Tokens of a model."""

    cached: NotRequired[int | None]
    """The part of the input that came from a cache."""
    input: NotRequired[int | None]
    output: NotRequired[int | None]
    reasoning: NotRequired[int | None]
    """The part of the output that was thought and not said."""
    total: NotRequired[int | None]
    """Both, as reported, or their sum."""
    model: NotRequired[str | None]
    """`null` is what named no model."""


class NodeTokens(TypedDict):
    """Tokens of a node."""

    cached: NotRequired[int | None]
    """The part of the input that came from a cache."""
    input: NotRequired[int | None]
    output: NotRequired[int | None]
    reasoning: NotRequired[int | None]
    """The part of the output that was thought and not said."""
    total: NotRequired[int | None]
    """Both, as reported, or their sum."""
    node: str


class TokenFigures(TypedDict):
    """Tokens; `null` is "not reported"."""

    cached: NotRequired[int | None]
    """The part of the input that came from a cache."""
    input: NotRequired[int | None]
    output: NotRequired[int | None]
    reasoning: NotRequired[int | None]
    """The part of the output that was thought and not said."""
    total: NotRequired[int | None]
    """Both, as reported, or their sum."""


class TokenMetrics(TypedDict):
    """Tokens, each counted once."""

    by_model: list[ModelTokens]
    by_node: list[NodeTokens]
    """By the node that reported them."""
    total: NotRequired[TokenFigures | None]
    """`null` when nothing was reported."""


class Metrics(TypedDict):
    """The figures of a workspace or a part of it."""

    at: int
    """The position they are as of."""
    bottlenecks: Bottlenecks
    epoch: str
    """The store's epoch."""
    error_rate: ErrorRates
    is_complete: bool
    """Whether all matching records up to `at` were read; a session or run that is too large is measured in part."""
    left_out: int
    """Events about nodes, edges or models there was no room for: figures lack them."""
    response_times: ResponseTimes
    throughput: NotRequired[Throughput | None]
    """`null` in the figures of one node."""
    tokens: TokenMetrics


class Problem(TypedDict):
    """A problem document (RFC 9457)."""

    code: str
    """What to branch on. Stable."""
    detail: str
    """What happened, for people."""
    expected: NotRequired[list[str] | None]
    """With the code `invalid_condition`: words that could stand there."""
    position: NotRequired[int | None]
    """With the code `invalid_condition`: where in the condition, in UTF-16 code units."""
    status: int
    """The HTTP status."""
    title: str
    """The status in words."""
    type: str
    """`urn:loom-studio:error:` and the code."""
