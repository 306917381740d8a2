"""Where instrumentation says what it saw, and how it reaches classes that do not exist yet."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from loom_studio._log import swallowed
from loom_studio._patches import Patches

if TYPE_CHECKING:
    from loom_studio._client import Client

_on = False


def is_on() -> bool:
    """Whether the program is instrumented now. A wrapper that somebody kept passes through when it isn't."""
    return _on


def turn(on: bool) -> None:
    global _on
    _on = on


def _client() -> Client | None:
    from loom_studio._client import client

    return client()


def emit(kind: str, source: str, data: dict[str, Any], *, cause: str | None = None) -> None:
    """Send one of Studio's own events, caused by what is being handled unless told otherwise. Never raises, never waits."""
    with swallowed("reporting %s", kind):
        sending = _client()
        if sending is not None:
            sending.emit(kind, source, data, cause=cause)


def capture(event: Any) -> None:
    """Send an event of the program's. Never raises, never waits."""
    with swallowed("capturing an event"):
        if _on:
            sending = _client()
            if sending is not None:
                sending.capture(event)


def content_is_captured() -> bool:
    """Whether messages, entries and arguments may leave the process."""
    sending = _client()
    return sending is not None and sending.capture_content


def each_class(base: type[Any], wrap: Callable[[type], None], patches: Patches) -> None:
    """Call `wrap` with a class, with those derived from it, and with each that will be."""
    original: Any = vars(base).get("__init_subclass__")

    def __init_subclass__(cls: type[Any], /, **kwargs: Any) -> None:
        if original is None:
            super(base, cls).__init_subclass__(**kwargs)
        else:
            original.__func__(cls, **kwargs)
        if _on:
            with swallowed("instrumenting %s", cls.__qualname__):
                wrap(cls)

    if original is not None:
        functools.update_wrapper(__init_subclass__, original.__func__)
    patches.set(base, "__init_subclass__", classmethod(__init_subclass__))
    seen: set[type] = set()
    waiting = [base]
    while waiting:
        cls = waiting.pop()
        if cls not in seen:
            seen.add(cls)
            with swallowed("instrumenting %s", cls.__qualname__):
                wrap(cls)
            waiting += cls.__subclasses__()
