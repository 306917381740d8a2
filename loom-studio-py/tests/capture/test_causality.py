"""Causes and outcomes against what the program knows of itself, under as much at once as a program can have."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

# Loom first: it warns when it is imported, which is an error in tests.
from released_loom import CloudEvent, Dispatcher, Interceptor, ShippedInterceptor, UniversalEventBus

import loom_studio
from loom_studio import StudioInterceptor, _causality, _client
from loom_studio._context import here
from loom_studio._native import Sender
from studio import Studio

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _own_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("LOOM_STUDIO_ENABLED", "LOOM_STUDIO_URL"):
        monkeypatch.delenv(name, raising=False)
    yield
    loom_studio.close(0)
    _causality.unwrap()


@dataclass
class Seen:
    """What the server has of a program."""

    events: dict[str, Json] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    observations: dict[str, list[Json]] = field(default_factory=dict)

    def phases(self, event: Any) -> list[str]:
        return [one["phase"] for one in self.observations.get(event.id, [])]

    def cause(self, event: Any) -> str | None:
        cause: str | None = self.events[event.id].get("causationid")
        return cause


def seen(studio: Studio) -> Seen:
    assert loom_studio.flush(20)
    answer = studio.request("GET", "/api/export")
    assert answer.status == 200
    found = Seen()
    for line in answer.body.decode().splitlines():
        record = json.loads(line)
        if event := record.get("event"):
            assert event["id"] not in found.events, "an event twice"
            found.events[event["id"]] = event
            found.order.append(event["id"])
        elif observation := record.get("observation"):
            found.observations.setdefault(observation["of"], []).append(observation)
    return found


def event(source: str, kind: str = "node.request", subject: str | None = None, **more: Any) -> Any:
    made = CloudEvent.create(source=source, type=kind, subject=subject, data=more.pop("data", {}))
    for name, value in more.items():
        setattr(made, name, value)
    return made


async def dispatcher(*interceptors: Any) -> Any:
    made = Dispatcher(UniversalEventBus())
    for interceptor in interceptors:
        made.add_interceptor(interceptor)
    await made.bus.connect()
    return made


class Blocks(Interceptor):  # type: ignore[misc]
    """Blocks what is marked for it."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    async def pre_invoke(self, event: Any) -> Any:
        await asyncio.sleep(0)
        return None if self.mark in event.data.get("marks", ()) else event

    async def post_invoke(self, event: Any) -> None:
        await asyncio.sleep(0)


class Raises(Interceptor):  # type: ignore[misc]
    """Raises at what is marked for it."""

    async def pre_invoke(self, event: Any) -> Any:
        if "raise-pre" in event.data.get("marks", ()):
            raise PermissionError("not this one")
        if "raise-timeout" in event.data.get("marks", ()):
            raise TimeoutError("an interceptor's own")
        return event

    async def post_invoke(self, event: Any) -> None:
        if "raise-post" in event.data.get("marks", ()):
            raise PermissionError("too late")


OUTCOMES = {
    "block-first": ["blocked"],
    "block-last": ["blocked"],
    "raise-pre": ["raised"],
    "raise-timeout": ["raised"],
    "raise-store": ["raised"],
    "raise-post": ["raised"],
    "time-out": ["timeout"],
}


class World:
    """A program whose handlers do everything at once, and which writes down what caused what."""

    def __init__(self, seed: int, kernel: Any) -> None:
        self.rng = random.Random(seed)
        self.kernel = kernel
        self.causes: dict[str, str | None] = {}
        self.events: dict[str, Any] = {}
        self.marks: dict[str, str | None] = {}
        self.as_dispatched: dict[str, Json] = {}
        self.pending: set[asyncio.Task[None]] = set()
        self.left = 1500
        store = kernel.bus.store
        append = store.append

        async def careful(event: Any) -> None:
            marks = event.data.get("marks", ())
            if "raise-store" in marks:
                raise OSError("the store is full")
            if "time-out" in marks:
                await asyncio.sleep(5)
            await append(event)

        store.append = careful

    async def start(self) -> None:
        for name in ("a", "b", "c", "shared/tool"):
            await self.kernel.bus.subscribe(f"node.request/{name}", self.handle)
        # Everybody hears what node a says.
        for _ in range(2):
            await self.kernel.bus.subscribe("node.response/node/a", self.overhear)

    async def send(self, cause: str | None, kind: str = "node.request") -> None:
        rng = self.rng
        if self.left <= 0:
            return
        self.left -= 1
        mark = rng.choice(list(OUTCOMES)) if rng.random() < 0.15 else None
        data = {"marks": [mark] if mark else [], "depth": [rng.random()]}
        subject = rng.choice(["a", "b", "c", "shared/tool"]) if kind == "node.request" else None
        made = event(f"/node/{rng.choice('abc')}", kind, subject, data=data)
        if mark == "time-out":
            made.extensions["timeout"] = 0.02
        self.causes[made.id], self.events[made.id], self.marks[made.id] = cause, made, mark
        self.as_dispatched[made.id] = json.loads(made.model_dump_json())
        try:
            await self.kernel.dispatch(made)
        except (PermissionError, OSError):
            pass
        # The program may do with its event what it likes.
        made.data["depth"].append("changed")

    def background(self, cause: str | None) -> None:
        task = asyncio.create_task(self.send(cause))
        self.pending.add(task)
        task.add_done_callback(self.pending.discard)

    async def handle(self, request: Any) -> None:
        rng, cause = self.rng, request.id
        await asyncio.sleep(rng.random() * 0.003)
        for _ in range(rng.randrange(3)):
            kind = rng.randrange(4)
            if kind == 0:
                await asyncio.gather(*(self.send(cause) for _ in range(rng.randrange(1, 4))))
            elif kind == 1:
                self.background(cause)
            elif kind == 2:
                await asyncio.wait_for(self.send(cause, "agent.thought"), 10)
            else:
                await self.send(cause)
                await asyncio.sleep(0)
                await self.send(cause, "agent.tool.call")
        await self.send(cause, "node.response")

    async def overhear(self, response: Any) -> None:
        await asyncio.sleep(0)
        if self.rng.random() < 0.3:
            await self.send(response.id, "agent.thought")

    async def run(self) -> None:
        await self.start()
        while self.left > 0:
            await asyncio.gather(*(self.send(None) for _ in range(5)))
            await asyncio.sleep(0.01)
        while self.pending or len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_cause_and_every_outcome(studio: Studio, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    ours = StudioInterceptor(studio.ws_url, enabled=True)

    async def program() -> World:
        world = World(seed, await dispatcher(Blocks("block-first"), ours, Raises(), Blocks("block-last")))
        await world.run()
        return world

    world = asyncio.run(program())
    found = seen(studio)
    assert set(found.events) == set(world.events)
    assert {name: found.events[name].get("causationid") for name in found.events} == world.causes
    # Nothing was sent because of an event that never reached a handler.
    reached = {name for name, mark in world.marks.items() if mark in (None, "raise-post")}
    assert {cause for cause in world.causes.values() if cause is not None} <= reached
    for name, mark in world.marks.items():
        expected = OUTCOMES[mark] if mark is not None else ["post"]
        assert [one["phase"] for one in found.observations.get(name, [])] == expected, mark
    sessions = {one["studiosession"] for one in found.events.values()}
    assert sessions == {_client.session()}
    for name, sent in found.events.items():
        own = {key: value for key, value in sent.items() if not key.startswith("studio") and key != "causationid"}
        # By value, as it was when it was dispatched; one that was stopped before our turn, as it was then.
        if world.marks[name] != "block-first":
            assert own == world.as_dispatched[name] | {"time": own["time"]}
    for made in world.events.values():
        assert not hasattr(made, "causationid") and "causationid" not in made.extensions
    said = capsys.readouterr()
    # Loom itself says when it gives up.
    assert set(said.out.split()) <= {"timeout", "dispatching", "event", *world.events}
    assert said.err == ""


def test_context_is_restored(studio: Studio) -> None:
    ours = StudioInterceptor(studio.ws_url, enabled=True)

    async def program() -> None:
        kernel = await dispatcher(ours, Raises(), Blocks("stop"))
        for marks in ([], ["stop"], ["raise-pre"], ["raise-post"]):
            try:
                await kernel.dispatch(event("/a", data={"marks": marks}))
            except PermissionError:
                pass
            assert here.get() is None
            assert loom_studio._client.current_cause() is None

    asyncio.run(program())


@pytest.mark.parametrize(
    ("before", "edit", "is_told"),
    [
        ({"a": {"b": [1, "x", 2.5]}}, lambda data: None, False),
        ({"a": {"b": [1, "x", 2.5]}}, lambda data: data.update(a={"b": [1, "x", 2.5]}), False),
        ({"a": {"b": [1, "x"]}}, lambda data: data["a"]["b"].append(3), True),
        ({"a": {"b": [1, "x"]}}, lambda data: data["a"]["b"].pop(), True),
        ({"a": {"b": [1, "x"]}}, lambda data: data["a"]["b"].reverse(), True),
        ({"a": {"b": 10**20}}, lambda data: data["a"].update(b=10**20 + 1), True),
        ({"a": {"b": "x"}}, lambda data: data["a"].pop("b"), True),
        ({"a": {"b": []}}, lambda data: data["a"].update(b={}), True),
        ({"a": {"b": []}}, lambda data: data["a"].update(b=dict), True),
        ({"a": {"b": None}}, lambda data: data["a"].update(c=1), True),
        ({"a": {"b": ("x", [1])}}, lambda data: data["a"]["b"][1].append(2), True),
        ({1: {"b": True}}, lambda data: data[1].update(b=1), True),
    ],
)
def test_a_change_is_told_and_nothing_else(studio: Studio, before: Any, edit: Callable[[Any], object], is_told: bool) -> None:
    class Edits(Interceptor):  # type: ignore[misc]
        async def pre_invoke(self, event: Any) -> Any:
            edit(event.data)
            return event

        async def post_invoke(self, event: Any) -> None:
            pass

    sent = event("/a", "x", data=before)
    asyncio.run(_dispatched(StudioInterceptor(studio.ws_url, enabled=True), Edits(), sent))
    (observation,) = seen(studio).observations[sent.id]
    assert bool(observation.get("changed")) == is_told
    if is_told:
        assert observation["changed"] == {"data": json.loads(json.dumps(sent.data, default=lambda value: "<object: type>"))}


async def _dispatched(ours: Any, edits: Any, sent: Any) -> None:
    await (await dispatcher(ours, edits)).dispatch(sent)


def test_changes_on_the_way_are_told(studio: Studio) -> None:
    class Edits(Interceptor):  # type: ignore[misc]
        async def pre_invoke(self, event: Any) -> Any:
            if event.data.get("copy"):
                return event.model_copy(update={"data": {"copy": True, "n": 2}, "subject": None}, deep=True)
            event.traceparent = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
            event.data["rows"].append({"deep": [1]})
            event.note = "new"
            return event

        async def post_invoke(self, event: Any) -> None:
            pass

    ours = StudioInterceptor(studio.ws_url, enabled=True)
    first, second, third = event("/a", "x", data={"rows": []}), event("/a", "x", "s", data={"copy": True, "n": 1}), event("/a", "x")

    async def program() -> None:
        kernel = await dispatcher(ours, Edits())
        await kernel.dispatch(first)
        await kernel.dispatch(second)
        await (await dispatcher(ours)).dispatch(third)

    asyncio.run(program())
    found = seen(studio)
    assert found.events[first.id]["data"] == {"rows": []} and "note" not in found.events[first.id]
    changed = [found.observations[one.id][0]["changed"] for one in (first, second, third)]
    assert changed[0] == {"data": {"rows": [{"deep": [1]}]}, "traceparent": first.traceparent, "note": "new"}
    assert changed[1] == {"data": {"copy": True, "n": 2}, "subject": None}
    assert changed[2] == {}


def test_what_the_program_says_of_its_own_causes_stands(studio: Studio) -> None:
    ours = StudioInterceptor(studio.ws_url, enabled=True)
    top, nested, empty = event("/a", "x", causationid="mine"), event("/a", "x"), event("/a", "x", causationid=None)
    nested.extensions["causationid"] = "mine too"

    async def program() -> None:
        kernel = await dispatcher(ours)
        token = here.set("handled")
        for one in (top, nested, empty):
            await kernel.dispatch(one)
        here.reset(token)

    asyncio.run(program())
    found = seen(studio)
    assert found.cause(top) == "mine"
    assert found.cause(nested) is None and found.events[nested.id]["extensions"] == {"causationid": "mine too"}
    assert found.cause(empty) == "handled"


def test_two_observers_tell_nothing_twice(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    async def program() -> list[Any]:
        ours = [StudioInterceptor(studio.ws_url, enabled=True) for _ in range(2)]
        shipped = ShippedInterceptor(studio.ws_url, enabled=False)
        shipped.enabled = True
        shipped.buffer_size = 1
        kernel = await dispatcher(shipped, ours[0], shipped, ours[1])
        sent = [event("/a", "x") for _ in range(20)]
        for one in sent:
            await kernel.dispatch(one)
        await asyncio.sleep(0.2)
        assert shipped.ws is None and shipped.event_buffer == []
        # On a dispatcher without one of ours it does its work.
        other = await dispatcher(shipped)
        sent.append(event("/a", "x"))
        await other.dispatch(sent[-1])
        async with asyncio.timeout(10):
            while shipped.ws is None:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        await shipped.ws.close()
        return sent

    sent = asyncio.run(program())
    found = seen(studio)
    assert found.order == [one.id for one in sent]
    assert [found.phases(one) for one in sent] == [["post"]] * 20 + [[]]


def test_wrapped_once_and_unwrapped_to_the_same(studio: Studio) -> None:
    before = (Dispatcher.dispatch, UniversalEventBus.subscribe)
    for _ in range(3):
        StudioInterceptor(studio.ws_url, enabled=True)
    wrapped: Any = Dispatcher.dispatch
    assert wrapped.__wrapped__ is before[0]
    assert not hasattr(wrapped.__wrapped__, "__wrapped__")
    _causality.unwrap()
    assert (Dispatcher.dispatch, UniversalEventBus.subscribe) == before
    assert not _causality.is_wrapped()


def test_a_disabled_one_touches_nothing() -> None:
    before = Dispatcher.dispatch
    ours = StudioInterceptor()
    assert not ours.enabled and isinstance(ours, Interceptor)
    assert Dispatcher.dispatch is before and _client.client() is None

    async def program() -> None:
        await (await dispatcher(ours)).dispatch(event("/a"))

    asyncio.run(program())
    assert loom_studio.stats() == {}


def test_without_a_dispatcher_of_looms(studio: Studio) -> None:
    ours = StudioInterceptor(studio.ws_url, enabled=True)
    one, lone = event("/a", "x"), event("/a", "x")

    async def program() -> None:
        token = here.set("handled")
        assert await ours.pre_invoke(one) is one
        assert await ours.pre_invoke(one) is one
        one.data["n"] = 1
        assert await ours.post_invoke(one) is None  # type: ignore[func-returns-value]
        await ours.post_invoke(one)
        await ours.post_invoke(lone)
        here.reset(token)

    asyncio.run(program())
    found = seen(studio)
    assert found.order == [one.id]
    assert found.cause(one) == "handled"
    assert [item["changed"] for item in found.observations[one.id]] == [{"data": {"n": 1}}]


def test_never_raises_into_a_dispatch(studio: Studio) -> None:
    class Bad:
        def __getattribute__(self, name: str) -> Any:
            raise ValueError

    ours = StudioInterceptor(studio.ws_url, enabled=True)
    values = [object(), lambda: 0, ValueError("x"), b"\xff", Bad(), float("nan"), {Bad: Bad()}]
    cycle: list[Any] = []
    cycle.append(cycle)
    sent = [event("/a", "x", data=value) for value in [*values, cycle]]

    async def program() -> None:
        kernel = await dispatcher(ours)
        for one in sent:
            await kernel.dispatch(one)
        assert await ours.pre_invoke(None) is None
        bad = Bad()
        assert await ours.pre_invoke(bad) is bad
        await ours.post_invoke(bad)

    asyncio.run(program())
    found = seen(studio)
    assert [found.phases(one) for one in sent] == [["post"]] * len(sent)


def test_threads_and_loops_of_their_own(studio: Studio) -> None:
    ours = StudioInterceptor(studio.ws_url, enabled=True)

    async def program(number: int) -> dict[str, str | None]:
        kernel = await dispatcher(ours)
        causes: dict[str, str | None] = {}

        async def handle(request: Any) -> None:
            answer = event(f"/t{number}", "node.response")
            causes[answer.id] = request.id
            await kernel.dispatch(answer)

        await kernel.bus.subscribe("node.request/x", handle)
        for _ in range(200):
            asked = event(f"/t{number}", "node.request", "x")
            causes[asked.id] = None
            await kernel.dispatch(asked)
        await asyncio.sleep(0.05)
        return causes

    async def all_at_once() -> list[dict[str, str | None]]:
        return await asyncio.gather(*(asyncio.to_thread(asyncio.run, program(number)) for number in range(4)))

    truth: dict[str, str | None] = {}
    for causes in asyncio.run(all_at_once()):
        truth |= causes
    # A second loop in the same thread goes on with the same client.
    truth |= asyncio.run(program(9))
    found = seen(studio)
    assert {name: one.get("causationid") for name, one in found.events.items()} == truth


def test_deep_copies_and_pickles_of_events_are_unharmed(studio: Studio) -> None:
    ours = StudioInterceptor(studio.ws_url, enabled=True)
    one = event("/a", "x", data={"k": [1]})
    before = copy.deepcopy(one)

    async def program() -> None:
        await (await dispatcher(ours)).dispatch(one)

    asyncio.run(program())
    assert one == before and vars(one) == vars(before) and one.model_fields_set == before.model_fields_set


def test_what_is_published_after_an_event_was_is_captured_too(studio: Studio) -> None:
    aside = event("/agent/a", kind="audit.note")
    made: Any = None

    class Audits(Interceptor):  # type: ignore[misc]
        async def pre_invoke(self, event: Any) -> Any:
            return event

        async def post_invoke(self, event: Any) -> None:
            await made.bus.publish(aside)

    async def program() -> None:
        nonlocal made
        loom_studio.install(studio.ws_url)
        made = await dispatcher(Audits())
        await made.dispatch(first)

    first = event("/agent/a")
    try:
        asyncio.run(program())
        found = seen(studio)
    finally:
        loom_studio.uninstall()
    assert set(found.events) == {first.id, aside.id}


def test_a_forked_child_is_no_heir_to_the_lock_of_another_thread() -> None:
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with _causality._lock:
            taken.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(20)
    child = os.fork()
    if child == 0:
        os._exit(0 if _causality._lock.acquire(timeout=5) else 1)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_observation_given_by_hand_has_no_content_either(studio: Studio) -> None:
    sender = Sender(studio.ws_url, session="s", content=False)
    made = event("/agent/a", data={"task": "a secret"})
    assert sender.capture(made)
    assert sender.observe("/agent/a", made.id, "post", None, {"data": {"task": "another secret"}, "note": "a third secret"})
    assert sender.flush(20)
    assert sender.close(5)
    stored = studio.request("GET", "/api/export").body
    assert b'"observation"' in stored
    assert b"secret" not in stored


def test_a_flush_that_a_close_overtakes_ends(studio: Studio) -> None:
    sender = Sender("ws://127.0.0.1:9", session="s")
    assert sender.capture(event("/agent/a"))
    flushed: list[bool] = []
    thread = threading.Thread(target=lambda: flushed.append(sender.flush(120)))
    thread.start()
    assert not sender.close(0.1)
    thread.join(30)
    assert flushed == [False]
