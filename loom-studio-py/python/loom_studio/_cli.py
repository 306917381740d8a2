"""The command `loom-studio`: its verb `run` is Python's, all others are the server's."""

from __future__ import annotations

import importlib
import signal
import sys
import threading
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process, and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:2] == ["help", "run"]:
        given = ["run", "--help"]
    if given[:1] == ["run"]:
        code: int = importlib.import_module("loom_studio._run").main(given[1:])
        return code
    from loom_studio import _native

    if threading.current_thread() is threading.main_thread():
        # Native code handles the signals it wants. Python's own handler would only note Ctrl-C until native code returns.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.main(given)
