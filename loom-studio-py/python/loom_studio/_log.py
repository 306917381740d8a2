"""How this package speaks: to the logger `loom_studio`, and to nobody unless the program listens."""

from __future__ import annotations

import logging
from types import TracebackType

logger = logging.getLogger("loom_studio")
logger.addHandler(logging.NullHandler())


class swallowed:
    """`with swallowed("doing %s", what):` logs what goes wrong, and goes on. An observer must not take down the observed."""

    __slots__ = ("_what",)

    def __init__(self, *what: object) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> bool:
        if error is None:
            return False
        if not isinstance(error, Exception):
            return False
        message, *arguments = self._what
        logger.debug(f"{message} failed", *arguments, exc_info=error)
        return True
