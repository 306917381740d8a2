"""What is going on where code runs: which event is being handled, or is on its way through a dispatcher."""

from __future__ import annotations

from contextvars import ContextVar

from loom_studio._native import Dispatch

here: ContextVar[str | Dispatch | None] = ContextVar("loom_studio_here", default=None)

# The handler that runs here, a node's method as a rule.
handler: ContextVar[object] = ContextVar("loom_studio_handler", default=None)


def current_cause() -> str | None:
    """The id of the event that is being handled here."""
    now = here.get()
    return now.cause if type(now) is Dispatch else now
