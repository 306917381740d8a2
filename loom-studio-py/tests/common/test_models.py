"""Calls of models: what is told of them, and that they stay what they were."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from loom_studio._context import here
from recording import Recording, recording

try:
    interface: Any = importlib.import_module("loom.llm.interface")
except ImportError:
    interface = importlib.import_module("loom.interfaces.llm")

ASKED = [{"role": "user", "content": "why"}]


def told(program: Callable[[], Awaitable[None]], *, content: bool = True) -> Recording:
    with recording(content=content) as record:
        asyncio.run(program())  # type: ignore[arg-type]
    return record


def provider(**members: Any) -> Any:
    """One whose class is made now, as a program's would be."""

    async def chat(self: Any, messages: Any, tools: Any = None, config: Any = None) -> Any:
        return interface.LLMResponse(content="because")

    async def stream_chat(self: Any, messages: Any, tools: Any = None) -> AsyncIterator[Any]:
        yield "be"
        yield "cause"

    return type("Oracle", (interface.LLMProvider,), {"chat": chat, "stream_chat": stream_chat, **members})()


def test_a_call_is_told_with_all_that_is_known_of_it() -> None:
    async def chat(self: Any, messages: Any, tools: Any = None, config: Any = None) -> Any:
        usage = {"prompt_tokens": 3, "completion_tokens": 2}
        return interface.LLMResponse(content="because", tool_calls=[{"name": "look", "arguments": {"at": "it"}}], token_usage=usage)

    async def program() -> None:
        here.set("the-cause")
        await provider(chat=chat, model="m").chat(ASKED, tools=[{"name": "look"}], config={"model": "n", "temperature": 0})

    record = told(program)
    [request], [response] = record.of("llm.request"), record.of("llm.response")
    assert request.pop("call_id") == response.pop("call_id")
    assert request == {
        "provider": "Oracle",
        "stream": False,
        "model": "n",
        "message_count": 1,
        "message_chars": 3,
        "messages": ASKED,
        "tools": ["look"],
        "config": {"model": "n", "temperature": 0},
    }
    assert response.pop("latency_ms") >= 0
    assert response == {
        "provider": "Oracle",
        "stream": False,
        "model": "n",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        "content_chars": 7,
        "content": "because",
        "tool_calls": [{"name": "look", "arguments": {"at": "it"}}],
    }
    assert {source for _, source, _, _ in record.events} == {"/llm/Oracle"}
    assert record.events[1][3] == "the-cause"


def test_without_content_sizes_and_names_remain() -> None:
    async def chat(self: Any, messages: Any, tools: Any = None, config: Any = None) -> Any:
        if config:
            raise ValueError("secret reason")
        return interface.LLMResponse(content="because", tool_calls=[{"name": "look", "arguments": {"at": "it"}}])

    async def program() -> None:
        oracle = provider(chat=chat)
        await oracle.chat(ASKED, tools=[{"name": "look"}])
        with pytest.raises(ValueError):
            await oracle.chat(ASKED, config={"system": "secret"})

    record = told(program, content=False)
    text = str(record.events)
    assert "why" not in text and "because" not in text and "'it'" not in text and "secret" not in text
    first, second = record.of("llm.response")
    assert (first["content_chars"], first["tools_called"]) == (7, ["look"])
    assert second["error"] == {"type": "ValueError"}


def test_the_wrapped_methods_are_what_they_were() -> None:
    with recording():
        oracle = provider()
        assert inspect.iscoroutinefunction(oracle.chat)
        assert inspect.isasyncgenfunction(oracle.stream_chat)
        assert list(inspect.signature(oracle.chat).parameters) == ["messages", "tools", "config"]
        assert not inspect.isabstract(type(oracle))
        with pytest.raises(TypeError):
            type("Unfinished", (interface.LLMProvider,), {})()


def test_a_stream_takes_what_is_sent_and_thrown_into_it() -> None:
    async def stream_chat(self: Any, messages: Any, tools: Any = None) -> AsyncIterator[Any]:
        got = yield "one"
        try:
            yield f"got {got}"
        except KeyError as error:
            yield f"caught {error}"

    async def program() -> None:
        stream = provider(stream_chat=stream_chat).stream_chat(ASKED)
        assert await stream.__anext__() == "one"
        assert await stream.asend("two") == "got two"
        assert await stream.athrow(KeyError("three")) == "caught 'three'"
        with pytest.raises(StopAsyncIteration):
            await stream.__anext__()

    [response] = told(program).of("llm.response")
    assert (response["chunks"], "cancelled" in response, "error" in response) == (3, False, False)


def test_a_stream_that_is_left_is_closed_at_once_and_one_never_begun_is_no_call() -> None:
    closed = []

    async def stream_chat(self: Any, messages: Any, tools: Any = None) -> AsyncIterator[Any]:
        try:
            yield "one"
            yield "two"
        finally:
            closed.append(True)

    async def program() -> None:
        oracle = provider(stream_chat=stream_chat)
        stream = oracle.stream_chat(ASKED)
        assert await stream.__anext__() == "one"
        await stream.aclose()
        assert closed == [True]
        await oracle.stream_chat(ASKED).aclose()

    [response] = told(program).of("llm.response")
    assert (response["chunks"], response["cancelled"]) == (1, True)


def test_a_stream_that_raises_says_so_and_raises() -> None:
    async def stream_chat(self: Any, messages: Any, tools: Any = None) -> AsyncIterator[Any]:
        yield "one"
        raise OSError("gone")

    async def program() -> None:
        with pytest.raises(OSError, match="gone"):
            async for _ in provider(stream_chat=stream_chat).stream_chat(ASKED):
                pass

    [response] = told(program).of("llm.response")
    assert response["error"] == {"type": "OSError", "message": "gone"}


def test_a_cancelled_call_is_told_as_such() -> None:
    async def chat(self: Any, messages: Any, tools: Any = None, config: Any = None) -> Any:
        await asyncio.sleep(30)

    async def program() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(provider(chat=chat).chat(ASKED), 0.01)

    [response] = told(program).of("llm.response")
    assert response["cancelled"] is True
    assert "error" not in response


def test_a_provider_within_a_provider_is_one_call_with_the_inner_ones_tokens() -> None:
    async def inner_chat(self: Any, messages: Any, tools: Any = None, config: Any = None) -> Any:
        return interface.LLMResponse(content="because", token_usage={"prompt_tokens": 3})

    async def program() -> None:
        inner = provider(chat=inner_chat, model="inner-1")

        async def chat(self: Any, messages: Any, tools: Any = None, config: Any = None) -> Any:
            await inner.chat(messages)
            return interface.LLMResponse(content=(await inner.chat(messages)).content)

        outer = provider(chat=chat)
        await outer.chat(ASKED)
        # One after it, and one within it that handles another event, are calls of their own.
        await inner.chat(ASKED)

    outer, after = told(program).of("llm.response")
    assert (outer["provider"], outer["model"], outer["usage"]) == ("Oracle", "inner-1", {"prompt_tokens": 6})
    assert after["usage"] == {"prompt_tokens": 3}


def test_what_a_call_sets_off_elsewhere_is_a_call_of_its_own() -> None:
    async def program() -> None:
        inner = provider(model="inner-1")

        async def handle() -> None:
            here.set("another-event")
            await inner.chat(ASKED)

        async def chat(self: Any, messages: Any, tools: Any = None, config: Any = None) -> Any:
            await asyncio.create_task(handle())
            return interface.LLMResponse(content="because")

        await provider(chat=chat).chat(ASKED)

    assert len(told(program).of("llm.response")) == 2


def test_tokens_after_the_end_of_a_stream_count() -> None:
    if not hasattr(interface, "StreamChunk"):
        # The streams of this release are words.
        interface.StreamChunk = lambda **members: members

    async def stream_chat(self: Any, messages: Any, tools: Any = None) -> AsyncIterator[Any]:
        yield interface.StreamChunk(type="text", content="because")
        yield interface.StreamChunk(type="done", content="", metadata={"finish_reason": "length"})
        yield interface.StreamChunk(type="done", content="", metadata={"finish_reason": "usage_only", "token_usage": {"prompt_tokens": 3}})

    async def program() -> None:
        async for _ in provider(stream_chat=stream_chat).stream_chat(ASKED):
            pass

    [response] = told(program).of("llm.response")
    assert (response["usage"], response["finish_reason"], response["content"]) == ({"prompt_tokens": 3}, "length", "because")


def test_a_conversation_too_long_for_an_event_is_told_in_part() -> None:
    async def program() -> None:
        long = [{"role": "user", "content": f"{number} " + "x" * 30_000} for number in range(20)]
        await provider().chat(long)

    [request] = told(program).of("llm.request")
    assert request["message_count"] == 20
    assert request["message_chars"] > 600_000
    numbers = [int(message["content"].split()[0]) for message in request["messages"]]
    assert numbers == [0, *range(20 - len(numbers) + 1, 20)]
    assert len(numbers) == 6
