"""A real Loom application reports to the built server; what the API says is compared with what happened inside it."""

from __future__ import annotations

import json
import random
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from studio import UNWATCHED, Json, Studio, comes_true, unwatched, wait_until

PROGRAM = Path(__file__).with_name("loom_program.py")
PROGRAM_SECONDS = 100.0
LOOM_TIMEOUT = timedelta(seconds=30)

# Members that the server adds to what was sent.
STUDIO_MEMBERS = ("studioseq", "studioreceived", "studiodispatched", "studiopublished")


@dataclass
class Viewer:
    """Watches `/ws/events` in its original form from before the first event."""

    events: list[Json] = field(default_factory=list)
    topologies: list[Json] = field(default_factory=list)
    others: list[Json] = field(default_factory=list)

    def watch(self, socket: Any) -> None:
        try:
            for frame in socket:
                message = json.loads(frame)
                kept = {"event": self.events, "topology": self.topologies}.get(message["type"], self.others)
                kept.append(message["data"])
        except ConnectionClosed:
            pass


@dataclass
class Call:
    """A request of the application, with the reply it got in the end."""

    request: Json
    reply: Json

    @property
    def edge(self) -> tuple[str, str]:
        return self.request["source"], node_id(self.request["subject"])

    @property
    def duration(self) -> timedelta:
        return datetime.fromisoformat(self.reply["time"]) - datetime.fromisoformat(self.request["time"])

    @property
    def has_failed(self) -> bool:
        result = self.reply["data"].get("result")
        says_error = self.reply["type"] == "node.error" or bool(isinstance(result, dict) and result.get("error"))
        return says_error or self.duration >= LOOM_TIMEOUT


@dataclass
class Traffic:
    """One run of the application: the truth from inside it, and the server it reported to."""

    studio: Studio
    viewer: Viewer
    truth: Json
    sent: list[Json]

    @property
    def calls(self) -> list[Call]:
        replies = {event["data"]["request_id"]: event for event in self.sent if is_reply(event)}
        return [Call(event, replies[event["id"]]) for event in self.sent if event["type"] == "node.request"]

    def ids(self, matches: Callable[[Json], bool]) -> set[str]:
        return {event["id"] for event in self.sent if matches(event)}

    def check(self, matches: Callable[[Json], bool], **query: object) -> None:
        """Assert that a query finds exactly the events that match, and counts them."""
        expected = self.ids(matches)
        assert expected, f"no event of this run is like {query}: the check would prove nothing"
        page = self.studio.get("/api/events", limit=1000, **query)
        assert {event["id"] for event in page["events"]} == expected, query
        assert (page["total"], page["total_is"]) == (len(expected), "exact"), query


def node_id(address: str) -> str:
    return "/" + address.strip("/")


def is_reply(event: Json) -> bool:
    return event["type"] in ("node.response", "node.error")


def involves(*nodes: str) -> Callable[[Json], bool]:
    return lambda event: bool({event["source"], node_id(event["subject"] or "")} & set(nodes))


def without_studio(event: Json) -> Json:
    return {name: value for name, value in event.items() if name not in STUDIO_MEMBERS}


@pytest.fixture(scope="module")
def traffic(shared_studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")  # pytest shows it with a failure
    truth_file = tmp_path_factory.mktemp("loom") / "truth.json"
    viewer = Viewer()
    with connect(f"{shared_studio.ws_url}/ws/events", max_size=None) as socket:
        watching = threading.Thread(target=viewer.watch, args=(socket,))
        watching.start()
        program = subprocess.run(
            [*UNWATCHED, PROGRAM, "--seed", str(seed), "--truth", truth_file],
            env=unwatched(LOOM_STUDIO_ENABLED="true", LOOM_STUDIO_URL=shared_studio.ws_url),
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
        )
        assert program.returncode == 0, program.stdout + program.stderr
        truth = json.loads(truth_file.read_text())
        sent = truth["events"]
        # Whatever doesn't arrive in time is named by the tests below, item by item.
        comes_true(lambda: shared_studio.get("/api/events")["total"] >= len(sent), 10)
        comes_true(lambda: len(viewer.events) >= len(sent), 10)
        newest = shared_studio.get("/api/topology")["at"]
        comes_true(lambda: viewer.topologies and viewer.topologies[-1]["at"] >= newest, 10)
        socket.close()
        watching.join()
    yield Traffic(shared_studio, viewer, truth, sent)


def test_the_run_was_worth_watching(traffic: Traffic) -> None:
    outcomes = Counter(run["outcome"] for run in traffic.truth["runs"])
    assert outcomes == {"answered": 10, "timed out": 2}
    assert traffic.truth["tool_failures"] == {"/node/archive": 2}
    assert traffic.truth["tool_runs"]["/node/archive"] > 2, "the failing tool answers others meanwhile"
    assert len(traffic.sent) > 200


def test_every_event_is_there_with_the_members_and_values_it_had(traffic: Traffic) -> None:
    received = {event["id"]: event for event in traffic.studio.events()}
    assert received.keys() == traffic.ids(lambda event: True)
    for sent in traffic.sent:
        event = without_studio(received[sent["id"]])
        # Loom's interceptor stamps its copy.
        assert event["extensions"].pop("studio_phase") == "post"
        assert abs(event["extensions"].pop("studio_timestamp") - datetime.fromisoformat(sent["time"]).timestamp()) < 60
        assert event == sent


def test_each_event_carries_its_place_in_the_log(traffic: Traffic) -> None:
    page = traffic.studio.get("/api/events", limit=1000)
    numbers = [event["studioseq"] for event in page["events"]]
    assert numbers == sorted(set(numbers))
    assert page["head_seq"] >= numbers[-1]
    for event in page["events"]:
        late = datetime.fromisoformat(event["studioreceived"]) - datetime.fromisoformat(event["time"])
        assert timedelta(0) <= late < timedelta(seconds=60)


def test_the_total_is_the_number_of_events(traffic: Traffic) -> None:
    page = traffic.studio.get("/api/events", limit=1)
    assert (len(page["events"]), page["total"], page["total_is"]) == (1, len(traffic.sent), "exact")


def test_events_are_found_by_type(traffic: Traffic) -> None:
    for kind in {event["type"] for event in traffic.sent}:
        traffic.check(lambda event: event["type"] == kind, event_type=kind)
    traffic.check(lambda event: event["type"].startswith("node.re"), event_type="node.re*")
    traffic.check(lambda event: "o" in event["type"] and "thought" in event["type"], event_type="*thought*")
    assert traffic.studio.get("/api/events", event_type="node.requests")["total"] == 0


def test_events_are_found_by_node_in_any_spelling(traffic: Traffic) -> None:
    for address in traffic.truth["types"]:
        traffic.check(involves(address), node_id=address)
    for spelling in ("/node/guides/style", "node/guides/style", "guides/style"):
        traffic.check(involves("/node/guides/style"), node_id=spelling)
    for spelling in ("/node/office", "node/office", "office"):
        traffic.check(involves("/node/office"), node_id=spelling)
    traffic.check(involves("/node/reader", "/node/review"), node_id="/node/re*")
    traffic.check(involves("/node/reader", "/node/proof/reader"), node_id="*reader*")


def test_events_are_found_by_trace(traffic: Traffic) -> None:
    traces = Counter(event["traceparent"].split("-")[1] for event in traffic.sent)
    for trace in list(traces)[::20]:
        traffic.check(lambda event: trace in event["traceparent"], trace_id=trace)


def test_events_are_found_by_session(traffic: Traffic) -> None:
    [session] = traffic.studio.get("/api/sessions")["sessions"]
    traffic.check(lambda event: True, session_id=session["id"])
    assert traffic.studio.get("/api/events", session_id="nobody")["total"] == 0


def test_events_are_found_by_time(traffic: Traffic) -> None:
    times = sorted({event["time"] for event in traffic.sent}, key=datetime.fromisoformat)
    early, late = times[len(times) // 4], times[len(times) // 2]

    def is_between(event: Json) -> bool:
        return datetime.fromisoformat(early) <= datetime.fromisoformat(event["time"]) <= datetime.fromisoformat(late)

    # Both ends belong to it, to the microsecond.
    traffic.check(is_between, start_time=early, end_time=late)
    # Epoch seconds have no exact microseconds as floating point numbers: half a microsecond aside there is none.
    around = [datetime.fromisoformat(early).timestamp() - 5e-7, datetime.fromisoformat(late).timestamp() + 5e-7]
    traffic.check(is_between, start_time=f"{around[0]:.7f}", end_time=f"{around[1]:.7f}")
    after = datetime.fromisoformat(times[-1]) + timedelta(microseconds=1)
    assert traffic.studio.get("/api/events", start_time=after.astimezone(UTC).isoformat())["total"] == 0


def test_events_are_found_by_text(traffic: Traffic) -> None:
    for text in ("task-07", "the archive is closed", "\\u4e2d\\u6587", '"weight"', "done: "):
        traffic.check(lambda event: text in json.dumps(event), q=text)
    assert traffic.studio.get("/api/events", q="The Archive Is Closed")["total"] == 0


def test_filters_narrow_each_other(traffic: Traffic) -> None:
    traffic.check(
        lambda event: event["type"] == "node.request" and involves("/node/archive")(event) and "forbidden" in json.dumps(event),
        event_type="node.request",
        node_id="archive",
        q="forbidden",
    )


def test_orders(traffic: Traffic) -> None:
    by_seq = traffic.studio.events()
    assert traffic.studio.events(order="seq") == by_seq
    assert traffic.studio.events(order="-seq") == by_seq[::-1]
    by_time = sorted(by_seq, key=lambda event: (datetime.fromisoformat(event["time"]), event["studioseq"]))
    assert traffic.studio.events(order="time") == by_time
    assert traffic.studio.events(order="-time") == by_time[::-1]


@pytest.mark.parametrize("order", ["seq", "-seq", "time", "-time"])
def test_cursors_lead_through_everything_once(traffic: Traffic, order: str) -> None:
    pages = list(traffic.studio.pages(7, order=order, event_type="node.*"))
    expected = traffic.studio.events(order=order, event_type="node.*")
    assert [event for page in pages for event in page["events"]] == expected
    assert {page["total"] for page in pages} == {len(expected)}
    assert all(len(page["events"]) == 7 for page in pages[:-1])


def test_offsets_cut_the_same_list(traffic: Traffic) -> None:
    everything = traffic.studio.events(order="-time")
    for offset in (0, 5, len(everything) - 3, len(everything)):
        page = traffic.studio.get("/api/events", order="-time", limit=10, offset=offset)
        assert page["events"] == everything[offset : offset + 10]
        assert page["total"] == len(everything)


def test_an_earlier_moment_can_be_asked_for(traffic: Traffic) -> None:
    everything = traffic.studio.events()
    moment = everything[len(everything) // 3]["studioseq"]
    then = traffic.studio.events(up_to=moment)
    assert then == [event for event in everything if event["studioseq"] <= moment]
    topology = traffic.studio.get("/api/topology", at=moment)
    seen = {address for event in then for address in (event["source"], event["subject"]) if address}
    assert {node["id"] for node in topology["nodes"]} == {node_id(address) for address in seen}
    requests = Counter((e["source"], node_id(e["subject"])) for e in then if e["type"] == "node.request")
    assert {(edge["from"], edge["to"]): edge["count"] for edge in topology["edges"]} == requests


def test_requests_and_replies_are_linked(traffic: Traffic) -> None:
    seqs = {event["id"]: event["studioseq"] for event in traffic.studio.events()}
    for call in traffic.calls:
        asked = traffic.studio.get(f"/api/events/{seqs[call.request['id']]}")
        replied = traffic.studio.get(f"/api/events/{seqs[call.reply['id']]}")
        assert asked["event"]["id"] == call.request["id"]
        assert (asked["source"], asked["target"]) == call.edge
        assert replied["source"] == call.edge[1]

        response, request = asked["links"]["response"], replied["links"]["request"]
        assert (response["id"], response["seq"]) == (call.reply["id"], seqs[call.reply["id"]])
        assert (response["type"], response["source"], response["trust"]) == (call.reply["type"], call.edge[1], "request_id")
        assert (request["id"], request["seq"]) == (call.request["id"], seqs[call.request["id"]])
        assert (request["type"], request["source"], request["trust"]) == ("node.request", call.edge[0], "request_id")
        assert asked["links"]["request"] is None
        assert replied["links"]["response"] is None


def test_every_node_is_there_with_its_type(traffic: Traffic) -> None:
    nodes = traffic.studio.get("/api/topology")["nodes"]
    assert {node["id"]: node["type"] for node in nodes} == traffic.truth["types"]
    assert {node["open_calls"] for node in nodes} == {0}
    for node in nodes:
        if node["type"] != "UserNode":
            event = traffic.studio.get(f"/api/events/{node['evidence']['type']['seq']}")
            assert node["id"] in (event["source"], event["target"]), "the evidence is an event of that node"


def test_every_call_is_on_its_edge(traffic: Traffic) -> None:
    edges = {(edge["from"], edge["to"]): edge for edge in traffic.studio.get("/api/topology")["edges"]}
    counted = {(call["from"], call["to"]): call["count"] for call in traffic.truth["calls"]}
    assert {ends: edge["count"] for ends, edge in edges.items()} == counted
    assert {edge["open"] for edge in edges.values()} == {0}
    for tool, runs in traffic.truth["tool_runs"].items():
        assert sum(edge["count"] for (_, to), edge in edges.items() if to == tool) == runs

    failed = Counter(call.edge for call in traffic.calls if call.has_failed)
    assert {ends: edge["errors"] for ends, edge in edges.items() if edge["errors"]} == failed


def test_latencies_lie_between_the_shortest_and_the_longest_call(traffic: Traffic) -> None:
    for edge in traffic.studio.get("/api/topology")["edges"]:
        took = [call.duration.total_seconds() * 1000 for call in traffic.calls if call.edge == (edge["from"], edge["to"])]
        latency = edge["latency_ms"]
        # Percentiles may be kept in buckets: a few percent aside they are lengths of real calls.
        assert min(took) * 0.95 <= latency["p50"] <= latency["p95"] <= latency["p99"] <= max(took) * 1.05


def test_the_failing_tool_is_to_blame(traffic: Traffic) -> None:
    nodes = {node["id"]: node for node in traffic.studio.get("/api/topology")["nodes"]}
    edges = {(edge["from"], edge["to"]): edge for edge in traffic.studio.get("/api/topology")["edges"]}
    failures = traffic.truth["tool_failures"]["/node/archive"]
    assert nodes["/node/archive"]["errors"] == failures
    assert edges["/node/digger", "/node/archive"]["errors"] == failures
    for innocent in ("/node/search", "/node/guides/style", "/node/reader"):
        assert nodes[innocent]["errors"] == 0

    said = [event["data"]["error"] for event in traffic.studio.events(event_type="node.error", node_id="archive")]
    assert len(said) == failures
    assert all("the archive is closed" in error for error in said)


def test_the_process_is_one_session_that_is_over(traffic: Traffic) -> None:
    def sessions() -> list[Json]:
        listed: list[Json] = traffic.studio.get("/api/sessions")["sessions"]
        return listed

    wait_until(lambda: sessions()[0]["status"] == "disconnected", 10, "the closed connection is noticed")
    [session] = sessions()
    everything = traffic.studio.events()
    assert session["events"] == len(traffic.sent)
    assert session["workspace"] == "default"
    assert session["first_seq"] == everything[0]["studioseq"]
    assert session["last_seq"] >= everything[-1]["studioseq"]
    assert session["errors"] > 0

    of_session = traffic.studio.get("/api/topology", session_id=session["id"])
    assert {node["id"]: node["type"] for node in of_session["nodes"]} == traffic.truth["types"]


def test_who_watched_saw_each_event_once_and_the_topology_grow(traffic: Traffic) -> None:
    assert [event["id"] for event in traffic.viewer.events] == [event["id"] for event in traffic.studio.events()]
    assert traffic.viewer.events == traffic.studio.events()
    assert traffic.viewer.others == []
    grown = [len(topology["nodes"]) for topology in traffic.viewer.topologies]
    assert grown == sorted(grown)
    assert len(grown) > 3
    assert traffic.viewer.topologies[-1] == traffic.studio.get("/api/topology")
