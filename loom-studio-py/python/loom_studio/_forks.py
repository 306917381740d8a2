"""What a forked child must not inherit: locks in the hands of threads that it doesn't have."""

from __future__ import annotations

import os
from collections.abc import Callable


def in_child(action: Callable[[], None]) -> None:
    """Do something in each child of a fork, before any other code of this package runs there."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=action)
