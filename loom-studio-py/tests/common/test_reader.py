"""`loom_studio.Studio`: what the server knows as plain Python objects, over HTTP and from a data directory."""

from __future__ import annotations

import json
import threading
import types
import typing
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import loom_studio
from loom_studio import Studio, StudioError, documents

TRACE = "0af7651916cd43dd8448eb211c80319c"
HOSTILE = "<script>alert('x')</script>&\"'"


def time(second: float) -> str:
    return datetime.fromtimestamp(1767323045 + second, UTC).isoformat()


def event(name: str, kind: str, source: str, second: float, subject: str | None = None, **members: Any) -> dict[str, Any]:
    kept = {"subject": subject} if subject else {}
    return {"specversion": "1.0", "id": name, "source": source, "type": kind, "time": time(second), "studiosession": "s1", **kept, **members}


# A crew asks two agents; the second asks a tool that fails.
RUN = [
    event("r1", "node.request", "/user/sdk", 0, "/node/crew", traceparent=f"00-{TRACE}-b7ad6b7169203331-01", data={"task": HOSTILE}),
    event("r2", "node.request", "/node/crew", 1, "/node/agent/a", causationid="r1"),
    event("a2", "node.response", "/node/agent/a", 2, "/node/crew", data={"request_id": "r2", "result": "fine"}),
    event("r3", "node.request", "/node/crew", 3, "/node/agent/b", causationid="r1"),
    event("r4", "node.request", "/node/agent/b", 4, "/node/tool/t", causationid="r3"),
    event("a4", "node.response", "/node/tool/t", 5, "/node/agent/b", data={"request_id": "r4", "result": {"error": HOSTILE}}),
    event("a3", "node.response", "/node/agent/b", 6, "/node/crew", data={"request_id": "r3", "result": "no luck"}),
    event("a1", "node.response", "/node/crew", 7, "/user/sdk", data={"request_id": "r1", "result": "done"}),
]
MEMORY = [
    event("m1", "memory.add", "/node/agent/a", 8, data={"entry_id": "e1", "tier": "L1", "role": "user", "content": HOSTILE, "importance": 0.5}),
    event("m2", "memory.add", "/node/agent/a", 9, data={"entry_id": "e2", "tier": "L2", "role": "assistant", "content": "kept"}),
    event("m3", "pso.update", "/node/agent/a", 10, data={"pso": {"goal": HOSTILE}}),
    event("m4", "state.patch", "/node/agent/a", 11, data={"patches": [{"op": "add", "path": "/plan", "value": ["one", "two"]}]}),
]
LLM = [event("l1", "llm.response", "/node/agent/a", 1.5, causationid="r2", data={"model": "m", "usage": {"prompt_tokens": 100, "completion_tokens": 20}})]


def post(server: loom_studio.Server, events: list[dict[str, Any]]) -> None:
    request = urllib.request.Request(
        f"{server.url}events", data=json.dumps(events).encode(), headers={"Content-Type": "application/cloudevents-batch+json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.load(answer)["rejected"] == []


@pytest.fixture(scope="module", params=["url", "directory"])
def studio(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """The same events, read in both ways."""
    directory = tmp_path_factory.mktemp("store")
    with loom_studio.serve(port=0, data_dir=directory) as server:
        post(server, [*RUN, *MEMORY, *LLM])
        post(server, [event(f"n{number}", "note", "/node/many", 100 + number) for number in range(2500)])
        if request.param == "url":
            yield Studio(server.url)
            return
    with Studio(directory) as studio:
        yield studio


def names(events: Iterator[dict[str, Any]]) -> list[str]:
    return [event["id"] for event in events]


def test_events_come_page_after_page(studio: Studio) -> None:
    expected = [f"n{number}" for number in range(2500)]
    assert names(studio.events(event_type="note")) == expected
    assert names(studio.events("type = note", order="-seq")) == expected[::-1]
    assert names(studio.events(event_type="note", limit=1001)) == expected[:1001]
    assert names(studio.events(event_type="note", limit=2)) == ["n0", "n1"]
    assert names(studio.events(limit=0)) == []


def test_events_are_as_they_were_sent(studio: Studio) -> None:
    for sent, got in zip(RUN, studio.events(limit=len(RUN)), strict=True):
        assert {name: value for name, value in got.items() if name not in ("studioseq", "studioreceived")} == sent


def test_filters_narrow_each_other(studio: Studio) -> None:
    assert names(studio.events(node_id="tool/t")) == ["r4", "a4"]
    assert names(studio.events("data.result.error contains alert", node_id="tool/t")) == ["a4"]
    assert names(studio.events(trace_id=TRACE)) == ["r1"]
    assert names(studio.events(session_id="s1", event_type="memory.*")) == ["m1", "m2"]
    moment = datetime.fromisoformat(time(3))
    assert names(studio.events(event_type="node.*", start_time=moment, end_time=time(4))) == ["r3", "r4"]
    assert names(studio.events(event_type="node.*", end_time=moment.timestamp())) == ["r1", "r2", "a2", "r3"]
    assert names(studio.events(q="no luck")) == ["a3"]
    assert names(studio.events(up_to=2)) == ["r1", "r2"]


def test_a_wrong_question_is_an_error_where_it_is_asked(studio: Studio) -> None:
    with pytest.raises(StudioError) as refused:
        studio.events("type = = 1")
    error = refused.value
    assert (error.code, error.status, error.position) == ("invalid_condition", 400, 7)
    assert error.expected and "node.request" in error.expected
    with pytest.raises(StudioError) as refused:
        studio.event(10**9)
    assert (refused.value.code, refused.value.status) == ("not_found", 404)
    with pytest.raises(StudioError) as refused:
        studio.run("no-such-run")
    assert refused.value.code in ("invalid", "not_found")


def test_an_event_knows_its_links(studio: Studio) -> None:
    detail = studio.event(7)
    assert detail["event"]["id"] == "a3"
    request = detail["links"].get("request")
    assert request and request["id"] == "r3"
    assert detail.get("run_id") == 1


def test_a_run_is_a_tree(studio: Studio) -> None:
    runs = studio.runs()
    assert (len(runs), runs.total, runs[0]["id"], runs[0]["status"]) == (1, 1, 1, "ok")
    run = studio.run(runs[0]["id"])
    assert [(call.depth, call.node) for call in run.walk()] == [(0, "/node/crew"), (1, "/node/agent/a"), (1, "/node/agent/b"), (2, "/node/tool/t")]
    [root] = run.roots
    assert (root.source, root.parent, root.duration_ms, root.start) == ("/user/sdk", None, 7000.0, datetime.fromisoformat(time(0)))
    [_, second] = root.children
    [tool] = second.children
    assert (tool.parent, tool.request, tool.status, tool.error) == (second, 5, "error_result", HOSTILE)
    assert [call.node for call in second.walk()] == ["/node/agent/b", "/node/tool/t"]
    assert run.duration_ms == sum(stretch.duration_ms for stretch in run.critical_path)
    assert run.critical_path[0].call is root
    error = run.first_error
    assert error is not None and error.call is tool and not error.is_fatal
    assert HOSTILE in str(error)
    assert run.tokens is not None and run.tokens["total"] == 120
    assert (root.children[0].tokens or {}).get("total") == 120
    assert tool.tokens is None


def test_a_run_is_found_by_what_is_in_it(studio: Studio) -> None:
    assert studio.run(5).id == studio.run(TRACE).id == 1
    assert studio.run(1, at=3).status == "running"
    assert [run["id"] for run in studio.runs(status="failed")] == []
    assert [run["id"] for run in studio.runs(node_id="crew", session_id="s*", order="-duration", limit=1)] == [1]


def test_memory_is_as_of_any_position(studio: Studio) -> None:
    memory = studio.memory("agent/a")
    assert memory.node_id == "/node/agent/a"
    assert [(entry["entry_id"], entry["tier"], entry.get("content")) for entry in memory.entries or []] == [("e1", "session", HOSTILE), ("e2", "session", "kept")]
    assert memory.pso == {"goal": HOSTILE}
    assert memory.tier("session") == memory.entries
    assert memory.tier("working") == []
    earlier = studio.memory("/node/agent/a", at=9, session_id="s1")
    assert (len(earlier.entries or []), earlier.pso) == (1, None)
    changed = studio.memory("node/agent/a", at=10, diff_from=9).document.get("diff")
    assert changed and [(change["kind"], change["entry"]["entry_id"]) for change in changed] == [("added", "e2")]
    assert [owner["node_id"] for owner in studio.memories()] == ["/node/agent/a"]
    with pytest.raises(StudioError) as refused:
        studio.memory("/node/crew")
    assert refused.value.code == "not_found"


def test_state_topology_metrics_and_sessions(studio: Studio) -> None:
    state = studio.state("/plan/1", session_id="s1")
    written = state.get("written")
    assert (state["value"], written and written["seq"]) == ("two", 12)
    assert studio.state("/plan/1", session_id="s1", at=12, diff_from=12, blame=True).get("diff") == []
    assert {node["id"] for node in studio.topology(run_id=1)["nodes"]} == {"/user/sdk", "/node/crew", "/node/agent/a", "/node/agent/b", "/node/tool/t"}
    assert len(studio.topology(at=1)["edges"]) == 1
    total = studio.metrics(run_id=1)["tokens"].get("total")
    assert total and total.get("total") == 120
    assert [(session["id"], session["events"]) for session in studio.sessions()] == [("s1", 2513)]


def test_an_export_is_whole_and_replaces_nothing_unasked(studio: Studio, tmp_path: Path) -> None:
    path = studio.export(tmp_path / "run.jsonl", event_type="node.*")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"]["id"] for line in lines[1:-1]] == [sent["id"] for sent in RUN]
    assert lines[-1]["end"]["events"] == len(RUN)
    with pytest.raises(FileExistsError, match="force"):
        studio.export(path)
    assert len(studio.export(path, force=True).read_text().splitlines()) == 2515
    with pytest.raises(StudioError):
        studio.export(tmp_path / "none.jsonl", start_time="yesterday")
    assert [file.name for file in tmp_path.iterdir()] == ["run.jsonl"]


def test_pages_for_people_show_hostile_text_as_text(studio: Studio) -> None:
    shown = [studio.runs()._repr_html_(), studio.run(1)._repr_html_(), studio.memory("agent/a")._repr_html_(), studio._repr_html_()]
    for html in shown:
        assert "<script" not in html
    escaped = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;&quot;&#x27;"
    assert escaped in shown[1] and escaped in shown[2]
    assert "/node/tool/t" in shown[1] and "went wrong first" in shown[1]


def test_answers_are_what_their_types_say(studio: Studio) -> None:
    for answer, expected in (
        (studio.event(7), documents.EventDetail),
        (studio.run(1).document, documents.RunDetail),
        (studio.runs()[0], documents.RunSummary),
        (studio.memory("agent/a", diff_from=9).document, documents.MemoryAnswer),
        (studio.memory("agent/a", entry="e1").document, documents.MemoryAnswer),
        (studio.state("", session_id="s1", blame=True, diff_from=1), documents.State),
        (studio.topology(), documents.Topology),
        (studio.metrics(), documents.Metrics),
        (studio.sessions()[0], documents.Session),
        (studio.memories()[0], documents.Owner),
    ):
        assert list(mismatches(answer, expected, expected.__name__)) == []


def mismatches(value: Any, expected: Any, place: str) -> Iterator[str]:
    """Where a document isn't what its type says."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if expected is Any:
        return
    if origin is typing.NotRequired:
        yield from mismatches(value, arguments[0], place)
    elif origin in (typing.Union, types.UnionType):
        if all(list(mismatches(value, one, place)) for one in arguments):
            yield f"{place}: {value!r} is none of {expected}"
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{place}: {value!r} is none of {arguments}"
    elif origin is list and isinstance(value, list):
        for index, item in enumerate(value):
            yield from mismatches(item, arguments[0], f"{place}[{index}]")
    elif origin is dict and isinstance(value, dict):
        for name, item in value.items():
            yield from mismatches(item, arguments[1], f"{place}.{name}")
    elif typing.is_typeddict(expected) and isinstance(value, dict):
        members = typing.get_type_hints(expected, vars(documents), include_extras=True)
        needed = {name for name, kind in members.items() if typing.get_origin(kind) is not typing.NotRequired}
        if not needed <= value.keys() <= members.keys():
            yield f"{place}: {sorted(needed ^ value.keys())}"
        for name in members.keys() & value.keys():
            yield from mismatches(value[name], members[name], f"{place}.{name}")
    elif expected is float:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            yield f"{place}: {value!r} is no number"
    elif expected in (str, int, bool, types.NoneType):
        if type(value) is not expected:
            yield f"{place}: {value!r} is no {expected.__name__}"
    else:
        yield f"{place}: {value!r} is no {expected}"


def test_a_directory_that_a_server_has_open_names_the_way_through_it(tmp_path: Path) -> None:
    with loom_studio.serve(port=0, data_dir=tmp_path):
        with pytest.raises(StudioError, match=r"in use by process \d+.*Studio\('http://") as refused:
            Studio(tmp_path)
    assert refused.value.code == "data_dir_in_use"


def test_only_a_data_directory_is_opened_as_one(tmp_path: Path) -> None:
    for where in (tmp_path, tmp_path / "none", "localhost:8765"):
        with pytest.raises(StudioError, match="no data directory") as refused:
            Studio(where)
        assert refused.value.code == "no_data_dir"
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_free_when_the_reader_is_gone(tmp_path: Path) -> None:
    loom_studio.serve(port=0, data_dir=tmp_path).stop()
    studio = Studio(tmp_path)
    del studio
    with Studio(tmp_path) as studio:
        assert studio.sessions() == []
        # Whoever can reach the port still needs the secret.
        with pytest.raises(StudioError) as refused:
            Studio(studio.url).sessions()
        assert refused.value.code == "unauthorized"
    studio.close()
    with pytest.raises(StudioError) as refused:
        studio.sessions()
    assert refused.value.code == "unreachable"


def test_workspaces_are_apart() -> None:
    with loom_studio.serve(port=0, memory=True) as server:
        post(server, RUN)
        assert server.studio("other").sessions() == []
        assert len(server.studio("default").sessions()) == 1


def test_a_memory_of_many_pages_is_whole() -> None:
    with loom_studio.serve(port=0, memory=True) as server:
        # More entries than a page has, and more text than an answer holds.
        def added(number: int) -> dict[str, Any]:
            data = {"entry_id": f"e{number}", "tier": "L4", "role": "user", "content": f"{number} " + "x" * 4000}
            return event(f"m{number}", "memory.add", "/node/a", number, data=data)

        for start in range(0, 2400, 800):
            post(server, [added(number) for number in range(start, start + 800)])
        entries = server.studio().memory("a").entries or []
    assert [entry["entry_id"] for entry in entries] == [f"e{number}" for number in range(2400)]
    assert {entry["content_is"] for entry in entries} == {"here"}
    assert [(entry.get("content") or "").split()[0] for entry in entries] == [str(number) for number in range(2400)]


def test_many_runs_are_listed_page_after_page() -> None:
    with loom_studio.serve(port=0, memory=True) as server:
        post(server, [event(f"r{number}", "node.request", "/user/u", number, "/node/a") for number in range(2100)])
        studio = server.studio()
        assert [run["id"] for run in studio.runs(order="seq", limit=None)] == list(range(1, 2101))
        limited = studio.runs(limit=1500)
        assert (len(limited), limited.total, limited[-1]["id"]) == (1500, 2100, 601)
        assert "500 of 2100 runs" in limited._repr_html_()


class Imposter(BaseHTTPRequestHandler):
    """Answers as something else than Studio would."""

    def do_GET(self) -> None:
        if self.path.startswith("/api/sessions"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")
        elif self.path.startswith("/api/export"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"format":"loom-studio.log","version":1}\n')
        elif self.path.startswith("/api/topology"):
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/stolen")  # type: ignore[attr-defined]
            self.end_headers()
        elif self.path.startswith("/api/metrics"):
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"{")
        else:
            stolen.append(self.headers.get("Authorization"))
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        pass


stolen: list[str | None] = []


def test_what_is_no_studio_is_told_from_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A proxy of the environment is for other machines.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server = HTTPServer(("127.0.0.1", 0), Imposter)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        studio = Studio(f"http://127.0.0.1:{server.server_port}", token="s3cret")
        for ask, code in (
            (studio.sessions, "no_studio"),
            (studio.topology, "no_studio"),
            (studio.metrics, "broken_off"),
            (lambda: studio.export(tmp_path / "x"), "broken_off"),
        ):
            with pytest.raises(StudioError) as refused:
                ask()
            assert refused.value.code == code
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert stolen == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:notaport", "://x", "http://[::1"])
def test_a_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(StudioError) as refused:
        Studio(url)
    assert refused.value.code == "invalid_url"


def test_without_a_place_it_is_the_server_that_programs_report_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOOM_STUDIO_URL", raising=False)
    assert Studio().url == "http://localhost:8765"
    monkeypatch.setenv("LOOM_STUDIO_URL", "wss://studio.example/")
    assert Studio().url == "https://studio.example"


def test_the_committed_documents_are_the_generated_ones() -> None:
    import runpy

    generator = Path(__file__).parents[2] / "generate_documents.py"
    committed = generator.with_name("python") / "loom_studio" / "documents.py"
    assert committed.read_text() == runpy.run_path(str(generator))["documents"](), "run generate_documents.py"


@pytest.mark.parametrize("url", ["ftp://user:hush@x", "http://user:hush@", "http://user:hush@x:notaport"])
def test_the_secret_of_a_url_is_in_no_message(url: str) -> None:
    with pytest.raises(StudioError) as refused:
        Studio(url)
    assert refused.value.code == "invalid_url"
    assert "hush" not in str(refused.value)
