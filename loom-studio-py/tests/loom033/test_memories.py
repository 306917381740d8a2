"""Memories of 0.3.3, followed through anything a program does to them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
from typing import Any

import pytest

from recording import Recording, recording  # isort: skip

from loom.api.factory import Agent
from loom.api.main import LoomApp
from loom.builtin.memory.metabolic import MetabolicMemory
from loom.interfaces.memory import MemoryEntry, MemoryInterface
from loom.memory.hierarchical import HierarchicalMemory

from loom_studio import _memory, _nodes


def names(record: Recording) -> dict[str, str]:
    """The id of each entry by its content, which these tests make unique."""
    return {data["content"]: data["entry_id"] for kind, _, data, _ in record.events if kind in ("memory.add", "memory.consolidate") and "content" in data}


def truth(entries: list[MemoryEntry], known: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(entry.metadata.get("tier") or entry.tier, []).append(known[entry.content])
    return found


def state_of(memory: MetabolicMemory) -> dict[str, Any]:
    state: dict[str, Any] = vars(memory.pso)["state"]
    return state


def content(number: int) -> str:
    return f"content {number} goal" + "." * (number % 7)


@pytest.mark.parametrize("seed", range(8))
def test_the_events_alone_rebuild_a_hierarchical_memory(seed: int) -> None:
    rng = random.Random(seed)

    async def program(record: Recording) -> None:
        app = LoomApp()
        memory = HierarchicalMemory(session_limit=rng.choice([3, 40, 1000]))
        Agent(app, "a", memory=memory)
        for number in range(400):
            match rng.choices(["add", "consolidate", "clear", "cut", "move", "again"], [90, 4, 1, 2, 2, 2])[0]:
                case "add":
                    await memory.add("user", content(number), {"tier": rng.choice(["session", "working"])} if rng.random() < 0.3 else None)
                case "consolidate":
                    await memory.consolidate(f"sum {number}", rng.randrange(6))
                case "clear":
                    await memory.clear()
                # What a program does behind the memory's back is seen with its next call.
                case "cut":
                    memory._session = memory._session[rng.randrange(3) :]
                    await memory.add("user", content(number))
                case "move" if memory._session:
                    memory._session.insert(rng.randrange(len(memory._session)), memory._session.pop(rng.randrange(len(memory._session))))
                    await memory.consolidate(f"sum {number}", 0)
                case "again" if memory._session:
                    memory._session.append(rng.choice(memory._session))
                    await memory.clear()
            assert record.tiers("/node/a") == truth(memory._session, names(record)), number

    with recording() as record:
        asyncio.run(program(record))
    assert len({data["entry_id"] for data in record.of("memory.add")}) == len(record.of("memory.add")) > 300


@pytest.mark.parametrize("seed", range(4))
def test_the_events_alone_rebuild_a_metabolic_memory_and_its_state(seed: int) -> None:
    rng = random.Random(seed)
    state: dict[str, Any] = {}

    async def program(record: Recording) -> None:
        app = LoomApp()
        memory = MetabolicMemory()
        Agent(app, "a", memory=memory)
        for number in range(200):
            match rng.choices(["add", "consolidate", "clear", "state"], [90, 4, 1, 5])[0]:
                case "add":
                    await memory.add(rng.choice(["user", "tool"]), content(number) + " result")
                case "consolidate":
                    await memory.consolidate()
                case "clear":
                    await memory.clear()
                case "state":
                    state_of(memory)["variables"][f"v{number}"] = {"n": number}
                    await memory.pso.update([{"role": "user", "content": f"a goal {number}"}])
            assert record.tiers("/node/a") == truth(memory.short_term, names(record)), number
        state.update(state_of(memory))

    with recording() as record:
        asyncio.run(program(record))
    told: dict[str, Any] = {}
    for data in record.of("pso.update"):
        told = dict(data["state"]) if "state" in data else told
        for operation in data.get("patches", ()):
            _, name, *end = operation["path"].split("/")
            if end == ["-"]:
                told[name] = [*told[name], operation["value"]]
            else:
                told[name] = operation["value"]
    assert told == state
    assert len(record.of("memory.consolidate")) > 10


def test_several_agents_with_one_memory_all_show_it() -> None:
    async def program() -> HierarchicalMemory:
        app = LoomApp()
        memory = HierarchicalMemory()
        Agent(app, "one", memory=memory)
        await memory.add("user", "first")
        Agent(app, "two", memory=memory)
        await memory.add("user", "second")
        return memory

    with recording() as record:
        memory = asyncio.run(program())
        expected = truth(memory._session, names(record))
        assert record.tiers("/node/one") == record.tiers("/node/two") == expected
        assert len(expected["session"]) == 2


def test_an_agent_that_gets_another_memory_shows_that() -> None:
    async def program() -> Any:
        app = LoomApp()
        agent = Agent(app, "a", memory=HierarchicalMemory())
        for text in ("one", "two"):
            await agent.memory.add("user", text)
        agent.memory = HierarchicalMemory()
        await agent.memory.add("user", "three")
        agent.memory = MetabolicMemory()
        await agent.memory.add("user", "four")
        return agent

    with recording() as record:
        agent = asyncio.run(program())
        assert record.tiers("/node/a") == truth(agent.memory.short_term, names(record))


def test_an_agent_with_two_memories_shows_both() -> None:
    async def program() -> Any:
        app = LoomApp()
        agent: Any = Agent(app, "a", memory=HierarchicalMemory())
        agent.notes = HierarchicalMemory(session_limit=2)
        for number in range(4):
            await agent.memory.add("user", f"said {number}")
            await agent.notes.add("user", f"noted {number}")
        await agent.memory.clear()
        return agent

    with recording() as record:
        agent = asyncio.run(program())
        assert record.tiers("/node/a") == truth(agent.notes._session, names(record))


def test_what_was_there_before_installing_is_shown_with_the_next_change() -> None:
    async def program() -> Any:
        app = LoomApp()
        agent: Any = Agent(app, "a", memory=HierarchicalMemory())
        await agent.memory.add("user", "before")
        with recording() as record:
            await agent.memory.add("user", "after")
        await agent.memory.add("user", "uninstalled")
        assert record.tiers("/node/a") == truth(agent.memory._session[:2], names(record))

    asyncio.run(program())


def test_entries_are_left_as_they_are_and_keep_their_ids() -> None:
    async def program() -> None:
        memory = HierarchicalMemory()
        await memory.add("user", "kept")
        [entry] = memory._session
        before = dict(vars(entry))
        await memory.clear()
        memory._session.append(entry)
        await memory.add("user", "other")
        assert vars(entry) == before

    with recording() as record:
        asyncio.run(program())
        ids = [data["entry_id"] for data in record.of("memory.add") if data["content"] == "kept"]
        assert len(ids) == 2
        assert ids[0] == ids[1]


def test_a_forked_child_tells_everything_anew_though_a_thread_was_at_it() -> None:
    async def add(memory: HierarchicalMemory, text: str) -> None:
        await memory.add("user", text)

    with recording() as record:
        memory = HierarchicalMemory()
        asyncio.run(add(memory, "before"))
        reading, writing = os.pipe()
        held, over = threading.Event(), threading.Event()

        def hold() -> None:
            with _memory._lock, _nodes._lock:
                held.set()
                over.wait(10)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(10)
        child = os.fork()
        if child == 0:
            record.events.clear()
            # A child that is stuck ends all the same.
            signal.alarm(10)
            asyncio.run(add(memory, "after"))
            os.write(writing, json.dumps([data["content"] for data in record.of("memory.add")]).encode())
            os._exit(0)
        over.set()
        thread.join()
        os.close(writing)
        told = os.read(reading, 1000)
        os.waitpid(child, 0)
        os.close(reading)
    assert json.loads(told) == ["before", "after"]


def test_what_a_memory_raises_reaches_the_program_and_what_it_did_is_told() -> None:
    class Fussy(HierarchicalMemory):
        async def add(self, role: str, content: str, metadata: dict[str, Any] | None = None) -> None:
            await super().add(role, content, metadata)
            raise ValueError("too much")

    async def program() -> None:
        with pytest.raises(ValueError, match="too much"):
            await Fussy().add("user", "one")

    with recording() as record:
        asyncio.run(program())
    assert [data["content"] for data in record.of("memory.add")] == ["one"]


def test_calls_that_wait_are_told_apart() -> None:
    class Slow(HierarchicalMemory):
        async def add(self, role: str, content: str, metadata: dict[str, Any] | None = None) -> None:
            await super().add(role, content, metadata)
            await asyncio.sleep(0)
            self._session[-1].metadata["late"] = True
            if content == "first":
                self._session.pop(0)
            await asyncio.sleep(0)

    from loom_studio._context import here

    causes = []

    async def one(memory: MemoryInterface, text: str) -> None:
        here.set(f"cause of {text}")
        await memory.add("user", text)

    async def program(record: Recording) -> None:
        memory = Slow()
        await asyncio.gather(one(memory, "first"), one(memory, "second"))

    with recording() as record:
        emit = record.emit

        def note(kind: str, source: str, data: dict[str, Any], *, cause: str | None = None) -> None:
            emit(kind, source, data, cause=cause)
            causes.append((kind, data.get("content"), here.get()))

        record.emit = note  # type: ignore[method-assign]
        asyncio.run(program(record))
    assert causes == [
        ("memory.add", "first", "cause of first"),
        ("memory.add", "second", "cause of second"),
        ("memory.evict", None, "cause of first"),
    ]


def test_a_project_state_of_the_programs_own_is_told_too() -> None:
    class Own:
        def __init__(self) -> None:
            self.state: dict[str, Any] = {"seen": 0}

        async def update(self, events: list[dict[str, Any]]) -> None:
            self.state["seen"] += len(events)

        async def snapshot(self) -> dict[str, Any]:
            raise AssertionError("nobody but the program asks for it")

        def to_markdown(self) -> str:
            return ""

    async def program() -> None:
        memory = MetabolicMemory(pso=Own())
        for number in range(11):
            await memory.add("user", f"{number}")

    with recording() as record:
        asyncio.run(program())
    first, *later = record.of("pso.update")
    assert first == {"state": {"seen": 0}}
    assert later == [{"patches": [{"op": "add", "path": "/seen", "value": 11}]}]


def test_sources_without_a_memory_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_memory, "MAX_SOURCES", 10)
    held = HierarchicalMemory()

    async def program() -> None:
        await held.add("user", "kept")
        for number in range(100):
            await HierarchicalMemory().add("user", f"{number}")

    with recording() as record:
        asyncio.run(program())
        assert len(_memory._reporters) <= 10
        assert any(_memory._reporters.values())
        asyncio.run(held.add("user", "again"))
    assert len(record.of("memory.add")) == 102
    [kept] = [source for kind, source, data, _ in record.events if data.get("content") == "kept"]
    assert len(record.tiers(kept)["session"]) == 2
