"""What a Loom program may have in its dispatcher, and the events it dispatches: parts that the benchmarks share.

Every observer sends to the same server, in the same process, one after the other. Nothing is compressed on either side.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import random
import subprocess
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from loom.infra.store import InMemoryEventStore
    from loom.kernel.base_interceptor import Interceptor
    from loom.kernel.bus import UniversalEventBus
    from loom.kernel.dispatcher import Dispatcher
    from loom.kernel.interceptors.studio import StudioInterceptor as Shipped
    from loom.protocol.cloudevents import CloudEvent

REPOSITORY = Path(__file__).parents[2]


def _text(rng: random.Random, length: int) -> str:
    words: list[str] = []
    size = 0
    while size < length:
        word = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 10)))
        words.append(word)
        size += len(word) + 1
    return " ".join(words)[:length]


def small(rng: random.Random) -> Any:
    """An agent's request to a tool, about 650 bytes of JSON."""
    return CloudEvent.create(
        source="/node/agent/writer",
        type="node.request",
        subject="tool/search",
        traceparent=f"00-{rng.getrandbits(128):032x}-{rng.getrandbits(64):016x}-01",
        data={
            "arguments": {"query": _text(rng, 60), "limit": 10, "filters": ["public", "2026"]},
            "session_id": None,
            "note": _text(rng, 160),
        },
    )


def large(rng: random.Random) -> Any:
    """An agent's answer with the conversation that led to it, about 19,000 bytes of JSON."""
    messages = [
        {"role": "user", "content": _text(rng, 300), "turn": turn, "score": rng.random(), "final": False, "tags": [_text(rng, 8) for _ in range(3)]}
        for turn in range(40)
    ]
    return CloudEvent.create(
        source="/node/agent/writer",
        type="node.response",
        data={"request_id": f"{rng.getrandbits(128):032x}", "result": {"messages": messages, "text": _text(rng, 2000)}},
    )


class Nothing(Interceptor):  # type: ignore[misc]
    """The least an interceptor can be."""

    async def pre_invoke(self, event: Any) -> Any:
        return event

    async def post_invoke(self, event: Any) -> None:
        pass


class DeepCopy(Interceptor):  # type: ignore[misc]
    """The original design: a deep copy in both phases, dumped and sent by tens from the program's own loop."""

    def __init__(self, url: str) -> None:
        self.shipped = Shipped(url, enabled=False)

    def _see(self, event: Any, phase: str) -> None:
        enriched = event.model_copy(deep=True)
        enriched.extensions["studio_phase"] = phase
        enriched.extensions["studio_timestamp"] = time.time()
        asyncio.create_task(self._send(enriched))

    async def _send(self, event: Any) -> None:
        self.shipped.event_buffer.append(event)
        if len(self.shipped.event_buffer) >= 10:
            events, self.shipped.event_buffer = self.shipped.event_buffer, []
            batch = {"type": "event_batch", "events": [one.model_dump(mode="json") for one in events]}
            await self.shipped.ws.send(json.dumps(batch))

    async def pre_invoke(self, event: Any) -> Any:
        self._see(event, "pre")
        return event

    async def post_invoke(self, event: Any) -> None:
        self._see(event, "post")


class Spans(Interceptor):  # type: ignore[misc]
    """OpenTelemetry: a span per dispatch with the event's attributes and its data as JSON, through a `BatchSpanProcessor` whose exporter does nothing."""

    def __init__(self) -> None:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

        class Exporter(SpanExporter):
            def export(self, spans: Any) -> SpanExportResult:
                return SpanExportResult.SUCCESS

        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(Exporter()))
        self.tracer = self.provider.get_tracer("loom")
        self.open: dict[str, Any] = {}

    async def pre_invoke(self, event: Any) -> Any:
        attributes = {"id": event.id, "source": event.source, "type": event.type, "subject": event.subject or "", "data": json.dumps(event.data)}
        self.open[event.id] = self.tracer.start_span(event.type, attributes=attributes)
        return event

    async def post_invoke(self, event: Any) -> None:
        self.open.pop(event.id).end()


class Arm:
    """One observer in a dispatcher of its own."""

    def __init__(self, name: str, interceptor: Any) -> None:
        self.name = name
        self.interceptor = interceptor
        # A store that keeps nothing: the bus has its cost, memory that grows is not what is measured.
        store = InMemoryEventStore()
        store.append = self._append  # type: ignore[method-assign]
        self.dispatcher = Dispatcher(UniversalEventBus(store=store))
        self.dispatcher.add_interceptor(interceptor)

    async def _append(self, event: Any) -> None:
        pass

    async def start(self) -> None:
        async def handle(event: Any) -> None:
            pass

        await self.dispatcher.bus.connect()
        await self.dispatcher.bus.subscribe("node.request/tool/search", handle)
        await self.dispatcher.bus.subscribe("node.response/node/agent/writer", handle)
        shipped = getattr(self.interceptor, "shipped", self.interceptor)
        if isinstance(shipped, Shipped):
            shipped.enabled = True
            with contextlib.redirect_stdout(io.StringIO()):
                await shipped._ensure_connection()
            assert shipped.ws is not None

    async def settle(self) -> None:
        """Let the loop do what was left for it."""
        for _ in range(3):
            await asyncio.sleep(0)
        while len(asyncio.all_tasks()) > 1 + self.lasting:
            await asyncio.sleep(0)

    lasting = 0

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Loom's methods are wrapped while ours is at work, and only then."""
        from loom_studio import _causality

        if self.name.startswith("loom-studio"):
            _causality.wrap()
        try:
            yield
        finally:
            _causality.unwrap()

    async def dispatch(self, events: list[Any]) -> None:
        dispatch: Callable[[Any], Awaitable[None]] = self.dispatcher.dispatch
        for event in events:
            await dispatch(event)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A server with an empty store in memory; its WebSocket URL."""
    binary = os.environ.get("LOOM_STUDIO_BIN", REPOSITORY / "target" / "release" / "loom-studio")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([binary, "--port", "0", "--memory"], stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().rstrip("/").replace("http://", "ws://")
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


def arms(url: str, names: list[str]) -> list[Arm]:
    """The observers by name."""
    os.environ["LOOM_STUDIO_COMPRESS"] = "false"
    from loom_studio import StudioInterceptor

    make: dict[str, Callable[[], Any]] = {
        "nothing": Nothing,
        "nothing again": Nothing,
        "shipped": lambda: Shipped(url, enabled=False),
        "deep copy": lambda: DeepCopy(url),
        "OpenTelemetry": Spans,
        "loom-studio": lambda: StudioInterceptor(url, enabled=True),
    }
    return [Arm(name, make[name]()) for name in names]
