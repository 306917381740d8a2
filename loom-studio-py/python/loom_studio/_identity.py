"""A map by identity that holds neither its keys nor grows without them."""

from __future__ import annotations

import weakref
from typing import Generic, TypeVar

Value = TypeVar("Value")


class IdentityMap(Generic[Value]):
    """From an object to a value, whether or not the object can be hashed, until the object is gone.

    An object that takes no weak reference is not kept: `set` says so.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[object], Value]] = {}

    def get(self, key: object) -> Value | None:
        known = self._known.get(id(key))
        return known[1] if known is not None and known[0]() is key else None

    def set(self, key: object, value: Value) -> bool:
        number = id(key)
        known = self._known

        def forget(reference: weakref.ref[object]) -> None:
            # By then another object may have the same address.
            entry = known.get(number)
            if entry is not None and entry[0] is reference:
                del known[number]

        try:
            known[number] = (weakref.ref(key, forget), value)
        except TypeError:
            return False
        return True

    def forget(self, key: object) -> None:
        known = self._known.get(id(key))
        if known is not None and known[0]() is key:
            del self._known[id(key)]

    def items(self) -> list[tuple[object, Value]]:
        """The keys that are alive, and their values."""
        found = [(reference(), value) for reference, value in list(self._known.values())]
        return [(key, value) for key, value in found if key is not None]

    def values(self) -> list[Value]:
        return [value for _, value in list(self._known.values())]

    def clear(self) -> None:
        self._known.clear()
