"""A Loom 0.3.8 application that was not told of Studio: agents with tiered memories, and a model that streams.

    python agents_program.py truth.json

The file gets what the program knows of itself at its end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import tiktoken


class Words:
    """Stands in for tiktoken's vocabularies, which it would download."""

    def encode(self, text: str, **_: Any) -> list[str]:
        return text.split()


tiktoken.get_encoding = lambda name: Words()  # type: ignore[assignment,return-value]

from loom.kernel.core import Dispatcher, UniversalEventBus  # noqa: E402
from loom.llm.interface import LLMProvider, LLMResponse, StreamChunk  # noqa: E402
from loom.memory.core import LoomMemory  # noqa: E402
from loom.memory.types import MemoryTier, MemoryType, MemoryUnit  # noqa: E402
from loom.node.agent import AgentNode  # noqa: E402
from loom.protocol.cloudevents import CloudEvent  # noqa: E402

used = {"calls": 0, "input": 0, "output": 0, "reasoning": 0}


class Model(LLMProvider):
    """Streams an answer in two words, what it cost, and more that nobody reads."""

    model = "large-1"
    closed = 0

    def cost(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        given = sum(len(str(one["content"])) for one in messages)
        used["calls"] += 1
        used["input"] += given
        used["output"] += 5
        used["reasoning"] += 3
        return {"prompt_tokens": given, "completion_tokens": 5, "total_tokens": given + 5, "reasoning_tokens": 3}

    async def chat(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None, config: dict[str, Any] | None = None
    ) -> LLMResponse:
        return LLMResponse(content="in one piece", token_usage=self.cost(messages))

    async def complete(self, prompt: str, **_: Any) -> LLMResponse:
        return await self.chat([{"role": "user", "content": prompt}])

    async def stream_chat(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> Any:
        try:
            await asyncio.sleep(0.002)
            for word in ("so ", "said"):
                yield StreamChunk(type="text", content=word)
            yield StreamChunk(type="done", content="", metadata={"finish_reason": "stop", "token_usage": self.cost(messages)})
            yield StreamChunk(type="text", content="unread")
        finally:
            Model.closed += 1


class Embeddings:
    async def embed_text(self, text: str) -> list[float]:
        await asyncio.sleep(0)
        return [1.0, 0.0] if "apple" in text else [0.0, 1.0]


def tiers(memory: LoomMemory) -> dict[str, list[list[Any]]]:
    lists = {
        "L1": memory._l1_buffer,
        "L2": memory._l2_working,
        "L3": [unit for units in memory._l3_session.values() for unit in units],
        "L4": memory._l4_global,
    }
    return {tier: [[unit.to_message()["role"], unit.content, unit.id] for unit in units] for tier, units in lists.items() if units}


async def main(truth: Path) -> None:
    dispatcher = Dispatcher(UniversalEventBus())
    model = Model()
    talker = AgentNode("talker", dispatcher, provider=model)
    talker.memory.max_l1_size = 5
    keeper = AgentNode("group/keeper", dispatcher, provider=model)
    await asyncio.sleep(0)

    answered = asyncio.Event()
    answers = 0

    async def count(event: CloudEvent) -> None:
        nonlocal answers
        answers += 1
        answered.set()

    await dispatcher.bus.subscribe("node.response/*", count)
    for number in range(4):
        for node in (talker, keeper):
            answered.clear()
            request = CloudEvent.create(source="/user/sdk", type="node.request", data={"task": f"task {number}"}, subject=node.source_uri)
            await dispatcher.dispatch(request)
            await asyncio.wait_for(answered.wait(), 10)

    memory = keeper.memory
    plan = MemoryUnit(content="a plan", tier=MemoryTier.L2_WORKING, type=MemoryType.PLAN)
    await memory.add(plan)
    await memory.add(MemoryUnit(content="a thought", tier=MemoryTier.L2_WORKING, type=MemoryType.THOUGHT, importance=0.9))
    memory.promote_to_l4(plan.id)
    memory.clear_working()
    memory.add_sync(MemoryUnit(content={"role": "assistant", "content": "kept as an object"}, tier=MemoryTier.L2_WORKING))
    for name in ("one", "two"):
        await memory.add(MemoryUnit(content=f"in session {name}", tier=MemoryTier.L3_SESSION, metadata={"session_id": name}))

    # Facts that are alike are merged by a model.
    memory.embedding_provider = Embeddings()  # type: ignore[assignment]
    memory.enable_l4_compression(model, threshold=6, min_cluster_size=3)
    for number in range(4):
        await memory.add(MemoryUnit(content=f"apple {number}", tier=MemoryTier.L4_GLOBAL, type=MemoryType.FACT))
    for number in range(3):
        await memory.add(MemoryUnit(content=f"pear {number}", tier=MemoryTier.L4_GLOBAL, type=MemoryType.FACT))
    await asyncio.sleep(0.05)

    print("done", answers)
    truth.write_text(
        json.dumps(
            {
                "tiers": {"/node/talker": tiers(talker.memory), "/node/group/keeper": tiers(memory)},
                "used": used,
                "answers": answers,
                "closed": Model.closed,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
