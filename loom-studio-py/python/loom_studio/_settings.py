"""What the environment says."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

DEFAULT_URL = "ws://localhost:8765"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of this process, from variables that begin with `LOOM_STUDIO_`."""

    enabled: bool
    """`LOOM_STUDIO_ENABLED`: whether to watch without being asked in code."""
    url: str | None
    """`LOOM_STUDIO_URL`: where the server is."""
    token: str | None
    """`LOOM_STUDIO_TOKEN`: for a server that wants one."""
    capture_content: bool
    """`LOOM_STUDIO_CAPTURE_CONTENT`: whether what is said to and by models, and what is remembered, is sent."""
    max_events: int
    """`LOOM_STUDIO_MAX_EVENTS`: so many events are held at most while the server is away."""
    max_bytes: int
    """`LOOM_STUDIO_MAX_BYTES`: so many bytes of them."""
    compress: bool
    """`LOOM_STUDIO_COMPRESS`: whether to compress what is sent."""
    exit_timeout: float
    """`LOOM_STUDIO_EXIT_TIMEOUT`: seconds the end of the process waits for what isn't delivered."""


def _flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value in ("true", "1", "yes", "on"):
        return True
    return False if value in ("false", "0", "no", "off") else default


def _number(name: str, default: float) -> float:
    try:
        value = float(os.environ.get(name, ""))
    except ValueError:
        return default
    return value if 0 <= value < 1e15 else default


# What the program said itself, which counts more than the environment.
_given: dict[str, Any] = {}


def give(**given: Any) -> None:
    """Settings that count instead of the environment's, and instead of those given before; what is `None` is not given."""
    global _given
    _given = {name: value for name, value in given.items() if value is not None}


def settings() -> Settings:
    """The settings as the program and the environment give them now. What can't be read counts as not given."""
    read = Settings(
        enabled=_flag("LOOM_STUDIO_ENABLED", default=False),
        url=os.environ.get("LOOM_STUDIO_URL", "").strip() or None,
        token=os.environ.get("LOOM_STUDIO_TOKEN", "").strip() or None,
        capture_content=_flag("LOOM_STUDIO_CAPTURE_CONTENT", default=True),
        max_events=int(_number("LOOM_STUDIO_MAX_EVENTS", 50_000)),
        max_bytes=int(_number("LOOM_STUDIO_MAX_BYTES", 64 << 20)),
        compress=_flag("LOOM_STUDIO_COMPRESS", default=True),
        exit_timeout=min(_number("LOOM_STUDIO_EXIT_TIMEOUT", 2.0), 60.0),
    )
    return replace(read, **_given) if _given else read
