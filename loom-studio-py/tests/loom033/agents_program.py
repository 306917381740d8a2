"""A Loom 0.3.3 application that was not told of Studio: agents with memories of both kinds, and a model that says what it costs.

    python agents_program.py truth.json

The file gets what the program knows of itself at its end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from loom.api.factory import Agent, Crew, Tool
from loom.api.main import LoomApp
from loom.builtin.memory.metabolic import MetabolicMemory
from loom.interfaces.llm import LLMProvider, LLMResponse
from loom.interfaces.memory import MemoryEntry
from loom.memory.hierarchical import HierarchicalMemory
from loom.node.agent import AgentNode, ReflectionConfig
from loom.protocol.cloudevents import CloudEvent

used = {"calls": 0, "input": 0, "output": 0, "cached": 0, "failed": 0}


class Model(LLMProvider):
    """Calls each of its tools once, then answers; knows how many tokens that took."""

    model = "small-1"

    async def chat(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None, config: dict[str, Any] | None = None
    ) -> LLMResponse:
        await asyncio.sleep(0.002)
        task = str(messages[-1]["content"])
        if "unanswerable" in task:
            used["failed"] += 1
            raise ConnectionError("the model is away")
        cost = {"prompt_tokens": sum(len(str(one["content"])) for one in messages), "completion_tokens": 7, "cached_tokens": 2}
        used["calls"] += 1
        used["input"] += cost["prompt_tokens"]
        used["output"] += 7
        used["cached"] += 2
        answers = [one for one in messages if one["role"] == "tool"]
        if tools and not answers:
            call = {"id": "call-1", "name": tools[0]["name"], "arguments": {"topic": task}}
            return LLMResponse(content="", tool_calls=[call], token_usage=cost)
        return LLMResponse(content=f"said of {task[:20]}", token_usage=cost)

    async def stream_chat(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> Any:
        answer = await self.chat(messages, tools)
        for word in answer.content.split():
            yield word


class Careful(HierarchicalMemory):
    """A memory of the program's own that forgets what it was told to."""

    async def add(self, role: str, content: str, metadata: dict[str, Any] | None = None) -> None:
        await super().add(role, content, metadata)
        self._session[:] = [entry for entry in self._session if "secret" not in entry.content]


def tiers(entries: list[MemoryEntry]) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for entry in entries:
        found.setdefault(entry.metadata.get("tier") or entry.tier, []).append([entry.role, entry.content])
    return found


async def main(truth: Path) -> None:
    app = LoomApp()

    async def lookup(arguments: dict[str, Any]) -> str:
        return f"found {arguments['topic'][:10]}"

    tool = Tool(app, "lookup", lookup, parameters={"type": "object", "properties": {"topic": {"type": "string"}}})
    model = Model()
    prepared = HierarchicalMemory(session_limit=6)
    await prepared.add("system", "known before anybody had it")
    scholar: Any = Agent(app, "scholar", tools=[tool], provider=model, memory=prepared)
    thinker: Any = Agent(app, "deep/thinker", provider=model, memory=MetabolicMemory())
    careful: Any = Agent(app, "careful", provider=model, memory=Careful())
    reflecting: Any = AgentNode(
        "reflecting",
        app.dispatcher,
        provider=model,
        memory=HierarchicalMemory(),
        enable_auto_reflection=True,
        reflection_config=ReflectionConfig(threshold=3, candidate_count=2, remove_count=2),
    )
    crew = Crew(app, "crew", [thinker, careful])
    await asyncio.sleep(0)

    outcomes = []
    for number in range(4):
        outcomes.append(await app.run(f"study {number}", target=scholar.source_uri))
        outcomes.append(await app.run(f"reflect {number}", target=reflecting.source_uri))
    for number in range(4):
        outcomes.append(await app.run(f"goal {number}", target=crew.source_uri))
    await asyncio.gather(*(app.run(f"task {number}", target=thinker.source_uri) for number in range(5)))
    await careful.memory.add("user", "a secret")
    await careful.memory.add("user", "no longer", {"tier": "working", "importance": 0.75})
    moved = careful.memory._session.pop(0)
    careful.memory._session.append(moved)
    await careful.memory.add("user", "the last")

    # A publish that no dispatcher sees.
    for word in ("one", "two", "three"):
        await app.bus.publish(CloudEvent.create(source="/node/scholar", type="agent.stream.text", data={"content": word}))
    stream = model.stream_chat([{"role": "user", "content": "a whole stream"}])
    words = [word async for word in stream]
    async for _ in model.stream_chat([{"role": "user", "content": "a stream that is left"}]):
        break
    try:
        await model.chat([{"role": "user", "content": "unanswerable"}])
    except ConnectionError:
        pass
    # What is over lets its generators go.
    await asyncio.sleep(0.05)

    print("done", len(outcomes))
    truth.write_text(
        json.dumps(
            {
                "tiers": {
                    "/node/scholar": tiers(prepared._session),
                    "/node/deep/thinker": tiers(thinker.memory.short_term),
                    "/node/careful": tiers(careful.memory._session),
                    "/node/reflecting": tiers(reflecting.memory._session),
                },
                "project_state": thinker.memory.pso.state,
                "used": used,
                "words": words,
                "interceptors": [type(one).__module__ for one in app.dispatcher.interceptors],
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
