"""Loom's classes from wherever the installed release has them."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

with warnings.catch_warnings():
    # Of Loom's own model, and of what it imports.
    warnings.simplefilter("ignore")
    from loom.infra.transport.memory import InMemoryTransport
    from loom.protocol.cloudevents import CloudEvent


def _first(name: str, *modules: str) -> Any:
    for module in modules:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return getattr(importlib.import_module(module), name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"no release of loom-agent that is known has {name}")


Dispatcher: Any = _first("Dispatcher", "loom.kernel.core.dispatcher", "loom.kernel.dispatcher")
UniversalEventBus: Any = _first("UniversalEventBus", "loom.kernel.core.bus", "loom.kernel.bus")
Interceptor: Any = _first("Interceptor", "loom.kernel.control.base", "loom.kernel.base_interceptor")
ShippedInterceptor: Any = _first("StudioInterceptor", "loom.kernel.control.studio", "loom.kernel.interceptors.studio")

__all__ = ["CloudEvent", "Dispatcher", "InMemoryTransport", "Interceptor", "ShippedInterceptor", "UniversalEventBus"]
