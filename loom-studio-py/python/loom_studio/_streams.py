"""Publishes that bypass the dispatcher, as Loom's agents make for the parts of a stream."""

from __future__ import annotations

import functools
from typing import Any

from loom_studio import _wire
from loom_studio._causality import is_dispatching
from loom_studio._patches import Patches


def patch(module: Any, patches: Patches) -> None:
    """Capture what is published on the module's bus and was not dispatched, once."""
    base = getattr(module, "UniversalEventBus", None)
    original: Any = vars(base).get("publish") if isinstance(base, type) else None
    if original is None:
        return

    @functools.wraps(original)
    async def publish(self: Any, event: Any) -> Any:
        if not is_dispatching():
            _wire.capture(event)
        return await original(self, event)

    patches.set(base, "publish", publish)
