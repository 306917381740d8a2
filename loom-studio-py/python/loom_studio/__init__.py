"""Loom Studio: a real-time visual debugger for multi-agent systems built on Loom."""

from loom_studio._native import __version__

__all__ = ["__version__"]
