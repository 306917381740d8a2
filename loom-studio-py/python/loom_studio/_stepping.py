"""Looking at something each time a coroutine lets others run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any


class Stepping:
    """Awaits a coroutine and calls `look` at each of its suspensions and at its end, before anybody else can run.

    What changed between two suspensions was changed by this coroutine: no other task of its event loop ran in between. Values, exceptions and cancellation
    pass through as they would without it.
    """

    __slots__ = ("_coroutine", "_look")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], look: Callable[[], None]) -> None:
        self._coroutine = coroutine
        self._look = look

    def __await__(self) -> Generator[Any, Any, Any]:
        send, look = self._coroutine.send, self._look
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                waiting_for = send(value) if error is None else self._coroutine.throw(error)
            except StopIteration as stop:
                return stop.value
            finally:
                look()
            value = error = None
            try:
                value = yield waiting_for
            except GeneratorExit:
                try:
                    self._coroutine.close()
                finally:
                    look()
                raise
            except BaseException as thrown:
                error = thrown
