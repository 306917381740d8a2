"""Loom Studio: a real-time visual debugger for multi-agent systems built on Loom."""

# Every Python that starts under `LOOM_STUDIO_ENABLED=true` imports this module: it imports no other, `typing` included.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from loom_studio._client import close, flush, stats
    from loom_studio._errors import StudioError
    from loom_studio._install import install, uninstall
    from loom_studio._interceptor import StudioInterceptor
    from loom_studio._memory_view import Memory
    from loom_studio._native import __version__
    from loom_studio._reader import Studio
    from loom_studio._serve import Server, serve
    from loom_studio._tree import Call, Run, Runs

__all__ = [
    "Call",
    "Memory",
    "Run",
    "Runs",
    "Server",
    "Studio",
    "StudioError",
    "StudioInterceptor",
    "__version__",
    "close",
    "flush",
    "install",
    "serve",
    "stats",
    "uninstall",
]

# What isn't used costs nothing.
_MODULES = {
    "Call": "_tree",
    "Memory": "_memory_view",
    "Run": "_tree",
    "Runs": "_tree",
    "Server": "_serve",
    "Studio": "_reader",
    "StudioError": "_errors",
    "StudioInterceptor": "_interceptor",
    "__version__": "_native",
    "close": "_client",
    "flush": "_client",
    "install": "_install",
    "serve": "_serve",
    "stats": "_client",
    "uninstall": "_install",
}


def __getattr__(name: str) -> object:
    import importlib

    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
