"""What the program's models are asked and answer.

The methods `chat` and `stream_chat` of every provider are wrapped: each call is an `llm.request` when it begins and an `llm.response` when it ends. A stream is
handed on chunk by chunk as the program asks for it, and never read ahead.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

from loom_studio import _nodes, _usage, _wire
from loom_studio._context import current_cause
from loom_studio._log import swallowed
from loom_studio._patches import Patches

#: The call that runs in this context.
_current: ContextVar[Call | None] = ContextVar("loom_studio_llm", default=None)


class Call:
    """One call of a model, from its request to its response."""

    def __init__(self, provider: Any, method: str, messages: Any, tools: Any, config: Any) -> None:
        self.cause = current_cause()
        self.id = uuid4().hex
        self._is_over = False
        self._source = _source(provider)
        self._provider = type(provider).__name__
        self._is_stream = method == "stream_chat"
        self._begun = time.perf_counter()
        self._first_token: float | None = None
        self._done: float | None = None
        self._model = _usage.model_of(provider, config)
        self._usage: dict[str, Any] = {}
        # Of calls that this one has made to answer.
        self._inner_usage: dict[str, Any] = {}
        self._inner_model: str | None = None
        # What the service behind the provider said.
        self._service_usage: dict[str, Any] = {}
        self._service_model: str | None = None
        self._service_finish_reason: str | None = None
        self._was_left = False
        self._finish_reason: str | None = None
        self._error: dict[str, Any] | None = None
        self._chars = 0
        self._chunks = 0
        self._text: list[str] = []
        self._tool_calls: list[Any] = []
        data = self._common()
        if isinstance(messages, (list, tuple)):
            data["message_count"] = len(messages)
            data["message_chars"] = sum(map(_usage.chars_of, messages))
            if _wire.content_is_captured():
                data["messages"] = _usage.fitting(messages)
        if isinstance(tools, (list, tuple)) and tools:
            data["tools"] = [name for name in map(_usage.tool_name, tools) if name is not None]
        if isinstance(config, dict) and config and _wire.content_is_captured():
            data["config"] = config
        _wire.emit("llm.request", self._source, data)

    def _common(self) -> dict[str, Any]:
        data: dict[str, Any] = {"call_id": self.id, "provider": self._provider, "stream": self._is_stream}
        if self._model is not None:
            data["model"] = self._model
        return data

    def is_running_here(self) -> bool:
        """Whether a call that begins now is part of this one: not when the program has meanwhile begun to handle another event."""
        return not self._is_over and self.cause == current_cause()

    def answered(self, response: Any) -> None:
        """The whole answer of `chat`."""
        self._usage = _usage.usage_of(response) or {}
        self._model = _usage.model_in(response) or self._model
        self._finish_reason = _usage.text(_usage.member(response, "finish_reason"))
        content = response if isinstance(response, str) else _usage.member(response, "content")
        if isinstance(content, str):
            self._text = [content[: _usage.MAX_CHARS]]
            self._chars = len(content)
        calls = _usage.member(response, "tool_calls")
        if isinstance(calls, (list, tuple)):
            self._tool_calls = list(calls)

    def answered_by_service(self, answer: Any) -> None:
        """What a service answered to the provider, which passes on less of it."""
        self._service_usage = _usage.total(self._service_usage, _usage.usage_of(answer) or {})
        self._service_model = _usage.model_in(answer) or self._service_model
        choices = _usage.member(answer, "choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        reason = _usage.text(_usage.member(first, "finish_reason")) or _usage.text(_usage.member(answer, "stop_reason"))
        self._service_finish_reason = reason or self._service_finish_reason

    def answered_within(self, usage: dict[str, Any] | None, model: str | None) -> None:
        """What a call within this one has used, which counts if this one says nothing itself."""
        self._inner_model = model or self._inner_model
        self._inner_usage = _usage.total(self._inner_usage, usage or {})

    def chunk(self, chunk: Any) -> None:
        """A part of a stream, on its way to the program."""
        self._chunks += 1
        kind = _usage.member(chunk, "type")
        content = chunk if isinstance(chunk, str) else _usage.member(chunk, "content")
        metadata = _usage.member(chunk, "metadata")
        if kind == "done":
            self._done = self._done or time.perf_counter()
            reason = _usage.text(_usage.member(metadata, "finish_reason"))
            # What comes behind the end carries the figures alone.
            if self._finish_reason is None:
                self._finish_reason = reason
            self._usage.update(_usage.usage_of(metadata) or {})
            if self._usage:
                self.over()
            return
        if kind == "error":
            self._error = _usage.error_of_chunk(content)
            return
        if self._first_token is None and content:
            self._first_token = time.perf_counter()
        if isinstance(content, str):
            self._chars += len(content)
            if kind in (None, "text") and self._chars <= _usage.MAX_CHARS and _wire.content_is_captured():
                self._text.append(content)
        elif kind in ("tool_call", "tool_call_complete"):
            self._tool_calls.append(content)

    def failed(self, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            self.left()
            return
        self._error = {"type": type(error).__name__}
        if _wire.content_is_captured():
            self._error["message"] = str(error)[: _usage.MAX_CHARS]

    def left(self) -> None:
        """The program doesn't want the rest: it was cancelled, or has left the stream."""
        self._was_left = self._done is None

    def over(self) -> None:
        """Send the response, once."""
        if self._is_over:
            return
        self._is_over = True
        self._model = self._service_model or self._model or self._inner_model
        self._finish_reason = self._finish_reason or self._service_finish_reason
        data = self._common()
        end = self._done or time.perf_counter()
        data["latency_ms"] = round((end - self._begun) * 1000, 3)
        if self._first_token is not None:
            data["ttft_ms"] = round((self._first_token - self._begun) * 1000, 3)
        if self._is_stream:
            data["chunks"] = self._chunks
        usage = {**(self._usage or self._inner_usage), **self._service_usage}
        if usage:
            data["usage"] = usage
        if self._finish_reason is not None:
            data["finish_reason"] = self._finish_reason
        if self._error is not None:
            data["error"] = self._error
        if self._was_left:
            data["cancelled"] = True
        data["content_chars"] = self._chars
        if _wire.content_is_captured():
            data["content"] = "".join(self._text)
            if self._tool_calls:
                data["tool_calls"] = self._tool_calls
        elif self._tool_calls:
            data["tools_called"] = [name for name in map(_usage.tool_name, self._tool_calls) if name is not None]
        _wire.emit("llm.response", self._source, data, cause=self.cause)


def running() -> Call | None:
    """The call that runs in this context, if any."""
    call = _current.get()
    return call if call is not None and call.is_running_here() else None


def _source(provider: Any) -> str:
    """Who asks: the node whose turn it is; else the only one that holds the provider; else the provider itself."""
    node = _nodes.running_node()
    if node is None:
        holders = _nodes.holders(provider)
        node = holders[0][0]() if len(holders) == 1 else None
    return (None if node is None else _nodes.uri(node)) or f"/llm/{type(provider).__name__}"


class _Within:
    """A call that belongs to another one, or one that could not be noted."""

    def __init__(self, outer: Call | None) -> None:
        self._outer = outer

    def answered(self, response: Any) -> None:
        if self._outer is not None:
            self._outer.answered_within(_usage.usage_of(response), _usage.model_in(response))

    def chunk(self, chunk: Any) -> None:
        usage = _usage.usage_of(_usage.member(chunk, "metadata"))
        if self._outer is not None and usage:
            self._outer.answered_within(usage, None)

    def failed(self, error: BaseException) -> None: ...

    def left(self) -> None: ...

    def over(self) -> None: ...


def _begin(provider: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | _Within:
    outer = running()
    if outer is not None:
        with swallowed("noting a model"):
            outer.answered_within(None, _usage.model_of(provider, None))
    elif _wire.is_on():
        with swallowed("noting a call of a model"):
            given = dict(zip(("messages", "tools", "config"), args, strict=False)) | kwargs
            return Call(provider, method, given.get("messages"), given.get("tools"), given.get("config"))
    return _Within(outer)


def _quietly(action: Callable[..., None], *args: Any) -> None:
    with swallowed("noting an answer of a model"):
        action(*args)


async def _within(call: Call | _Within, awaitable: Any) -> Any:
    """Awaits as a part of the call. What the program does between two parts of a stream is none of it."""
    before = _current.get()
    if isinstance(call, Call):
        _current.set(call)
    try:
        return await awaitable
    finally:
        _current.set(before)


def _chat(original: Any) -> Any:
    @functools.wraps(original)
    async def chat(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = _begin(self, "chat", args, kwargs)
        try:
            response = await _within(call, original(self, *args, **kwargs))
            _quietly(call.answered, response)
            return response
        except BaseException as error:
            _quietly(call.failed, error)
            raise
        finally:
            _quietly(call.over)

    return chat


def _stream(original: Any) -> Any:
    """An asynchronous generator in place of another: hands on what it yields, what is sent and thrown into it, and its end."""

    @functools.wraps(original)
    async def stream_chat(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = _begin(self, "stream_chat", args, kwargs)
        stream: Any = None
        try:
            stream = original(self, *args, **kwargs)
            next_one = stream.__anext__()
            while True:
                try:
                    chunk = await _within(call, next_one)
                except StopAsyncIteration:
                    return
                _quietly(call.chunk, chunk)
                try:
                    sent = yield chunk
                except GeneratorExit:
                    _quietly(call.left)
                    raise
                except BaseException as error:
                    next_one = stream.athrow(error)
                else:
                    next_one = stream.__anext__() if sent is None else stream.asend(sent)
        except GeneratorExit:
            raise
        except BaseException as error:
            _quietly(call.failed, error)
            raise
        finally:
            try:
                if hasattr(stream, "aclose"):
                    await _within(call, stream.aclose())
            finally:
                _quietly(call.over)

    return stream_chat


def _stream_chat(original: Any) -> Any:
    if inspect.isasyncgenfunction(original):
        return _stream(original)

    def watched(self: Any, stream: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not hasattr(stream, "__aiter__"):
            return stream
        return _stream(lambda *_args, **_kwargs: stream.__aiter__())(self, *args, **kwargs)

    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def coroutine(self: Any, *args: Any, **kwargs: Any) -> Any:
            return watched(self, await original(self, *args, **kwargs), args, kwargs)

        return coroutine

    @functools.wraps(original)
    def plain(self: Any, *args: Any, **kwargs: Any) -> Any:
        return watched(self, original(self, *args, **kwargs), args, kwargs)

    return plain


def _wrap_class(cls: type, patches: Patches) -> None:
    for name, wrap in (("chat", _chat), ("stream_chat", _stream_chat)):
        original = vars(cls).get(name)
        if not inspect.isfunction(original) or getattr(original, "__isabstractmethod__", False):
            continue
        if name == "chat" and not inspect.iscoroutinefunction(original):
            continue
        patches.set(cls, name, wrap(original))


def patch(module: Any, patches: Patches) -> None:
    """Wrap the calls of all providers derived from the module's `LLMProvider`, present and future."""
    base = getattr(module, "LLMProvider", None)
    if isinstance(base, type):
        _wire.each_class(base, lambda cls: _wrap_class(cls, patches), patches)


#: Where clients of services ask them, and what for.
SERVICES = {
    "openai.resources.chat.completions.completions": "AsyncCompletions",
    "anthropic.resources.messages.messages": "AsyncMessages",
}


def patch_service(module: Any, patches: Patches) -> None:
    """See what a service answers to a provider that is being watched. Streams are left alone."""
    client = getattr(module, SERVICES[module.__name__], None)
    original: Any = vars(client).get("create") if isinstance(client, type) else None
    if not inspect.isfunction(original):
        return

    async def noted(call: Call, answering: Any) -> Any:
        answer = await answering
        if not hasattr(answer, "__aiter__"):
            _quietly(call.answered_by_service, answer)
        return answer

    @functools.wraps(original)
    def create(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = running()
        answering = original(self, *args, **kwargs)
        return answering if call is None or not inspect.isawaitable(answering) else noted(call, answering)

    patches.set(client, "create", create)


def patch_nodes(module: Any, patches: Patches) -> None:
    """Wrap the calls of providers that only look like one, as they are given to the module's nodes."""
    wrapped: set[type] = set()

    def notice(node: Any) -> None:
        kind = type(vars(node).get("provider"))
        for cls in kind.__mro__:
            if cls.__module__.startswith("loom.") and cls.__name__ == "LLMProvider":
                return
        if kind is not type(None) and kind not in wrapped and callable(getattr(kind, "chat", None)):
            wrapped.add(kind)
            _wrap_class(kind, patches)

    for name in ("AgentNode", "AttentionRouter"):
        base = getattr(module, name, None)
        if isinstance(base, type):
            _after_init(base, notice, patches)


def _after_init(base: type, notice: Callable[[Any], None], patches: Patches) -> None:
    original: Any = base.__init__  # type: ignore[misc]

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        with swallowed("looking at a provider"):
            notice(self)

    patches.set(base, "__init__", __init__)
    for node in _nodes.all_nodes():
        if isinstance(node, base):
            with swallowed("looking at a provider"):
                notice(node)
