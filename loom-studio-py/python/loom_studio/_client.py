"""The clients of this process: one for each server something is sent to.

Nothing here raises into the program, prints, or waits, unless it is asked to (`flush`, `close`).
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from typing import Any

from loom_studio import _life
from loom_studio._context import current_cause
from loom_studio._native import Sender
from loom_studio._settings import DEFAULT_URL, Settings, settings

__all__ = ["Client", "client", "client_for", "close", "current_cause", "flush", "stats"]

logger = logging.getLogger("loom_studio")
logger.addHandler(logging.NullHandler())


class Client:
    """What sends this process's events to one server. Survives a `fork`: the child's is made anew at its first use."""

    def __init__(self, url: str, options: Settings) -> None:
        self.url = url
        self.capture_content = options.capture_content
        self.exit_timeout = options.exit_timeout
        self._options = options
        self.sender: Sender | None = None
        self.start()

    def start(self) -> Sender:
        """The sender, started if there is none: in a child process, until something is to be sent."""
        with _lock:
            sender = self.sender
            if sender is None:
                options = self._options
                sender = self.sender = Sender(
                    self.url,
                    session=session(),
                    token=options.token,
                    max_events=options.max_events,
                    max_bytes=options.max_bytes,
                    compress=options.compress,
                    content=options.capture_content,
                )
        return sender

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
    ) -> str | None:
        """Send an event of Studio's own, caused by what is being handled. Give its id, or `None` if it was refused."""
        try:
            return (self.sender or self.start()).emit(
                type,
                source,
                data,
                subject=subject,
                cause=current_cause() if cause is None else cause,
                traceparent=traceparent,
                id=id,
                time=time,
            )
        except Exception:
            logger.debug("an event was not sent", exc_info=True)
            return None

    def capture(self, event: object, cause: str | None = None) -> bool:
        """Send a Loom event as it is now, caused by what is being handled. Say whether it was accepted."""
        try:
            return (self.sender or self.start()).capture(event, current_cause() if cause is None else cause)
        except Exception:
            logger.debug("an event was not captured", exc_info=True)
            return False

    def observe(self, source: str, of: str, phase: str, at: float | None = None, changed: dict[str, Any] | None = None) -> bool:
        """Say what became of a captured event. Say whether that was accepted."""
        try:
            return (self.sender or self.start()).observe(source, of, phase, at, changed)
        except Exception:
            logger.debug("an observation was not sent", exc_info=True)
            return False

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until the server has everything that was captured before. Say whether it has."""
        return self.sender is None or self.sender.flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Flush, and end the connection. Nothing is sent any more. Say whether everything was delivered."""
        with _lock:
            if _clients.get(self.url) is self:
                del _clients[self.url]
        return self.sender is None or self.sender.close(timeout)

    def stats(self) -> dict[str, Any]:
        """What became of what was captured: counters, and what is held now."""
        return {} if self.sender is None else self.sender.stats()

    def after_fork_in_child(self) -> None:
        """Leave the parent's sender alone. This process gets its own when it has something to send."""
        if self.sender is not None:
            self.sender.abandon()
            self.sender = None


# Reentrant, since a signal may end the process while its own thread is here.
_lock = threading.RLock()
_clients: dict[str, Client] = {}
_session: str | None = None


def session() -> str:
    """The name of this process's run."""
    global _session
    if _session is None:
        _session = uuid.uuid4().hex
    return _session


def client_for(url: str) -> Client | None:
    """The client for a server, made at first use; `None` if there can't be one."""
    found = _clients.get(url)
    if found is not None:
        return found
    with _lock:
        found = _clients.get(url)
        if found is None:
            try:
                found = Client(url, settings())
            except Exception as error:
                # The message of a sender never shows a token.
                logger.warning("Loom Studio is off: %s", error)
                return None
            _life.watch()
            _clients[url] = found
    return found


def client() -> Client | None:
    """The client of this process: that of an enabled interceptor, else the environment's if that enables it, else `None`."""
    newest = next(reversed(_clients.values()), None)
    if newest is not None:
        return newest
    options = settings()
    return client_for(options.url or DEFAULT_URL) if options.enabled else None


def _each(action: Callable[[Client, float], bool], timeout: float) -> bool:
    end = _life.monotonic() + timeout
    return all([action(each, max(0.0, end - _life.monotonic())) for each in list(_clients.values())])


def flush(timeout: float = 5.0) -> bool:
    """Wait until the server has everything that was captured before, at most so many seconds. Say whether it has."""
    return _each(Client.flush, timeout)


def close(timeout: float = 5.0) -> bool:
    """Flush, and end the connections. Say whether everything was delivered."""
    return _each(Client.close, timeout)


def stats() -> dict[str, Any]:
    """The counters of this process's client; empty without one."""
    newest = next(reversed(_clients.values()), None)
    return newest.stats() if newest is not None else {}


def _before_fork() -> None:
    # The child must not inherit the lock in somebody else's hands.
    _lock.acquire()


def _after_fork_in_parent() -> None:
    _lock.release()


def _after_fork_in_child() -> None:
    global _lock, _session
    _lock = threading.RLock()
    _session = None
    for each in list(_clients.values()):
        each.after_fork_in_child()


def _end() -> None:
    """At the end of the process: deliver what there is, but don't hold the program up for a server that isn't there."""
    for each in list(_clients.values()):
        is_connected = bool(each.stats().get("connected"))
        each.close(each.exit_timeout if is_connected else min(each.exit_timeout, 1.0))


_life.on_end(_end)
_life.on_fork(_before_fork, _after_fork_in_parent, _after_fork_in_child)
