"""A server inside this process, for notebooks and tests."""

from __future__ import annotations

import atexit
import os
import re
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from loom_studio import _html, _native
from loom_studio._errors import StudioError

if TYPE_CHECKING:
    from loom_studio._reader import Studio

_UNITS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}

# Servers run until they are stopped, whether or not somebody keeps the handle.
_running: set[Server] = set()


class Server:
    """A server that runs on threads of its own in this process, until `stop()` or the end of the process.

    Also a context manager, which stops it. A forked child has neither the server nor its port: there `is_running` is
    false and `stop()` does nothing.
    """

    def __init__(self, native: _native.Server, data_dir: Path | None, token: str | None) -> None:
        self._native = native
        self._token = token
        host, _, port = native.address.rpartition(":")
        # Every address of the machine: the loopback one is the one that answers everybody's page.
        host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
        self._authority = f"{host}:{port}"
        self.data_dir = data_dir
        """Where the events are; None when they are in memory."""

    @property
    def url(self) -> str:
        """The URL of the page."""
        return f"http://{self._authority}/"

    @property
    def ws_url(self) -> str:
        """What `LOOM_STUDIO_URL` has to be for a program that reports to this server."""
        return f"ws://{self._authority}"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._authority.rpartition(":")[2])

    @property
    def is_running(self) -> bool:
        """Whether it serves."""
        return self._native.is_running

    def studio(self, workspace: str | None = None) -> Studio:
        """A reader of this server."""
        from loom_studio._reader import Studio

        return Studio(self.url, token=self._token, workspace=workspace)

    def stop(self) -> None:
        """Stop the server and wait until it has: what it has read is stored, and its directory is free. Harmless when repeated.

        Raises `StudioError` when the server had failed before.
        """
        _running.discard(self)
        try:
            self._native.stop()
        except RuntimeError as error:
            raise StudioError(*error.args) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<loom_studio.Server {self.url} {'running' if self.is_running else 'stopped'}>"

    def _repr_html_(self) -> str:
        where = "in memory" if self.data_dir is None else f"in {self.data_dir}"
        state = _html.link(self.url) if self.is_running else _html.text(f"{self.url} (stopped)")
        return f"<div>Loom Studio at {state}, events {_html.text(where)}</div>"


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    data_dir: str | os.PathLike[str] | None = None,
    memory: bool = False,
    memory_events: int | None = None,
    memory_bytes: int | None = None,
    retention: str | timedelta | None = "7d",
    retention_bytes: int | None = None,
    token: str | Iterable[str] | None = None,
    allow_hosts: Iterable[str] = (),
    allow_origins: Iterable[str] = (),
) -> Server:
    """Start a server in this process and return once it listens. Several may run at once.

    The arguments are the flags of `loom-studio serve` and have the same defaults: port 0 picks a free one; events are kept
    in the platform's data directory, in `data_dir`, or with `memory=True` in memory alone; `retention` is an age (`"7d"`,
    `"12h"`, a `timedelta`) or None to keep everything. No environment variable and no config file is read.

    Raises `StudioError` with the code `port_in_use`, `cannot_listen`, `token_needed` or `data_dir_in_use`, or one of the store.
    """
    if memory and data_dir is not None:
        raise ValueError("either memory=True or a data_dir, not both")
    if not 0 <= port <= 65535:
        raise ValueError(f"{port} is no port: expected 0 to 65535")
    directory = None if memory else _directory(data_dir)
    tokens = [token] if isinstance(token, str) else list(token or ())
    server = Server(
        start(
            host=host,
            port=port,
            data_dir=directory,
            memory_events=memory_events,
            memory_bytes=memory_bytes,
            retention=retention,
            retention_bytes=retention_bytes,
            tokens=tokens,
            allow_hosts=allow_hosts,
            allow_origins=allow_origins,
        ),
        directory,
        next(iter(tokens), None),
    )
    _running.add(server)
    return server


def start(
    *,
    host: str = "127.0.0.1",
    port: int,
    data_dir: Path | None,
    tokens: Iterable[str],
    memory_events: int | None = None,
    memory_bytes: int | None = None,
    retention: str | timedelta | None = None,
    retention_bytes: int | None = None,
    allow_hosts: Iterable[str] = (),
    allow_origins: Iterable[str] = (),
) -> _native.Server:
    """Start the native server; what goes wrong is said in this package's terms."""
    try:
        return _native.Server(
            host=host,
            port=port,
            data_dir=data_dir,
            memory_events=memory_events,
            memory_bytes=memory_bytes,
            retention_seconds=_seconds(retention),
            retention_bytes=retention_bytes,
            tokens=list(tokens),
            allow_hosts=list(allow_hosts),
            allow_origins=list(allow_origins),
        )
    except RuntimeError as error:
        code, detail = error.args
        if code == "port_in_use":
            detail = f"port {port} of {host} is in use, maybe by another Studio: look at http://{host}:{port}/, or take a free port with port=0"
        elif code == "token_needed":
            detail = f"listening on {host} would let everyone on the network in: set a secret with token="
        raise StudioError(code, detail) from None


def _directory(data_dir: str | os.PathLike[str] | None) -> Path:
    directory = _native.platform_directory() if data_dir is None else Path(data_dir)
    if directory is None:
        raise StudioError("no_data_dir", "this account has no home directory: choose one with data_dir=, or use memory=True")
    return directory


def _seconds(retention: str | timedelta | None) -> int | None:
    if retention is None or retention == "off":
        return None
    if isinstance(retention, timedelta):
        seconds = int(retention.total_seconds())
    else:
        match = re.fullmatch(r"\s*(\d+)\s*([smhd])\s*", retention, re.ASCII)
        seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if seconds <= 0:
        raise ValueError(f"{retention!r} is no age: expected digits and s, m, h or d ('7d', say), a timedelta, or None")
    return seconds


def _stop_all() -> None:
    if _running:
        _deliver()
    for server in list(_running):
        try:
            server.stop()
        except StudioError:
            # It had failed before, and nobody is left to tell.
            pass


def _deliver() -> None:
    """What this process has to report may go to one of the servers, whose end comes first if it was the last to begin."""
    reporting = sys.modules.get("loom_studio._client")
    if reporting is not None:
        for client in list(reporting._clients.values()):
            if client.stats().get("connected"):
                client.flush(client.exit_timeout)


atexit.register(_stop_all)


def _forget_all() -> None:
    """The child of a fork has no server."""
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
