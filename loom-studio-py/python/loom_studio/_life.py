"""The end of the process and its forks: what is captured gets delivered, and a child never touches what is its parent's.

Knows nothing of clients; they say here what is to be done when.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

__all__ = ["monotonic", "on_end", "on_fork", "unwatch", "watch"]

monotonic = time.monotonic

_at_end: list[Callable[[], object]] = []
_is_watching = False
_is_forking = False
_anchor = type("Anchor", (), {})()


def on_end(action: Callable[[], object]) -> None:
    """Do something when the process ends: at the interpreter's exit, or on SIGTERM if that would have killed it at once."""
    _at_end.append(action)


def on_fork(before: Callable[[], None], in_parent: Callable[[], None], in_child: Callable[[], None]) -> None:
    """Do something around each fork, whoever forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def watch() -> None:
    """Begin to watch the end of this process. May be called again, and from any thread."""
    global _is_watching, _is_forking
    if not _is_forking:
        _is_forking = True
        on_fork(lambda: None, lambda: None, _after_fork_in_child)
    if not _is_watching:
        _is_watching = True
        atexit.register(_end)
        _watch_multiprocessing()
    _take_sigterm()


def unwatch() -> None:
    """Give SIGTERM back, if it is still ours, and forget the exit."""
    global _is_watching
    _is_watching = False
    atexit.unregister(_end)
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end() -> None:
    for action in _at_end:
        try:
            action()
        except Exception:
            # Nobody is left to be told.
            pass


def _take_sigterm() -> None:
    """SIGTERM kills a Python program without running its exit handlers. If nobody has said otherwise, they get their turn.

    Whoever sets a handler before or after this keeps it: then it is theirs to end the program, and `atexit` does the rest.
    """
    try:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _on_sigterm)
    except ValueError:
        # Only the main thread may.
        pass


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    # A second one kills at once, and so does this one in the end: the exit status says the signal.
    signal.signal(number, signal.SIG_DFL)
    try:
        _end()
    finally:
        os.kill(os.getpid(), number)


def _after_fork_in_child() -> None:
    if _is_watching:
        _watch_multiprocessing()


def _watch_multiprocessing() -> None:
    """A child that `multiprocessing` forks ends without `atexit`: it runs finalizers of its own, which it clears first and sets up in this order.

    Such a child may begin to watch before that, or after it. A module that isn't loaded has made no child.
    """
    util, process = sys.modules.get("multiprocessing.util"), sys.modules.get("multiprocessing.process")
    if util is not None and process is not None:
        util.register_after_fork(_anchor, _finalize_child)
        if process.parent_process() is not None:
            _finalize_child(_anchor)


def _finalize_child(anchor: object) -> None:
    util = sys.modules["multiprocessing.util"]
    util.Finalize(anchor, _end, exitpriority=-100)
