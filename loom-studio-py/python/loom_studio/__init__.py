"""Loom Studio: a real-time visual debugger for multi-agent systems built on Loom."""

# Every Python that starts under `LOOM_STUDIO_ENABLED=true` imports this module: it imports no other, `typing` included.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from loom_studio._client import close, flush, stats
    from loom_studio._install import install, uninstall
    from loom_studio._interceptor import StudioInterceptor
    from loom_studio._native import __version__

__all__ = ["StudioInterceptor", "__version__", "close", "flush", "install", "stats", "uninstall"]

# What isn't used costs nothing.
_MODULES = {
    "StudioInterceptor": "_interceptor",
    "__version__": "_native",
    "close": "_client",
    "flush": "_client",
    "install": "_install",
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
