"""The interceptor that Loom ships: ours stands in its place, and those that the program has made already do nothing."""

from __future__ import annotations

import functools
from typing import Any

from loom_studio._patches import Patches

# Where Loom's own code refers to the class by name.
_NAME = "StudioInterceptor"


def patch(module: Any, patches: Patches) -> None:
    """Silence the shipped class, for programs that hold it, and put ours under its name."""
    shipped = getattr(module, _NAME, None)
    if not isinstance(shipped, type) or shipped.__module__.startswith("loom_studio"):
        return
    make: Any = shipped.__init__  # type: ignore[misc]

    @functools.wraps(make)
    def __init__(self: Any, studio_url: str = "ws://localhost:8765", enabled: bool = False) -> None:
        # What the class would be when it is switched off; the environment, which it reads by itself, switches it on.
        self.studio_url = studio_url
        self.ws = None
        self.event_buffer = []
        self.buffer_size = 10
        self.enabled = False
        self._loop = None

    async def pre_invoke(self: Any, event: Any) -> Any:
        return event

    async def post_invoke(self: Any, event: Any) -> None:
        return None

    async def _ensure_connection(self: Any) -> None:
        return None

    for name, function in (("pre_invoke", pre_invoke), ("post_invoke", post_invoke), ("_ensure_connection", _ensure_connection)):
        original = vars(shipped).get(name)
        if original is not None:
            patches.set(shipped, name, functools.wraps(original)(function))
    patches.set(shipped, "__init__", __init__)
    patch_name(module, patches)


def patch_name(module: Any, patches: Patches) -> None:
    """Put ours under the name by which a module of Loom makes one."""
    from loom_studio._interceptor import StudioInterceptor

    if isinstance(vars(module).get(_NAME), type):
        patches.set(module, _NAME, StudioInterceptor)
