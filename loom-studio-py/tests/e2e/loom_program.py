"""A Loom application that knows the truth about itself.

It uses `loom-agent` as any application does; `LOOM_STUDIO_ENABLED=true` makes Loom add its own interceptor. A crew of
crews with a router, tools and random pauses answers several runs at once, and two of the runs meet a tool that raises.
When all is quiet it writes what happened, as seen from inside, to a JSON file.

    python loom_program.py --seed 1 --truth truth.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from loom.api.factory import Tool
from loom.api.main import LoomApp
from loom.infra.store import InMemoryEventStore
from loom.interfaces.llm import LLMProvider, LLMResponse
from loom.kernel.interceptors.studio import StudioInterceptor
from loom.node.agent import AgentNode
from loom.node.crew import CrewNode
from loom.node.router import AttentionRouter
from loom.protocol.cloudevents import CloudEvent

RUNS = 12
# Long enough for the 30 s that Loom waits for a tool that raised, and for all who then answer late.
QUIET_SECONDS = 50.0

calls: Counter[tuple[str, str]] = Counter()
tool_runs: Counter[str] = Counter()
tool_failures: Counter[str] = Counter()


class TruthStore(InMemoryEventStore):
    """Keeps a copy by value of each event at the moment it is published."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[dict[str, Any]] = []

    async def append(self, event: CloudEvent) -> None:
        await super().append(event)
        self.published.append(event.model_dump(mode="json"))

    def unanswered(self) -> set[str]:
        asked = {event["id"] for event in self.published if event["type"] == "node.request"}
        return asked - {event["data"]["request_id"] for event in self.published if event["type"] in ("node.response", "node.error")}


class CountsCalls:
    """Counts the calls of a node where they are made, without looking at events."""

    async def call(self, target_node: str, data: dict[str, Any]) -> Any:
        calls[self.source_uri, target_node] += 1  # type: ignore[attr-defined]
        return await super().call(target_node, data)  # type: ignore[misc]


class Agent(CountsCalls, AgentNode):
    pass


class Crew(CountsCalls, CrewNode):
    pass


class Router(CountsCalls, AttentionRouter):
    pass


class Model(LLMProvider):
    """Uses every tool it has once, with a random pause before each word, then answers with the task it was given."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.plans: dict[asyncio.Task[Any], tuple[str, list[str]]] = {}

    async def chat(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None, config: dict[str, Any] | None = None
    ) -> LLMResponse:
        conversation = asyncio.current_task()
        assert conversation is not None
        # Agents remember all runs at once: only the first turn's newest message surely belongs to this request.
        task, plan = self.plans.setdefault(conversation, (messages[-1]["content"], [tool["name"] for tool in tools or []]))
        await asyncio.sleep(self.rng.uniform(0, 0.03))
        if plan:
            arguments = {"task": task, "weight": self.rng.random(), "nested": {"labels": ["ä", "\u4e2d\u6587", "\"quoted\"", "\\"], "nothing": None}}
            return LLMResponse(content="", tool_calls=[{"id": f"call-{self.rng.getrandbits(32)}", "name": plan.pop(0), "arguments": arguments}])
        return LLMResponse(content=f"done: {task}")

    async def stream_chat(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> Any:
        yield (await self.chat(messages, tools)).content


class RoutingModel(Model):
    """Sends a task to the node whose name it holds."""

    async def chat(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None, config: dict[str, Any] | None = None
    ) -> LLMResponse:
        await asyncio.sleep(self.rng.uniform(0, 0.03))
        task = messages[-1]["content"].rpartition("Task:")[2]
        return LLMResponse(content="press" if "press" in task else "survey")


def build(app: LoomApp, rng: random.Random) -> tuple[str, dict[str, str]]:
    """Create the nodes; return the address of the outermost, and the type of every node by its address."""

    def tool(name: str) -> Any:
        async def work(arguments: dict[str, Any]) -> dict[str, Any]:
            tool_runs[f"/node/{name}"] += 1
            await asyncio.sleep(rng.uniform(0, 0.02))
            if name == "archive" and "forbidden" in arguments["task"]:
                tool_failures[f"/node/{name}"] += 1
                raise PermissionError("the archive is closed")
            return {"found": rng.randint(0, 9), "for": arguments["task"]}

        work.__name__ = name
        return Tool(app, name, work, parameters={"type": "object", "properties": {"task": {"type": "string"}}})

    def agent(name: str, tools: list[Any]) -> Agent:
        return Agent(name, app.dispatcher, role=f"the {name}", tools=tools, provider=Model(random.Random(rng.random())))

    search, archive, style = tool("search"), tool("archive"), tool("guides/style")
    reader, digger = agent("reader", [search]), agent("digger", [search, archive])
    survey = Crew("survey", app.dispatcher, [reader, digger])
    survey.role = "surveys"  # type: ignore[attr-defined]
    press = agent("press", [search])
    desk = Router("desk", app.dispatcher, [survey, press], RoutingModel(random.Random(rng.random())))
    editor, proof = agent("editor", [style]), agent("proof/reader", [])
    review = Crew("review", app.dispatcher, [editor, proof])
    office = Crew("office", app.dispatcher, [desk, review])

    types = {"/user/sdk": "UserNode", desk.source_uri: "RouterNode"}
    types |= {node.source_uri: "ToolNode" for node in (search, archive, style)}
    types |= {node.source_uri: "AgentNode" for node in (reader, digger, press, editor, proof)}
    types |= {node.source_uri: "CrewNode" for node in (survey, review, office)}
    return office.source_uri, types


async def one_run(app: LoomApp, office: str, number: int, rng: random.Random) -> dict[str, str]:
    # A run that is bound to meet the closed archive goes through the survey, where the digger asks for it.
    topic = "forbidden survey" if number in (2, 5) else rng.choice(["survey", "press"])
    task = f"task-{number:02} {topic}"
    # A leading slash makes no difference to Loom.
    target = office if number % 2 else office.removeprefix("/")
    await asyncio.sleep(rng.uniform(0, 0.4))
    calls["/user/sdk", office] += 1
    try:
        answer = await app.run(task, target=target)
        outcome = "failed" if "error" in answer else "answered"
    except TimeoutError:
        outcome = "timed out"
    return {"task": task, "outcome": outcome}


async def main(seed: int, truth: Path) -> None:
    rng = random.Random(seed)
    store = TruthStore()
    app = LoomApp(store=store)
    office, types = build(app, rng)
    await app.start()
    interceptor = next(found for found in app.dispatcher.interceptors if isinstance(found, StudioInterceptor))
    async with asyncio.timeout(10):
        while interceptor.ws is None:
            await asyncio.sleep(0.01)

    runs = await asyncio.gather(*(one_run(app, office, number, rng) for number in range(RUNS)))
    async with asyncio.timeout(QUIET_SECONDS):
        while store.unanswered():
            await asyncio.sleep(0.05)
    # The last reply is in the store before its post phase has put it into the interceptor's buffer.
    await asyncio.sleep(0.3)
    # The interceptor sends by tens and keeps the rest for ever: this is where its tail goes out.
    await interceptor._flush_buffer()
    await interceptor.ws.close()

    truth.write_text(
        json.dumps(
            {
                "events": store.published,
                "types": types,
                "calls": [{"from": caller, "to": target, "count": count} for (caller, target), count in calls.items()],
                "tool_runs": tool_runs,
                "tool_failures": tool_failures,
                "runs": runs,
            }
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(main(options.seed, options.truth))
