import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

__all__ = ["Dispatch", "Sender", "Server", "__version__", "begin", "event_id", "main", "platform_directory"]

__version__: Final[str]

def main(arguments: Sequence[str], /) -> int: ...
def platform_directory() -> Path | None: ...

@final
class Sender:
    def __new__(
        cls,
        url: str,
        *,
        session: str,
        token: str | None = None,
        max_events: int = 50_000,
        max_bytes: int = 67_108_864,
        compress: bool = True,
        content: bool = True,
    ) -> Sender: ...
    def capture(self, event: object, cause: str | None = None) -> bool: ...
    def observe(
        self, source: str, of: str, phase: str, at: float | None = None, changed: dict[str, Any] | None = None
    ) -> bool: ...
    def emit(
        self,
        type: str,
        source: str,
        data: object,
        *,
        subject: str | None = None,
        cause: str | None = None,
        traceparent: str | None = None,
        id: str | None = None,
        time: object = None,
    ) -> str | None: ...
    def json(self, value: object) -> bytes | None: ...
    def flush(self, timeout: float) -> bool: ...
    def close(self, timeout: float) -> bool: ...
    def stats(self) -> dict[str, Any]: ...
    def abandon(self) -> None: ...

@final
class Dispatch:
    def __new__(cls, here: object, owner: object = None) -> Dispatch: ...
    @property
    def owner(self) -> Any: ...
    @property
    def cause(self) -> str | None: ...
    @property
    def is_seen(self) -> bool: ...
    @property
    def is_published(self) -> bool: ...
    def before(self, sender: Sender, event: object) -> bool: ...
    def after(self, sender: Sender, event: object) -> bool: ...
    def end(self, phase: str) -> None: ...

def begin(here: object, owner: object, /) -> Dispatch: ...
def event_id(event: object, /) -> str | None: ...

@final
class Server:
    def __new__(
        cls,
        *,
        host: str,
        port: int,
        data_dir: str | os.PathLike[str] | None,
        memory_events: int | None,
        memory_bytes: int | None,
        retention_seconds: int | None,
        retention_bytes: int | None,
        tokens: list[str],
        allow_hosts: list[str],
        allow_origins: list[str],
    ) -> Server: ...
    @property
    def address(self) -> str: ...
    @property
    def is_running(self) -> bool: ...
    def stop(self) -> None: ...
