"""Replaced attributes, and their way back."""

from __future__ import annotations

from typing import Any

_ABSENT: Any = object()


class Patches:
    """Attributes of classes and modules that were replaced, in order.

    `restore` puts back the very objects that stood there: what an attribute was in the owner's own dictionary, or nothing where it was inherited. An attribute
    that somebody else has replaced since is left to them.
    """

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        before = vars(owner).get(name, _ABSENT)
        setattr(owner, name, value)
        # What stands there now, which for a function of a class is the function and not what `getattr` binds.
        self._done.append((owner, name, before, vars(owner).get(name, _ABSENT)))

    def restore(self) -> None:
        while self._done:
            owner, name, before, ours = self._done.pop()
            if vars(owner).get(name, _ABSENT) is not ours:
                continue
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

    def __len__(self) -> int:
        return len(self._done)
