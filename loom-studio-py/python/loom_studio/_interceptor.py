"""The interceptor: what a Loom program adds to its dispatchers, in place of the one that Loom ships."""

from __future__ import annotations

import importlib
import logging
from abc import ABCMeta
from typing import Any

from loom_studio import _causality
from loom_studio._client import Client, client_for
from loom_studio._context import here
from loom_studio._native import Dispatch, Sender
from loom_studio._settings import DEFAULT_URL, settings

__all__ = ["StudioInterceptor"]

logger = logging.getLogger("loom_studio")

# An interceptor that is called without a dispatcher of Loom's keeps so many events open between its two methods.
_MAX_OPEN = 4096


def _base() -> type:
    """Loom's class `Interceptor`, from where this release has it."""
    for module in ("loom.kernel.base_interceptor", "loom.kernel.control.base"):
        try:
            found = getattr(importlib.import_module(module), "Interceptor", None)
        except Exception:
            continue
        if isinstance(found, type):
            return found
    return object


class StudioInterceptor(_base(), metaclass=ABCMeta):  # type: ignore[misc]
    """Shows what a dispatcher dispatches in Loom Studio: an event as it is before it is published, and what became of it.

    A drop-in for the class of the same name that Loom ships, made and called in the same way. It never raises, prints or waits, and needs no running loop.

    Args:
        studio_url: Where the server is. Left as it is, `LOOM_STUDIO_URL` counts, if set.
        enabled: Whether to watch. `LOOM_STUDIO_ENABLED=true` says so too.
    """

    def __init__(self, studio_url: str = DEFAULT_URL, enabled: bool = False) -> None:
        options = settings()
        self.studio_url = options.url or studio_url if studio_url == DEFAULT_URL else studio_url
        self._open: dict[str, Dispatch] = {}
        self._client: Client | None = None
        self._enabled = False
        self.enabled = enabled or options.enabled

    @property
    def enabled(self) -> bool:
        """Whether it watches. May be set at any time; it stays off where there can't be a client."""
        return self._enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        if enabled and self._client is None:
            self._client = client_for(self.studio_url)
        self._enabled = enabled and self._client is not None
        if self._enabled:
            _causality.wrap()

    async def pre_invoke(self, event: Any) -> Any:
        """See an event before it is published, and let it pass."""
        if self._enabled:
            try:
                now = here.get()
                sender = self._client.sender or self._sender()  # type: ignore[union-attr]
                if type(now) is not Dispatch or not now.before(sender, event):
                    self._before_alone(sender, now, event)
            except Exception:
                logger.debug("an event was not captured", exc_info=True)
        return event

    async def post_invoke(self, event: Any) -> None:
        """See that an event was published."""
        if self._enabled:
            try:
                now = here.get()
                sender = self._client.sender or self._sender()  # type: ignore[union-attr]
                if type(now) is not Dispatch or not now.after(sender, event):
                    self._after_alone(sender, event)
            except Exception:
                logger.debug("an observation was not sent", exc_info=True)

    def _sender(self) -> Sender:
        client = self._client
        if client is None:
            raise RuntimeError("an interceptor that is enabled has a client")
        return client.sender or client.start()

    def _before_alone(self, sender: Sender, now: object, event: Any) -> None:
        """The same without a dispatcher that is wrapped: one of the program's own making, say."""
        if event.id in self._open:
            return
        while len(self._open) >= _MAX_OPEN:
            del self._open[next(iter(self._open))]
        record = self._open[event.id] = Dispatch(now)
        record.before(sender, event)

    def _after_alone(self, sender: Sender, event: Any) -> None:
        record = self._open.pop(event.id, None)
        if record is not None:
            record.after(sender, event)


def _sender_among(dispatcher: Any) -> Sender | None:
    for interceptor in getattr(dispatcher, "interceptors", ()):
        if isinstance(interceptor, StudioInterceptor) and interceptor.enabled:
            return interceptor._sender()
    return None


_causality.sender_among = _sender_among
