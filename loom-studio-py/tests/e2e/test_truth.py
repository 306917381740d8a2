"""What Studio says of real Loom programs, compared link by link with what they noted themselves."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from studio import Json, Studio, comes_true, environment, run_studio

PROGRAM = Path(__file__).with_name("truthful_program.py")
PROGRAM_SECONDS = 60

Place = tuple[Any, ...] | None


def node(address: str | None) -> str:
    """A node's id from any spelling of its address."""
    assert address is not None
    if address.startswith("/user"):
        return address
    return "/node/" + address.removeprefix("/").removeprefix("node/")


def moment(event: Json) -> datetime:
    return datetime.fromisoformat(event["time"])


@dataclass
class Watched:
    """A program's own account, and a server that was told by Loom's interceptor."""

    studio: Studio
    has_causes: bool
    truth: Json
    events: dict[int, Json] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)
    runs: dict[int, Json] = field(default_factory=dict)
    details: dict[int, Json] = field(default_factory=dict)
    replies: dict[str | None, list[Json]] = field(default_factory=dict)
    # By the node that is called: the request, when it was made, and when it was answered for the last time.
    calls: dict[str, list[tuple[int, datetime, datetime | None]]] = field(default_factory=dict)
    places: dict[int, Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.events = {event["studioseq"]: event for event in self.studio.events()}
        self.seqs = {event["id"]: seq for seq, event in self.events.items()}
        self.runs = {run["id"]: run for run in self.studio.get("/api/runs", limit=1000)["runs"]}
        for event in self.events.values():
            self.replies.setdefault((event["data"] or {}).get("request_id"), []).append(event)
        for seq, request in self.requests():
            ends = [moment(reply) for reply in self.replies_to(request)]
            self.calls.setdefault(node(request["subject"]), []).append((seq, moment(request), max(ends, default=None)))
        self.places = {seq: self._expected(event) for seq, event in self.events.items()}
        self.details = {run: self.studio.get(f"/api/runs/{run}") for run in self.runs}

    def call_of(self, event: Json) -> int | None:
        """The request during which an event was sent, by the program's account; for a reply the one it answers."""
        cause = self.truth["causes"][event["id"]]
        if cause is None:
            return None
        return self.seqs[cause]

    def requests(self) -> Iterator[tuple[int, Json]]:
        return ((seq, event) for seq, event in self.events.items() if event["type"] == "node.request")

    def replies_to(self, request: Json) -> list[Json]:
        return self.replies.get(request["id"], [])

    def open_at(self, event: Json) -> list[int]:
        """The calls that were open at its sender: the rule of structure, by brute force."""
        now = moment(event)
        return [
            seq
            for seq, start, end in self.calls.get(node(event["source"]), [])
            if seq != event["studioseq"] and start <= now and (end is None or end >= now)
        ]

    def expected(self, event: Json) -> Place:
        """Where an event has to be shown, if nothing that is known is passed over and nothing is guessed."""
        return self.places[event["studioseq"]]

    def _expected(self, event: Json) -> Place:
        truth = self.call_of(event)
        is_reply = "request_id" in (event["data"] or {})
        if self.has_causes:
            return None if truth is None else ("in", truth, "causation")
        if is_reply:
            return ("in", truth, "request_id")
        if event["type"] not in ("node.request", "agent.reflection"):
            # It carries on the whole trace context of the request.
            return ("in", truth, "traceparent")
        among = self.open_at(event)
        if not among:
            return None
        if len(among) == 1:
            assert among == [truth], "a wrong link by the rule itself"
            return ("in", among[0], "structure")
        assert truth in among
        return ("among", *among)

    def shown(self) -> dict[int, Place]:
        """Where the trees of all runs show each event."""
        places: dict[int, Place] = {}

        def put(seq: int, place: Place) -> None:
            assert seq not in places, f"{seq} is in two places"
            places[seq] = place

        for detail in self.details.values():
            calls = detail["calls"]
            for call in calls:
                if call["parent"] is not None:
                    put(call["request"], ("in", calls[call["parent"]]["request"], call["link"]["trust"]))
                elif call["is_ambiguous"]:
                    assert call["has_all_candidates"]
                    put(call["request"], ("among", *call["candidates"]))
                else:
                    put(call["request"], None)
                if call["end"]:
                    put(call["end"]["event"], ("in", call["request"], call["end"]["trust"]))
                for attached in call["events"] + call["more_replies"]:
                    put(attached["event"], ("in", call["request"], attached["trust"]))
            for unplaced in detail["unplaced"]:
                put(unplaced["event"], ("among", *unplaced["candidates"]) if unplaced["candidates"] else None)
        return places


@pytest.fixture(scope="module", params=[False, True], ids=["as shipped", "with causes"])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("truth")
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")  # pytest shows it with a failure
    server = run_studio(directory / "studio.log")
    studio = next(server)
    truth = directory / "truth.json"
    causes = ["--causes"] if request.param else []
    program = subprocess.run(
        [sys.executable, PROGRAM, "--seed", str(seed), "--url", studio.ws_url, "--truth", truth, *causes],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
    )
    assert program.returncode == 0, program.stdout + program.stderr
    account = json.loads(truth.read_text())
    assert comes_true(lambda: studio.get("/api/events")["total"] == len(account["events"]), 10)
    yield Watched(studio, request.param, account)
    assert next(server, None) is None


def test_the_program_was_worth_watching(watched: Watched) -> None:
    kinds = Counter(event["type"] for event in watched.events.values())
    assert kinds["node.request"] > 40
    assert kinds["node.error"] >= 2
    assert len(watched.truth["blocked"]) == 1
    assert (watched.truth["blocked"][0] in watched.seqs) == watched.has_causes


def test_no_link_is_wrong_and_every_unambiguous_one_is_found(watched: Watched) -> None:
    shown = watched.shown()
    counted: Counter[str] = Counter()
    for seq, event in watched.events.items():
        expected = watched.expected(event)
        if expected is not None and expected[0] == "among" and event["type"] != "node.request" and seq not in shown:
            # It is part of no run; the calls it may belong to show it as possible.
            continue
        assert shown[seq] == expected, event
        counted[(expected or ("root",))[-1 if expected and expected[0] == "in" else 0]] += 1
    if watched.has_causes:
        assert counted.keys() == {"root", "causation"}
    else:
        assert counted.keys() >= {"root", "request_id", "traceparent", "structure", "among"}
    assert counted["root"] == 11


def test_an_event_alone_is_shown_where_the_trees_show_it(watched: Watched) -> None:
    effects: dict[str, list[str]] = {}
    for event in watched.events.values():
        effects.setdefault(event.get("causationid", ""), []).append(event["id"])
    run_of = {seq: run for run, detail in watched.details.items() for seq in members(detail)}
    for seq, event in watched.events.items():
        detail = watched.studio.get(f"/api/events/{seq}")
        links = detail["links"]
        assert detail["placed"] == "yes"
        call, among = links["call"], links["candidates"]
        alone = ("in", call["seq"], call["trust"]) if call else ("among", *among) if among else None
        assert alone == watched.expected(event), event
        assert detail["run_id"] == run_of.get(seq)

        cause = watched.truth["causes"][event["id"]] if watched.has_causes else None
        assert (links["cause"] and links["cause"]["id"]) == cause
        requested = (event["data"] or {}).get("request_id")
        assert (links["request"] and links["request"]["id"]) == requested
        replies = sorted(watched.replies_to(event), key=moment)
        assert (links["response"] and links["response"]["id"]) == (replies[0]["id"] if replies else None)
        assert (links["end"] and links["end"]["id"]) == (replies[0]["id"] if replies else None)
        assert [effect["id"] for effect in links["effects"]] == effects.get(event["id"], [])[:100]


def members(detail: Json) -> set[int]:
    found = {unplaced["event"] for unplaced in detail["unplaced"]}
    for call in detail["calls"]:
        attached = call["events"] + call["more_replies"] + ([call["end"]] if call["end"] else [])
        found |= {call["request"]} | {of["event"] for of in attached}
    return found


def test_what_may_belong_to_a_run_is_shown_there_and_not_counted(watched: Watched) -> None:
    found = 0
    for run, detail in watched.details.items():
        own = members(detail)
        assert watched.runs[run]["events"] == len(own)
        assert watched.runs[run]["calls"] == len(detail["calls"])
        expected = {}
        for seq, event in watched.events.items():
            place = watched.expected(event)
            if seq not in own and place is not None and place[0] == "among" and own & set(place[1:]):
                expected[seq] = list(place[1:])
        assert {possible["event"]: possible["candidates"] for possible in detail["possible"]} == expected
        for possible in detail["possible"]:
            calls = [detail["calls"][call]["request"] for call in possible["calls"]]
            assert calls == [seq for seq in calls if seq in possible["candidates"]] != []
        found += len(expected)
    assert (found > 0) != watched.has_causes


def test_runs_that_may_be_parts_of_others_are_marked(watched: Watched) -> None:
    for seq, run in watched.runs.items():
        place = watched.expected(watched.events[seq])
        root = run["root"]
        assert root["is_ambiguous"] == (place is not None)
        assert root["candidates"] == (list(place[1:]) if place else [])
    certain = watched.studio.get("/api/runs", ambiguous="false", limit=1000)
    assert certain["total"] == 11
    assert {run["root"]["from"] for run in certain["runs"]} == {"/user/sdk"}
    listed = watched.studio.get("/api/runs", limit=1000)
    assert listed["ambiguous"] == listed["total"] - 11
    if watched.has_causes:
        assert listed["total"] == 11


def codes(detail: Json) -> list[str]:
    return [step["code"] for step in detail["failure"]["chain"]]


def to_blame(detail: Json) -> Json:
    call: Json = detail["calls"][detail["failure"]["call"]]
    return call


def root_at(watched: Watched, address: str, number: int) -> Json:
    runs = [run for run in watched.runs.values() if (run["root"]["from"], run["root"]["node"]) == ("/user/sdk", address)]
    runs.sort(key=lambda run: str(run["start"]))
    return watched.details[runs[number]["id"]]


def test_an_error_that_nobody_heard_is_to_blame(watched: Watched) -> None:
    detail = root_at(watched, "/node/alone/0", 0)
    assert detail["run"]["status"] in ("failed", "unanswered")
    assert to_blame(detail)["to"] == "/node/tool/alone"
    assert to_blame(detail)["is_unheard"]
    assert detail["failure"]["is_fatal"]
    assert codes(detail)[:2] == ["reported_error", "never_heard"]
    first = detail["failure"]["chain"][0]
    assert "the wire is cut" in first["error"]
    [error] = [event for event in watched.events.values() if event["type"] == "node.error" and "wire is cut" in event["data"]["error"]]
    assert first["event"] == error["studioseq"]
    # The critical path says where the half minute went.
    vain = [step for step in detail["critical_path"] if step["pursuit"] == "wait_in_vain"]
    assert any(detail["calls"][step["call"]]["to"] == "/node/tool/alone" for step in vain)


def test_a_reply_after_its_caller_gave_up_is_late(watched: Watched) -> None:
    detail = root_at(watched, "/node/alone/2", 0)
    [tool] = [call for call in detail["calls"] if call["to"] == "/node/tool/alone"]
    assert tool["status"] == "late"
    assert tool["duration_ms"] > 30_000
    assert tool["parent"] == 0
    assert detail["run"]["status"] == "failed"


def test_a_blocked_request_is_nobodys_work(watched: Watched) -> None:
    detail = root_at(watched, "/node/alone/0", 1)
    calls = [call for call in detail["calls"] if call["to"] == "/node/tool/alone"]
    if watched.has_causes:
        assert [call["status"] for call in calls] == ["blocked"]
        assert calls[0]["events"] == [] and calls[0]["end"] is None
        assert to_blame(detail)["request"] == calls[0]["request"]
    else:
        # Loom's interceptor never sees it.
        assert calls == []


def test_edges_are_the_calls_that_were_made(watched: Watched) -> None:
    graph = watched.studio.get("/api/topology")
    made: Counter[tuple[str, str]] = Counter()
    errors: Counter[tuple[str, str]] = Counter()
    took: dict[tuple[str, str], list[float]] = {}
    for _, request in watched.requests():
        edge = (node(request["source"]), node(request["subject"]))
        made[edge] += 1
        replies = watched.replies_to(request)
        if not replies:
            errors[edge] += request["id"] not in watched.truth["blocked"]
            continue
        [reply] = replies
        millis = (moment(reply) - moment(request)).total_seconds() * 1000
        errors[edge] += reply["type"] == "node.error" or millis >= 30_000
        took.setdefault(edge, []).append(millis)
    edges = {(edge["from"], edge["to"]): edge for edge in graph["edges"]}
    assert {ends: edge["count"] for ends, edge in edges.items()} == made
    assert {ends: edge["errors"] for ends, edge in edges.items() if edge["errors"]} == +errors
    for ends, edge in edges.items():
        if ends in took:
            low, high = min(took[ends]), max(took[ends])
            latency = edge["latency_ms"]
            assert low * 0.98 <= latency["p50"] <= latency["p95"] <= latency["p99"] <= high * 1.02
    types = {of["id"]: of["type"] for of in graph["nodes"]}
    called = {to for _, to in made}
    for address in called:
        if "/tool/" in address:
            assert types[address] == "ToolNode"
        elif any(event["type"].startswith("agent.") and node(event["source"]) == address for event in watched.events.values()):
            assert types[address] == "AgentNode"


def test_tokens_are_counted_once_and_parts_are_parts(watched: Watched) -> None:
    used: Counter[str] = Counter()
    by_node: dict[str, int] = {}
    by_call: dict[int, int] = {}
    for event in watched.events.values():
        if event["type"] == "llm.response":
            usage = event["data"]["usage"]
            used["input"] += usage["prompt_tokens"]
            used["output"] += usage["completion_tokens"]
            used["cached"] += usage["prompt_tokens_details"]["cached_tokens"]
            used["reasoning"] += usage["completion_tokens_details"]["reasoning_tokens"]
            sender = node(event["source"])
            by_node[sender] = by_node.get(sender, 0) + usage["total_tokens"]
            call = watched.call_of(event)
            assert call is not None
            by_call[call] = by_call.get(call, 0) + usage["total_tokens"]
    if not watched.has_causes:
        # What a parent's reply sums up is known to be that only where its calls are known to be its own.
        return
    total = watched.studio.get("/api/metrics")["tokens"]
    reported = {name: total["total"][name] for name in ("input", "output", "cached", "reasoning")}
    assert reported == {name: used[name] for name in reported}
    assert total["total"]["total"] == used["input"] + used["output"] == sum(by_node.values())
    for detail in watched.details.values():
        inside = sum(by_call.get(call["request"], 0) for call in detail["calls"])
        assert ((detail["run"]["tokens"] or {}).get("total") or 0) == inside
        for index, call in enumerate(detail["calls"]):
            beneath = sum(by_call.get(detail["calls"][other]["request"], 0) for other in subtree(detail, index))
            assert ((call["tokens"] or {}).get("total") or 0) == beneath


def subtree(detail: Json, index: int) -> Iterator[int]:
    yield index
    for other, call in enumerate(detail["calls"]):
        if call["parent"] == index:
            yield from subtree(detail, other)


def test_memory_and_state_hold_what_was_put_there(watched: Watched) -> None:
    entries: dict[str, dict[str, str]] = {}
    state: dict[str, int] = {}
    for event in watched.events.values():
        if event["type"] == "memory.add":
            entries.setdefault(node(event["source"]), {})[event["data"]["entry_id"]] = event["data"]["content"]
        if event["type"] == "state.patch":
            for patch in event["data"]["patches"]:
                state[patch["path"].removeprefix("/")] = patch["value"]
    for address, expected in entries.items():
        memory = watched.studio.get(f"/api/memory/{address.removeprefix('/')}")["memory"]
        assert {entry["entry_id"]: entry["content"] for entry in memory} == expected
    assert entries and state
    [session] = watched.studio.get("/api/sessions")["sessions"]
    assert session["has_state"]
    document = watched.studio.get("/api/state", session_id=session["id"])
    assert document["value"] == state
