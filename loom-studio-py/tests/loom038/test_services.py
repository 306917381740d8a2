"""Loom's own providers, with their clients' answers made up below HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2

from recording import recording  # isort: skip

from anthropic import AsyncAnthropic
from loom.llm.interface import LLMProvider, LLMResponse
from loom.llm.providers.openai import OpenAIProvider

ASKED = [{"role": "user", "content": "why"}]


def client(answer: dict[str, Any]) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json=answer)))


def test_what_openai_says_and_loom_leaves_out_is_told() -> None:
    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 9,
        "total_tokens": 39,
        "prompt_tokens_details": {"cached_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    answer = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4-exactly",
        "choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": "because"}}],
        "usage": usage,
    }

    async def program() -> None:
        provider = OpenAIProvider(model="gpt-4", api_key="none", http_client=client(answer))
        assert (await provider.chat(ASKED)).content == "because"

    with recording() as record:
        asyncio.run(program())
    [response] = record.of("llm.response")
    assert (response["model"], response["finish_reason"], response["content"]) == ("gpt-4-exactly", "length", "because")
    assert response["usage"] == usage


def test_what_anthropic_says_to_any_provider_is_told() -> None:
    answer = {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "claude-exactly",
        "content": [{"type": "text", "text": "because"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 30, "output_tokens": 9, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 0},
    }

    # Loom's own provider gives the service an argument that this release of its client refuses.
    class Own(LLMProvider):
        async def chat(self, messages: Any, tools: Any = None, config: Any = None) -> LLMResponse:
            service = AsyncAnthropic(api_key="none", http_client=client(answer))
            said = await service.messages.create(model="claude", max_tokens=10, messages=messages)
            return LLMResponse(content=said.content[0].text, token_usage={"prompt_tokens": 30, "completion_tokens": 9})  # type: ignore[union-attr]

        async def stream_chat(self, messages: Any, tools: Any = None) -> Any:
            yield (await self.chat(messages)).content

    async def program() -> None:
        assert (await Own().chat(ASKED)).content == "because"

    with recording() as record:
        asyncio.run(program())
    [response] = record.of("llm.response")
    assert (response["model"], response["finish_reason"]) == ("claude-exactly", "end_turn")
    assert response["usage"]["cache_read_input_tokens"] == 20
    assert response["usage"]["prompt_tokens"] == 30


def test_a_stream_of_openai_is_read_by_the_program_alone() -> None:
    def part(**members: Any) -> str:
        return "data: " + json.dumps({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4-exactly", **members}) + "\n\n"

    def choice(**members: Any) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": {}, "finish_reason": None, **members}]

    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    text = (
        part(choices=choice(delta={"content": "because"}))
        + part(choices=choice(finish_reason="stop"))
        + part(choices=[], usage=usage)
        + "data: [DONE]\n\n"
    )
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"}))

    async def program() -> list[str]:
        provider = OpenAIProvider(model="gpt-4", api_key="none", http_client=httpx2.AsyncClient(transport=transport))
        return [chunk.type async for chunk in provider.stream_chat(ASKED)]

    with recording() as record:
        assert asyncio.run(program()) == ["text", "done", "done"]
    [response] = record.of("llm.response")
    assert (response["content"], response["finish_reason"], response["usage"]) == ("because", "stop", usage)
    assert response["model"] == "gpt-4"
