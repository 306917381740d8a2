"""Runs and their call trees as Python objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from loom_studio import _html

if TYPE_CHECKING:
    from loom_studio.documents import CallRecord, Explanation, RunDetail, RunSummary, Tokens

# A notebook's cell is for people; more rows help nobody.
_MOST_ROWS = 500


class Runs(list["RunSummary"]):
    """A list of runs in short. `total` says how many match in all."""

    def __init__(self, runs: Sequence[RunSummary], total: int) -> None:
        super().__init__(runs)
        self.total = total

    def _repr_html_(self) -> str:
        shown = self[:_MOST_ROWS]
        rows = [
            (run["id"], run["root"]["node"], run["status"], run["start"], _html.duration(run["duration_ms"]), run["calls"], run["events"], run["errors"],
             total_tokens(run.get("tokens")))
            for run in shown
        ]  # fmt: skip
        headers = ("run", "root", "status", "start", "duration", "calls", "events", "errors", "tokens")
        return _html.table(headers, rows, "" if len(shown) == self.total else f"{len(shown)} of {self.total} runs")


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a run: a request, and the reply to it."""

    record: CallRecord
    """The call as `GET /api/runs/{id}` describes it."""
    index: int
    """Its place among the run's calls, which are ordered by time."""
    parent: Call | None
    """The call it was made in; None for a root, and where that isn't known."""
    children: list[Call]
    """The calls made in it, by time."""

    @property
    def request(self) -> int:
        """The seq of the request."""
        return self.record["request"]

    @property
    def source(self) -> str:
        """Who made the call."""
        return self.record["from"]

    @property
    def node(self) -> str:
        """The node that was called."""
        return self.record["to"]

    @property
    def status(self) -> str:
        """How it went: see `documents.CallRecord`."""
        return self.record["status"]

    @property
    def start(self) -> datetime:
        """When it was made, to the microsecond."""
        return datetime.fromisoformat(self.record["start"])

    @property
    def duration_ms(self) -> float:
        """From request to reply; to the present or the time-out without one."""
        return self.record["duration_ms"]

    @property
    def self_ms(self) -> float:
        """The part of its duration in which none of its own calls was under way."""
        return self.record["self_ms"]

    @property
    def is_on_critical_path(self) -> bool:
        """Whether the critical path of the run goes through it."""
        return self.record["on_critical_path"]

    @property
    def error(self) -> str | None:
        """The error its reply reports."""
        end = self.record.get("end")
        return end.get("error") if end else None

    @property
    def tokens(self) -> Tokens | None:
        """The tokens used in it; None when nothing was reported."""
        return self.record.get("tokens")

    @cached_property
    def depth(self) -> int:
        """How many calls it is in."""
        depth, call = 0, self
        while call.parent is not None:
            depth, call = depth + 1, call.parent
        return depth

    def walk(self) -> Iterator[Call]:
        """This call and all below it, each before those made in it."""
        waiting = [self]
        while waiting:
            call = waiting.pop()
            yield call
            waiting.extend(reversed(call.children))

    def __repr__(self) -> str:
        return f"<Call {self.source} → {self.node}: {self.status}, {_html.duration(self.duration_ms)}>"


@dataclass(frozen=True)
class Stretch:
    """A stretch of the critical path."""

    call: Call
    start: datetime
    until: datetime
    duration_ms: float
    pursuit: str
    """`work`, or `wait_in_vain` for an answer that could not come any more."""


@dataclass(frozen=True)
class FirstError:
    """What went wrong first."""

    call: Call | None
    """The call to blame; None where it isn't among the calls of the document."""
    is_fatal: bool
    """Whether the root failed; otherwise somebody coped with it."""
    chain: list[Explanation]
    """From the error to the root."""

    def __str__(self) -> str:
        return "; ".join(step["text"] for step in self.chain)


class Run:
    """A root call and all below it."""

    def __init__(self, document: RunDetail) -> None:
        self.document = document
        """The run as `GET /api/runs/{id}` describes it."""
        self.calls = _calls(document["calls"])
        """All calls, by time."""
        self.roots = [call for call in self.calls if call.parent is None]
        """The calls whose parent isn't known; the first is the root of the run."""

    @property
    def summary(self) -> RunSummary:
        """The run in short."""
        return self.document["run"]

    @property
    def id(self) -> int:
        """The seq of the root's request."""
        return self.summary["id"]

    @property
    def status(self) -> str:
        """`running`, `ok`, `failed` or `unanswered`."""
        return self.summary["status"]

    @property
    def duration_ms(self) -> float:
        """From the root's request to its reply; to the present or the time-out without one."""
        return self.summary["duration_ms"]

    @property
    def start(self) -> datetime:
        """When the root's request was made, to the microsecond."""
        return datetime.fromisoformat(self.summary["start"])

    @property
    def tokens(self) -> Tokens | None:
        """The tokens used in it; None when nothing was reported."""
        return self.summary.get("tokens")

    @property
    def critical_path(self) -> list[Stretch]:
        """The stretches that the root's duration consists of, in time order."""
        return [
            Stretch(self.calls[step["call"]], datetime.fromisoformat(step["from"]), datetime.fromisoformat(step["until"]), step["duration_ms"], step["pursuit"])
            for step in self.document["critical_path"]
        ]

    @property
    def first_error(self) -> FirstError | None:
        """What went wrong first; None when no call failed."""
        failure = self.document.get("failure")
        if failure is None:
            return None
        index = failure.get("call")
        return FirstError(None if index is None else self.calls[index], failure["is_fatal"], failure["chain"])

    def walk(self) -> Iterator[Call]:
        """All calls, each before those made in it, beginning with the root."""
        for root in self.roots:
            yield from root.walk()

    def __repr__(self) -> str:
        return f"<Run {self.id} of {self.summary['root']['node']}: {self.status}, {len(self.calls)} calls, {_html.duration(self.duration_ms)}>"

    def _repr_html_(self) -> str:
        blamed = self.first_error.call if self.first_error else None
        rows: list[tuple[object, ...]] = []
        for call in self.walk():
            if len(rows) == _MOST_ROWS:
                break
            indent = _html.Html(f"<span style='padding-left:{min(call.depth, 40) * 1.2:.1f}em'></span>")
            mark = "✗ " if call is blamed else "● " if call.is_on_critical_path else ""
            name = _html.Html(f"{indent}{mark}{_html.text(call.node)}")
            rows.append((name, call.status, _html.duration(call.duration_ms), _html.duration(call.self_ms), total_tokens(call.tokens), _html.short(call.error or "")))
        note = f"run {self.id}: {self.status}, ● on the critical path"
        if blamed is not None:
            note += f", ✗ went wrong first: {_html.short(str(self.first_error), 500)}"
        if len(rows) < len(self.calls):
            note += f"; {len(rows)} of {len(self.calls)} calls"
        return _html.table(("call", "status", "duration", "own time", "tokens", "error"), rows, note)


def _calls(records: list[CallRecord]) -> list[Call]:
    """The calls, each knowing those it is between. A parent may come after its child: clocks differ."""
    made: dict[int, Call] = {}
    for index in range(len(records)):
        # From the outermost that isn't made yet to this one.
        chain = []
        at: int | None = index
        while at is not None and at not in made:
            chain.append(at)
            at = records[at].get("parent")
        parent = made[at] if at is not None else None
        for each in reversed(chain):
            parent = made[each] = Call(records[each], each, parent, [])
    calls = [made[index] for index in range(len(records))]
    for call in calls:
        if call.parent is not None:
            call.parent.children.append(call)
    return calls


def total_tokens(tokens: Tokens | None) -> int | None:
    return tokens.get("total") if tokens else None
