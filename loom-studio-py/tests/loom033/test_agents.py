"""What Studio shows of an unmodified program on loom-agent 0.3.3 is what the program knows of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from watching import Watched, python, server, watch

PROGRAM = Path(__file__).with_name("agents_program.py")
NODES = ["/node/scholar", "/node/deep/thinker", "/node/careful", "/node/reflecting"]


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with server() as studio:
        yield watch(studio, PROGRAM)


@pytest.mark.parametrize("node", NODES)
def test_a_memory_holds_what_the_program_holds_tier_by_tier_in_its_order(watched: Watched, node: str) -> None:
    assert watched.tiers(node) == watched.truth["tiers"][node]
    assert watched.memory(node)["faults"] == []


def test_what_was_merged_into_what_is_known(watched: Watched) -> None:
    history = watched.memory("/node/reflecting")["history"]
    merged = [step for step in history if step["kind"] == "consolidated"]
    assert merged, history
    kept = [entry for entry in watched.memory("/node/reflecting")["memory"] if entry["sources"]]
    assert all("[Memory Reflection]" in entry["content"] for entry in kept)


def test_the_project_state_is_the_programs(watched: Watched) -> None:
    assert watched.memory("/node/deep/thinker")["pso"] == watched.truth["project_state"]


def test_a_memory_without_an_owner_is_its_owners_from_then_on(watched: Watched) -> None:
    [first, *_] = [event for event in watched.events("memory.add") if event["data"].get("content") == "known before anybody had it"]
    assert first["source"] == "/memory/HierarchicalMemory-1"
    assert watched.studio.get("/api/memory//memory/HierarchicalMemory-1")["memory"] == []


def test_tokens_are_those_of_the_models_answers(watched: Watched) -> None:
    used = watched.truth["used"]
    responses = watched.events("llm.response")
    assert len(responses) == used["calls"] + used["failed"]
    assert len(watched.events("llm.request")) == len(responses)
    metrics = watched.studio.get("/api/metrics")
    total = metrics["tokens"]["total"]
    assert total["input"] == used["input"]
    assert total["output"] == used["output"]
    assert total["cached"] == used["cached"]
    [model] = metrics["tokens"]["by_model"]
    assert (model["model"], model["input"]) == ("small-1", used["input"])
    assert {event["data"]["model"] for event in responses} == {"small-1"}


def test_a_call_of_a_model_is_the_nodes_that_makes_it_and_has_its_cause(watched: Watched) -> None:
    events = {event["id"]: event for event in watched.studio.events()}
    in_nodes = [event for event in watched.events("llm.re*") if event["source"].startswith("/node/")]
    assert Counter(event["source"] for event in in_nodes).keys() == set(NODES)
    for event in in_nodes:
        cause = events[event["causationid"]]
        assert cause["type"] == "node.response" or cause["subject"].strip("/") == event["source"].strip("/"), (event, cause)


def test_streams_of_a_model_and_failures_are_told(watched: Watched) -> None:
    by_program = [event["data"] for event in watched.events("llm.response") if not event["source"].startswith("/node/")]
    whole, left, failed = by_program
    assert " ".join(watched.truth["words"]) == "said of a whole stream"
    assert (whole["stream"], whole["chunks"], "cancelled" in whole) == (True, len(watched.truth["words"]), False)
    assert 0 < whole["ttft_ms"] <= whole["latency_ms"]
    assert (left["chunks"], left["cancelled"]) == (1, True)
    assert failed["error"] == {"type": "ConnectionError", "message": "the model is away"}


def test_what_bypasses_the_dispatcher_is_there_once(watched: Watched) -> None:
    assert [event["data"]["content"] for event in watched.events("agent.stream.text")] == ["one", "two", "three"]
    ids = Counter(event["id"] for event in watched.studio.events())
    assert set(ids.values()) == {1}


def test_memory_events_have_the_cause_that_their_agent_was_handling(watched: Watched) -> None:
    events = {event["id"]: event for event in watched.studio.events()}
    caused = [event for event in watched.events("memory.*") if event.get("causationid")]
    assert len(caused) > 20
    for event in caused:
        assert events[event["causationid"]]["type"] in ("node.request", "node.response")


def test_loom_makes_ours_instead_of_its_own_and_prints_nothing(watched: Watched) -> None:
    assert watched.truth["interceptors"] == ["loom.kernel.base_interceptor", "loom_studio._interceptor"]
    unwatched = python(PROGRAM, "/dev/null")
    assert watched.stdout == unwatched.stdout
    assert b"done 12\n" in watched.stdout
    assert watched.stderr == unwatched.stderr


def test_without_content_nothing_that_was_said_leaves_the_process() -> None:
    with server() as studio:
        watched = watch(studio, PROGRAM, LOOM_STUDIO_CAPTURE_CONTENT="false")
        everything = str(studio.events())
        for secret in ("study 1", "said of", "goal 2", "found study", "Summarize", "known before", "helpful assistant"):
            assert secret not in everything
        sizes = {tier: len(entries) for tier, entries in watched.truth["tiers"]["/node/scholar"].items()}
        assert {tier: len(entries) for tier, entries in watched.tiers("/node/scholar").items()} == sizes
        assert studio.get("/api/metrics")["tokens"]["total"]["input"] == watched.truth["used"]["input"]
