"""Reads what Studio knows: from a running server, or from a data directory."""

from __future__ import annotations

import json
import os
import secrets
import weakref
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack
from urllib.parse import quote

from loom_studio import _html
from loom_studio._errors import StudioError
from loom_studio._http import Connection
from loom_studio._memory_view import Memory
from loom_studio._tree import Run, Runs

if TYPE_CHECKING:
    from loom_studio.documents import Event, EventDetail, EventsPage, Metrics, Owner, RecalledEntry, RunsPage, RunSummary, Session, State, Topology

_DEFAULT_URL = "ws://localhost:8765"
_PAGE = 1000


class Filters(TypedDict, total=False):
    """Which events. All that is said holds; each but the times and `q` is exact, a prefix (`agent.*`) or a part (`*tool*`)."""

    event_type: str | None
    node_id: str | None
    """From or to this node, in any spelling."""
    session_id: str | None
    trace_id: str | None
    start_time: str | float | datetime | None
    """Not before: RFC 3339, epoch seconds, or a datetime."""
    end_time: str | float | datetime | None
    """Not after."""
    q: str | None
    """With this text in it."""
    up_to: int | None
    """As of this seq."""


class Studio:
    """Reads the events of Loom programs and what follows from them.

    `where` is the URL of a running server, or a data directory that no server has open; without it the server that programs
    report to (`LOOM_STUDIO_URL`, else port 8765 of this machine). A directory is opened as it is: nothing in it is deleted,
    and it stays locked until `close()`, the end of a `with` block, or the end of the process. For that a server runs in
    this process, on a port of its own that takes no one without a secret.

    Threads may share one. Every method raises `StudioError`.
    """

    def __init__(
        self, where: str | os.PathLike[str] | None = None, *, token: str | None = None, workspace: str | None = None, timeout: float = 60.0
    ) -> None:
        self.data_dir: Path | None = None
        """The directory that is read; None with a server's URL."""
        given = os.environ.get("LOOM_STUDIO_URL") or _DEFAULT_URL if where is None else where
        if isinstance(given, str) and "://" in given:
            token = token or os.environ.get("LOOM_STUDIO_TOKEN")
            self._connection = Connection(given, token, workspace, timeout)
            self._close = weakref.finalize(self, lambda: None)
            return
        self.data_dir = Path(given)
        server, secret = _open(self.data_dir)
        self._close = weakref.finalize(self, server.stop)
        self._connection = Connection(f"http://{server.address}", secret, workspace, timeout)

    @property
    def url(self) -> str:
        """The URL that questions go to."""
        return self._connection.base

    def close(self) -> None:
        """Let go of the data directory. Harmless when repeated, and with a URL."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"loom_studio.Studio({str(self.data_dir or self.url)!r})"

    def _repr_html_(self) -> str:
        where = _html.link(f"{self.url}/") if self.data_dir is None else _html.text(self.data_dir)
        return f"<div>Loom Studio, {where}</div>"

    def events(
        self, where: str | None = None, *, order: Literal["seq", "-seq", "time", "-time"] = "seq", limit: int | None = None, **filters: Unpack[Filters]
    ) -> Iterator[Event]:
        """The events for which the condition `where` and the filters hold, page after page as they are asked for.

        `limit` ends it after so many. What arrives meanwhile belongs to it, where it comes later in the order: `up_to` excludes that.
        """
        size = _PAGE if limit is None else max(1, min(limit, _PAGE))
        query: dict[str, object] = {"where": where, "order": order, "limit": size, **filters}
        # The first page at once: what is wrong with the question is said where it is asked.
        first: EventsPage = self._get("/api/events", **query)
        return self._follow(first, query, limit)

    def _follow(self, page: EventsPage, query: dict[str, object], limit: int | None) -> Iterator[Event]:
        left = limit
        while True:
            for event in page["events"]:
                if left is not None:
                    if left <= 0:
                        return
                    left -= 1
                yield event
            cursor = page.get("next_cursor")
            if cursor is None or left == 0:
                return
            page = self._get("/api/events", **query, cursor=cursor)

    def event(self, seq: int) -> EventDetail:
        """One event with its links: cause, effects, request, response, run."""
        detail: EventDetail = self._get(f"/api/events/{seq:d}")
        return detail

    def sessions(self) -> list[Session]:
        """The Loom processes seen."""
        sessions: list[Session] = self._get("/api/sessions")["sessions"]
        return sessions

    def runs(
        self,
        *,
        status: Literal["running", "ok", "failed", "unanswered"] | None = None,
        session_id: str | None = None,
        node_id: str | None = None,
        order: Literal["-seq", "seq", "-duration", "duration"] = "-seq",
        limit: int | None = 1000,
        at: int | None = None,
    ) -> Runs:
        """Runs, the newest first, at most `limit` of them (None: all)."""
        size = _PAGE if limit is None else max(1, min(limit, _PAGE))
        query: dict[str, object] = {"status": status, "session_id": session_id, "node_id": node_id, "order": order, "limit": size}
        page: RunsPage = self._get("/api/runs", **query, at=at)
        runs: list[RunSummary] = page["runs"]
        while (cursor := page.get("next_cursor")) is not None and (limit is None or len(runs) < limit):
            # A position beyond the head means the head: only a named one makes pages agree.
            page = self._get("/api/runs", **query, at=page["at"], cursor=cursor)
            runs += page["runs"]
        return Runs(runs if limit is None else runs[:limit], page["total"])

    def run(self, run: int | str, *, at: int | None = None) -> Run:
        """One run with its call tree: by its id, the seq of any event in it, or a trace id."""
        return Run(self._get(f"/api/runs/{quote(str(run), safe='')}", at=at))

    def memories(self, *, at: int | None = None, session_id: str | None = None) -> list[Owner]:
        """The nodes that reported memories."""
        owners: list[Owner] = []
        while True:
            page = self._get("/api/memory", at=at, session_id=session_id, limit=_PAGE, offset=len(owners))
            owners += page["owners"]
            if not page["owners"] or len(owners) >= page["total"]:
                return owners
            at = page["at"]

    def memory(
        self, node_id: str, *, at: int | None = None, session_id: str | None = None, diff_from: int | None = None, entry: str | None = None
    ) -> Memory:
        """What a node remembers, now or as of a seq; with `diff_from` also what changed since that one."""
        path = f"/api/memory/{quote(node_id, safe='')}"
        document = self._get(path, at=at, session_id=session_id, diff_from=diff_from, entry=entry, limit=_PAGE)
        entries: list[RecalledEntry] | None = document["memory"]
        if entries is not None and entry is None:
            # An answer has at most a page of entries, and contents up to a bound.
            entries = _whole(entries)
            while len(entries) < document["total"]:
                page = self._get(path, at=document["at"], session_id=document["session_id"], limit=_PAGE, offset=len(entries))
                if not page["memory"]:
                    break
                entries += _whole(page["memory"])
        return Memory(document, entries)

    def state(
        self,
        path: str | None = None,
        *,
        at: int | None = None,
        session_id: str | None = None,
        node_id: str | None = None,
        diff_from: int | None = None,
        blame: bool | None = None,
    ) -> State:
        """The state tree of a session, or the project state object of a node, at a path (RFC 6901) and a position."""
        state: State = self._get("/api/state", path=path, at=at, session_id=session_id, node_id=node_id, diff_from=diff_from, blame=blame)
        return state

    def topology(self, *, at: int | None = None, session_id: str | None = None, run_id: int | None = None) -> Topology:
        """Nodes and edges, now or as of a seq, of everything, one session or one run."""
        topology: Topology = self._get("/api/topology", at=at, session_id=session_id, run_id=run_id)
        return topology

    def metrics(
        self, *, at: int | None = None, session_id: str | None = None, run_id: int | None = None, node_id: str | None = None
    ) -> Metrics:
        """Tokens, response times, throughput, errors and bottlenecks; `docs/metrics.md` defines each."""
        metrics: Metrics = self._get("/api/metrics", at=at, session_id=session_id, run_id=run_id, node_id=node_id)
        return metrics

    def export(self, path: str | os.PathLike[str], *, force: bool = False, **filters: Unpack[Filters]) -> Path:
        """Write events without loss to a file of JSON Lines (`docs/export-format.md`), which `loom-studio import` takes.

        The file appears whole or not at all. Raises `FileExistsError` for one that is there, unless `force` replaces it.
        """
        target = Path(path)
        if not force and target.exists():
            raise FileExistsError(f"{target} exists; choose another name, or replace it with force=True")
        pieces = self._connection.pieces("/api/export", {**filters})
        unfinished = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        with unfinished.open("xb") as file:
            try:
                tail = b""
                for piece in pieces:
                    file.write(piece)
                    tail = (tail + piece)[-1024:]
                if not _is_whole(tail):
                    raise StudioError("broken_off", f"the export of {self.url} broke off")
                file.close()
                _name(unfinished, target, force)
            except BaseException:
                unfinished.unlink()
                raise
        return target

    def _get(self, address: str, /, **query: object) -> Any:
        return self._connection.get(address, query)


def _open(directory: Path) -> tuple[Any, str]:
    """A server on the directory, and the secret it wants."""
    from loom_studio._serve import start

    if not (directory / "store.meta").is_file():
        raise StudioError("no_data_dir", f"{directory} is no data directory of Loom Studio (the URL of a server begins with http://)")
    secret = secrets.token_urlsafe(24)
    try:
        return start(port=0, data_dir=directory, tokens=[secret]), secret
    except StudioError as error:
        if error.code != "data_dir_in_use":
            raise
        raise StudioError(
            error.code,
            f"{error.detail}. Read through the server that has it, with Studio('http://127.0.0.1:8765') or where it listens, or stop it first",
        ) from None


def _whole(page: list[RecalledEntry]) -> list[RecalledEntry]:
    """The entries before the first whose content was over the bound of an answer; at least one, so that reading goes on."""
    for place, entry in enumerate(page):
        if entry["content_is"] == "over_limit" and place > 0:
            return page[:place]
    return page


def _is_whole(tail: bytes) -> bool:
    """Whether the text ends with the last line of an export."""
    try:
        last = json.loads(tail.rstrip(b"\n").rpartition(b"\n")[2])
    except ValueError:
        return False
    return isinstance(last, dict) and "end" in last


def _name(unfinished: Path, target: Path, force: bool) -> None:
    """Give a file its name; another that has it meanwhile keeps it unless it is to be replaced."""
    if not force:
        try:
            os.link(unfinished, target)
        except FileExistsError:
            raise
        except OSError:
            # Not every file system gives a file two names.
            if target.exists():
                raise FileExistsError(f"{target} exists") from None
        else:
            unfinished.unlink()
            return
    unfinished.replace(target)
