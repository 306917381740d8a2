"""What Studio shows of an unmodified program on loom-agent 0.3.8 is what the program knows of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from watching import Watched, python, server, watch

PROGRAM = Path(__file__).with_name("agents_program.py")
NODES = ["/node/talker", "/node/group/keeper"]


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with server() as studio:
        yield watch(studio, PROGRAM)


@pytest.mark.parametrize("node", NODES)
def test_a_memory_holds_what_the_program_holds_tier_by_tier_in_its_order(watched: Watched, node: str) -> None:
    found: dict[str, list[list[object]]] = {}
    for entry in watched.memory(node)["memory"]:
        found.setdefault(entry["reported_tier"], []).append([entry["role"], entry["content"], entry["entry_id"]])
    assert found == watched.truth["tiers"][node]
    assert watched.memory(node)["faults"] == []


def test_what_was_promoted_cleared_and_merged_is_known(watched: Watched) -> None:
    history = Counter(step["kind"] for step in watched.memory("/node/group/keeper")["history"])
    assert history["promoted"] == 1
    assert history["cleared"] == 1
    # Four apples, and two pears with the plan, which the program's embeddings take for one of them.
    assert history["consolidated"] == 2
    assert sorted(len(event["data"]["sources"]) for event in watched.events("memory.consolidate")) == [3, 4]
    evicted = Counter(step["kind"] for step in watched.memory("/node/talker")["history"])
    assert evicted["evicted"] == 4 * 3 - 5


def test_tokens_are_those_of_the_models_answers(watched: Watched) -> None:
    used = watched.truth["used"]
    assert len(watched.events("llm.response")) == used["calls"]
    metrics = watched.studio.get("/api/metrics")["tokens"]
    assert metrics["total"]["input"] == used["input"]
    assert metrics["total"]["output"] == used["output"]
    assert metrics["total"]["reasoning"] == used["reasoning"]
    assert [one["model"] for one in metrics["by_model"]] == ["large-1"]


def test_a_stream_is_read_no_further_than_the_program_reads_it(watched: Watched) -> None:
    streams = [event for event in watched.events("llm.response") if event["data"]["stream"]]
    assert len(streams) == watched.truth["closed"] == watched.truth["answers"]
    events = {event["id"]: event for event in watched.studio.events()}
    for event in streams:
        data = event["data"]
        assert (data["content"], data["chunks"], data["finish_reason"]) == ("so said", 3, "stop")
        assert 2 <= data["ttft_ms"] <= data["latency_ms"]
        assert "unread" not in str(data)
        cause = events[event["causationid"]]
        assert (cause["type"], cause["subject"]) == ("node.request", event["source"])


def test_what_bypasses_the_dispatcher_is_there_once_and_has_its_cause(watched: Watched) -> None:
    events = {event["id"]: event for event in watched.studio.events()}
    assert set(Counter(event["id"] for event in watched.studio.events()).values()) == {1}
    for kind, each in (("agent.stream.text", 2), ("agent.stream.done", 1), ("agent.context.curated", 1)):
        found = watched.events(kind)
        assert len(found) == each * watched.truth["answers"]
        for event in found:
            assert events[event["causationid"]]["subject"] == f"/node/{event['source']}"


def test_nothing_is_printed(watched: Watched) -> None:
    unwatched = python(PROGRAM, "/dev/null")
    assert watched.stdout == unwatched.stdout
    assert b"done 8\n" in watched.stdout


def test_without_content_nothing_that_was_said_leaves_the_process() -> None:
    with server() as studio:
        watched = watch(studio, PROGRAM, LOOM_STUDIO_CAPTURE_CONTENT="false")
        everything = str(studio.events())
        for secret in ("task 1", "so said", "so ", "apple", "a plan", "helpful assistant", "kept as an object"):
            assert secret not in everything
        sizes = Counter(entry["reported_tier"] for entry in watched.memory("/node/group/keeper")["memory"])
        assert sizes == {tier: len(units) for tier, units in watched.truth["tiers"]["/node/group/keeper"].items()}
        assert studio.get("/api/metrics")["tokens"]["total"]["input"] == watched.truth["used"]["input"]
        assert all(edge["open"] == 0 for edge in studio.get("/api/topology")["edges"])
