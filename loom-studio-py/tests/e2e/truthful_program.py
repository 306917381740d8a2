"""Random Loom applications that note who calls on whose behalf, as seen from inside.

Workers and tools, shared by several runs at once, follow a plan they are given: they think, ask models, remember, patch
state, call others one by one or together, fail, or answer too late. Everything is Loom's own but the clock: a second
takes 1/SPEED of one, for the event loop and for the time in events alike, so that Loom's 30 s of waiting are short.

Loom's own StudioInterceptor reports, when all is over and by its own connection. With `--causes` its copies say what
was being handled, and requests that an interceptor blocked are reported too.

    python truthful_program.py --seed 1 --url ws://127.0.0.1:8765 --truth truth.json
"""

from __future__ import annotations

import argparse
import asyncio
import contextvars
import json
import random
import selectors
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from loom.api.factory import Tool
from loom.api.main import LoomApp
from loom.infra.transport.memory import InMemoryTransport
from loom.kernel.base_interceptor import Interceptor
from loom.kernel.interceptors.studio import StudioInterceptor
from loom.node.base import Node
from loom.protocol import cloudevents
from loom.protocol.cloudevents import CloudEvent

SPEED = 30.0
RUNS = 8
BATCH = 50
BEGINNING = datetime.now(UTC) - timedelta(hours=1)
STARTED = time.monotonic()

Plan = dict[str, Any]
handling: contextvars.ContextVar[str | None] = contextvars.ContextVar("handling", default=None)


class FastClock:
    """What Loom takes for `datetime`."""

    @staticmethod
    def now(zone: tzinfo | None = None) -> datetime:
        return (BEGINNING + timedelta(seconds=(time.monotonic() - STARTED) * SPEED)).astimezone(zone)


class FastSelector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout / SPEED if timeout else timeout)


class FastLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__(FastSelector())

    def time(self) -> float:
        return super().time() * SPEED


class NotingTransport(InMemoryTransport):
    """Knows in every handler which event is being handled: each handler runs in a task of its own."""

    async def _safe_exec(self, handler: Any, event: CloudEvent) -> None:
        handling.set(event.id)
        await super()._safe_exec(handler, event)


class Witness(Interceptor):
    """Notes during what each event is sent."""

    def __init__(self) -> None:
        self.causes: dict[str, str | None] = {}

    async def pre_invoke(self, event: CloudEvent) -> CloudEvent | None:
        self.causes[event.id] = handling.get()
        return event

    async def post_invoke(self, event: CloudEvent) -> None:
        pass


class Gate(Interceptor):
    """Blocks requests that are marked."""

    def __init__(self) -> None:
        self.blocked: list[CloudEvent] = []

    async def pre_invoke(self, event: CloudEvent) -> CloudEvent | None:
        if event.type == "node.request" and "forbidden" in (event.data or {}):
            self.blocked.append(event)
            return None
        return event

    async def post_invoke(self, event: CloudEvent) -> None:
        pass


class Worker(Node):
    """Does what it is told in the task it gets."""

    async def process(self, event: CloudEvent) -> Any:
        assert event.data is not None
        plan: Plan = json.loads(event.data["task"])
        trace = event.traceparent
        spent = 0
        for step in plan["steps"]:
            await asyncio.sleep(step["pause"])
            if step["do"] == "call":
                calls = (self.call(f"node/{other['to']}", ask(other)) for other in step["calls"])
                answers = await asyncio.gather(*calls, return_exceptions=True)
                spent += sum(answer["usage"]["total_tokens"] for answer in answers if isinstance(answer, dict) and "usage" in answer)
                failed = [answer for answer in answers if isinstance(answer, BaseException)]
                if failed and plan["is_strict"]:
                    raise failed[0]
            else:
                # Loom gives reflections, and whatever else is sent without one, a trace of their own.
                kept = None if step["type"] == "agent.reflection" else trace
                spent += step["data"].get("usage", {}).get("total_tokens", 0)
                await self.dispatcher.dispatch(CloudEvent.create(self.source_uri, step["type"], step["data"], traceparent=kept))
        if plan["fails"]:
            raise RuntimeError(plan["fails"])
        return {"response": plan["name"], "iterations": 1, "usage": {"total_tokens": spent}}


def ask(plan: Plan) -> dict[str, Any]:
    request = {"arguments": plan} if plan["to"].startswith("tool") else {"task": json.dumps(plan)}
    return request | ({"forbidden": True} if plan.get("is_forbidden") else {})


async def use(arguments: Plan) -> Any:
    await asyncio.sleep(arguments["pause"])
    if arguments["fails"]:
        raise RuntimeError(arguments["fails"])
    return {"for": arguments["name"]}


class Planner:
    """Makes up runs."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.numbers: Iterator[int] = iter(range(1_000_000))

    def step(self, worker: str) -> Plan:
        number = next(self.numbers)
        cached, reasoning = self.rng.randint(0, 40), self.rng.randint(0, 20)
        read, said = cached + self.rng.randint(1, 100), reasoning + self.rng.randint(1, 50)
        usage = {
            "prompt_tokens": read,
            "completion_tokens": said,
            "total_tokens": read + said,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }
        kind, data = self.rng.choice(
            [
                ("agent.thought", {"thought": f"thought {number}"}),
                ("agent.reflection", {"reflection": f"reflection {number}"}),
                ("llm.response", {"model": f"model-{number % 3}", "usage": usage, "latency_ms": 5}),
                ("memory.add", {"entry_id": f"{worker}-{number}", "tier": "session", "role": "user", "content": f"entry {number}"}),
                ("state.patch", {"patches": [{"op": "add", "path": f"/{worker.removeprefix('worker/')}", "value": number}]}),
            ]
        )
        return {"do": "dispatch", "type": kind, "data": data, "pause": self.rng.uniform(0, 0.5)}

    def worker(self, to: str, depth: int) -> Plan:
        steps = []
        for _ in range(self.rng.randint(1, 3)):
            steps.append(self.step(to))
            if depth:
                calls = [self.callee(depth - 1) for _ in range(self.rng.choice([1, 1, 2, 3]))]
                steps.append({"do": "call", "calls": calls, "pause": self.rng.uniform(0, 0.5)})
        return self.plan(to, steps=steps, is_strict=False)

    def callee(self, depth: int) -> Plan:
        if depth == 0 or self.rng.random() < 0.5:
            return self.plan(f"tool/{self.rng.randint(0, 1)}", pause=self.rng.uniform(0, 1))
        return self.worker(f"worker/{self.rng.randint(0, 3)}", depth)

    def plan(self, to: str, **more: Any) -> Plan:
        return {"to": to, "name": f"p{next(self.numbers)}", "fails": "", "steps": [], "is_strict": True, "pause": 0.1} | more

    def calling(self, to: str, callee: Plan, **more: Any) -> Plan:
        return self.plan(to, steps=[{"do": "call", "calls": [callee], "pause": 0.1}], **more)


async def observed(seed: int, reporter: StudioInterceptor, gate: Gate) -> Witness:
    app = LoomApp(transport=NotingTransport())
    witness = Witness()
    app.dispatcher.interceptors.insert(0, witness)
    app.dispatcher.add_interceptor(reporter)
    app.dispatcher.add_interceptor(gate)
    for number in range(4):
        Worker(f"worker/{number}", app.dispatcher)
    for number in range(2):
        Tool(app, f"tool/{number}", use)
    for name in ("alone/0", "alone/1", "alone/2"):
        Worker(name, app.dispatcher)
    Tool(app, "tool/alone", use)
    await app.start()
    planner = Planner(seed)

    async def run(plan: Plan, after: float) -> None:
        await asyncio.sleep(after)
        try:
            await app.run(ask(plan)["task"], target=f"node/{plan['to']}")
        except Exception:
            pass  # The reply, or that there is none, is in the events.

    # These meet trouble, in nodes that no other run uses: what happens in them can be told without being told causes.
    broken = planner.plan("tool/alone", fails="the wire is cut", pause=0.5)
    unheard = planner.calling("alone/0", planner.calling("alone/1", broken))
    late = planner.calling("alone/2", planner.plan("tool/alone", pause=33.0))
    blocked = planner.calling("alone/0", planner.plan("tool/alone", is_forbidden=True), is_strict=False)
    several = [run(planner.worker(f"worker/{planner.rng.randint(0, 3)}", 3), planner.rng.uniform(0, 4)) for _ in range(RUNS)]
    await asyncio.gather(run(unheard, 0), run(late, 40), run(blocked, 80), *several)
    # Those that were given up still answer, and reply handlers end.
    await asyncio.sleep(40)
    return witness


class Copies(StudioInterceptor):
    """Loom's interceptor, which sends when it is told to."""

    def __init__(self, url: str) -> None:
        super().__init__(studio_url=url)
        self.enabled = True
        self.buffer_size = 1_000_000_000


async def send(reporter: Copies) -> None:
    copies = reporter.event_buffer
    for start in range(0, len(copies), BATCH):
        reporter.event_buffer = copies[start : start + BATCH]
        await reporter._flush_buffer()
    assert reporter.ws is not None
    await reporter.ws.close()


def main(seed: int, url: str, truth: Path, has_causes: bool) -> None:
    setattr(cloudevents, "datetime", FastClock)
    reporter, gate = Copies(url), Gate()
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        witness = runner.run(observed(seed, reporter, gate))
    copies: Any = reporter.event_buffer
    if has_causes:
        for event in gate.blocked:
            copy = event.model_dump(mode="json")
            copy["extensions"]["studio_phase"] = "blocked"
            copies.append(copy)
        for copy in copies:
            cause = witness.causes[copy["id"]]
            if cause is not None:
                copy["causationid"] = cause
    reporter.event_buffer = copies
    asyncio.run(send(reporter))
    blocked = [event.id for event in gate.blocked]
    truth.write_text(json.dumps({"causes": witness.causes, "events": copies, "blocked": blocked}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--causes", action="store_true")
    options = parser.parse_args()
    main(options.seed, options.url, options.truth, options.causes)
