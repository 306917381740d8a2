"""Exact causes: what is dispatched while an event is handled was caused by that event.

Interceptors see neither who handles an event nor what became of a dispatch, so three methods of Loom's are wrapped: `Dispatcher.dispatch`, each transport's
`_safe_exec`, in which handlers run, and `UniversalEventBus.subscribe`, by which transports are found that nobody has imported yet.
"""

from __future__ import annotations

import functools
import importlib
import logging
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from loom_studio._context import current_cause, here
from loom_studio._context import handler as running
from loom_studio._forks import in_child
from loom_studio._native import Dispatch, Sender, begin, event_id

__all__ = ["current_cause", "is_dispatching", "is_wrapped", "unwrap", "wrap", "wrap_transport"]

logger = logging.getLogger("loom_studio")

# In the order in which releases had them: 0.3.1 to 0.3.4, 0.3.6 to 0.3.9.
DISPATCHERS = ("loom.kernel.dispatcher", "loom.kernel.core.dispatcher")
BUSES = ("loom.kernel.bus", "loom.kernel.core.bus")
TRANSPORTS = {
    "loom.infra.transport.memory": "InMemoryTransport",
    "loom.infra.transport.redis": "RedisTransport",
    "loom.infra.transport.nats": "NATSTransport",
}
SHIPPED = ("loom.kernel.interceptors.studio", "loom.kernel.control.studio")

Function = Callable[..., Any]

_lock = threading.RLock()
_wrapped: list[tuple[type, str, Function, Function]] = []

# Set by the interceptor: the sender of the first enabled one among a dispatcher's interceptors.
sender_among: Callable[[Any], Sender | None] = lambda dispatcher: None  # noqa: E731


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()


in_child(_after_fork)


def is_dispatching() -> bool:
    """Whether a dispatcher that Studio watches is taking an event here: what is published now isn't on its own."""
    now = here.get()
    return type(now) is Dispatch and now.is_seen and not now.is_published


def is_wrapped() -> bool:
    """Whether Loom's methods are wrapped."""
    return bool(_wrapped)


def wrap() -> None:
    """Wrap what there is of Loom. Does nothing to what is wrapped already."""
    with _lock:
        for name in DISPATCHERS:
            _wrap(_class(name, "Dispatcher", load=True), "dispatch", _dispatch)
        for name in BUSES:
            _wrap(_class(name, "UniversalEventBus"), "subscribe", _subscribe)
        for module, name in TRANSPORTS.items():
            wrap_transport(_class(module, name))
        for name in SHIPPED:
            shipped = _class(name, "StudioInterceptor")
            # Ours under its name, or one that was silenced by other means, is left alone.
            if shipped is not None and shipped.__module__ == name and not hasattr(shipped.pre_invoke, "__wrapped__"):  # type: ignore[attr-defined]
                _wrap(shipped, "pre_invoke", _shipped_pre)
                _wrap(shipped, "post_invoke", _shipped_post)


def unwrap() -> None:
    """Put the originals back wherever nobody has wrapped ours since."""
    with _lock:
        while _wrapped:
            owner, name, original, ours = _wrapped.pop()
            if owner.__dict__.get(name) is ours:
                setattr(owner, name, original)


def wrap_transport(transport: type | None) -> None:
    """Wrap the method of a transport's class in which handlers run."""
    with _lock:
        if transport is not None and TRANSPORTS.get(transport.__module__) == transport.__name__:
            _wrap(transport, "_safe_exec", functools.partial(_safe_exec_as_task, transport))
        else:
            _wrap(transport, "_safe_exec", _safe_exec)


def _class(module: str, name: str, *, load: bool = False) -> type | None:
    found = sys.modules.get(module)
    if found is None and load:
        try:
            # Not in this release, or lacking something it needs: then the program doesn't use it either.
            found = importlib.import_module(module)
        except Exception:
            return None
    owner = getattr(found, name, None)
    return owner if isinstance(owner, type) else None


def _wrap(owner: type | None, name: str, make: Callable[[Function], Function]) -> None:
    if owner is None:
        return
    # What is inherited is wrapped where it stands.
    original = owner.__dict__.get(name)
    if original is None or any(original is ours for _, _, _, ours in _wrapped):
        return
    if not callable(original):
        return
    ours = functools.wraps(original)(make(original))
    try:
        setattr(owner, name, ours)
    except Exception:
        logger.debug("%s.%s can't be wrapped", owner.__qualname__, name, exc_info=True)
        return
    _wrapped.append((owner, name, original, ours))


def _dispatch(original: Function) -> Function:
    async def dispatch(self: Any, event: Any) -> Any:
        record = begin(here.get(), self)
        token = here.set(record)
        try:
            result = await original(self, event)
        except BaseException as error:
            _ended(record, event, error)
            raise
        else:
            if not record.is_published:
                _ended(record, event, None)
            return result
        finally:
            try:
                here.reset(token)
            except ValueError:
                # Closed by another task than the one that began it, whose context is not this one.
                pass

    return dispatch


def _safe_exec_as_task(transport: type, original: Function) -> Function:
    """Loom's own transports make a task of each call: its context is its own, and needs no restoring. A class derived from one may do otherwise."""
    careful = _safe_exec(original)

    def _safe_exec_(self: Any, handler: Any, event: Any) -> Any:
        if type(self) is not transport:
            return careful(self, handler, event)

        def handle(event: Any) -> Any:
            here.set(event_id(event))
            running.set(handler)
            return handler(event)

        return original(self, handle, event)

    return _safe_exec_


def _safe_exec(original: Function) -> Function:
    async def _safe_exec(self: Any, handler: Any, event: Any) -> Any:
        token = here.set(event_id(event))
        turn = running.set(handler)
        try:
            return await original(self, handler, event)
        finally:
            try:
                here.reset(token)
                running.reset(turn)
            except ValueError:
                pass

    return _safe_exec


def _subscribe(original: Function) -> Function:
    async def subscribe(self: Any, *args: Any, **kwargs: Any) -> Any:
        transport = getattr(self, "transport", None)
        for one in type(transport).__mro__:
            if "_safe_exec" in one.__dict__:
                wrap_transport(one)
                break
        return await original(self, *args, **kwargs)

    return subscribe


def _shipped_pre(original: Function) -> Function:
    async def pre_invoke(self: Any, event: Any) -> Any:
        return event if _is_watched() else await original(self, event)

    return pre_invoke


def _shipped_post(original: Function) -> Function:
    async def post_invoke(self: Any, event: Any) -> Any:
        return None if _is_watched() else await original(self, event)

    return post_invoke


def _is_watched() -> bool:
    """Whether one of ours is in the chain of the dispatcher that is at work here: then the shipped one stands back."""
    now = here.get()
    return type(now) is Dispatch and (now.is_seen or sender_among(now.owner) is not None)


def _ended(record: Dispatch, event: Any, error: BaseException | None) -> None:
    """A dispatch that didn't come to its `post`: blocked, or ended by an exception."""
    try:
        if error is None:
            phase = "blocked"
        else:
            phase = "timeout" if isinstance(error, TimeoutError) and _is_publishing(error.__traceback__) else "raised"
        if not record.is_seen:
            # Nobody of ours was asked: not there, or behind an interceptor that put an end to it.
            sender = sender_among(record.owner)
            if sender is None or not record.before(sender, event):
                return
        record.end(phase)
    except Exception:
        logger.debug("the outcome of a dispatch is not known", exc_info=True)


def _is_publishing(traceback: TracebackType | None) -> bool:
    """Whether an exception came out of the bus, which `dispatch` calls through `asyncio.wait_for`, and not out of an interceptor."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_name == "wait_for" and "asyncio" in code.co_filename:
            return True
        if code.co_name in ("pre_invoke", "post_invoke"):
            return False
        traceback = traceback.tb_next
    return False
