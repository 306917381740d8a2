"""Loom Studio: a real-time visual debugger for multi-agent systems built on Loom."""

import importlib
from typing import TYPE_CHECKING, Any

from loom_studio._native import __version__

if TYPE_CHECKING:
    from loom_studio._client import close, flush, stats
    from loom_studio._install import install, uninstall
    from loom_studio._interceptor import StudioInterceptor

__all__ = ["StudioInterceptor", "__version__", "close", "flush", "install", "stats", "uninstall"]

# A program that is watched imports this package too: what it doesn't use costs it nothing.
_MODULES = {
    "StudioInterceptor": "_interceptor",
    "close": "_client",
    "flush": "_client",
    "install": "_install",
    "stats": "_client",
    "uninstall": "_install",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
