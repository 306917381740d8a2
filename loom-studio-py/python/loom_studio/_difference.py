"""What changed in a list, by the identity of its elements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple


class Difference(NamedTuple):
    removed: list[Any]
    added: list[Any]
    #: Whether taking out what went and putting what came at the end doesn't give the new list.
    reordered: bool


class Seen:
    """A list as it was last seen."""

    __slots__ = ("entries", "glances", "tier")

    def __init__(self, tier: str | None) -> None:
        self.entries: list[Any] = []
        self.tier = tier
        self.glances = 0

    def difference(self, now: Sequence[Any]) -> Difference | None:
        """What changed since the last time; `None` if nothing did.

        Elements put at the end, and taken from the front for them, cost the same whatever the length of the list: its ends are compared. What happened
        elsewhere without changing the ends, which no method of Loom's memories does, is noticed by one call of a few, as often as makes looking at all
        elements cheap on the average.
        """
        before = self.entries
        old, new = len(before), len(now)
        if old == 0 and new == 0:
            return None
        self.glances += 1
        if self.glances * 8 < old and new > 0:
            if new == old:
                if now[0] is before[0] and now[-1] is before[-1]:
                    return None
                if now[0] is before[1] and now[-2] is before[-1] and now[-1] is not before[0]:
                    gone = before.pop(0)
                    before.append(now[-1])
                    return Difference([gone], [now[-1]], False)
            elif new == old + 1 and now[0] is before[0] and now[old - 1] is before[-1]:
                before.append(now[-1])
                return Difference([], [now[-1]], False)
        self.glances = 0
        self.entries = list(now)
        return _difference(before, self.entries)


def _difference(before: list[Any], now: list[Any]) -> Difference | None:
    ids_before, ids_now = list(map(id, before)), list(map(id, now))
    if ids_before == ids_now:
        return None
    if ids_now[: len(ids_before)] == ids_before:
        return Difference([], now[len(before) :], False)
    # Of an element that is there several times, the last ones count as those that came, and the first as those that went.
    surplus = Counter(ids_before)
    surplus.subtract(ids_now)
    removed, kept = [], []
    for entry, number in zip(before, ids_before, strict=True):
        if surplus[number] > 0:
            surplus[number] -= 1
            removed.append(entry)
        else:
            kept.append(number)
    added: list[Any] = []
    for entry, number in zip(reversed(now), reversed(ids_now), strict=True):
        if surplus[number] < 0:
            surplus[number] += 1
            added.append(entry)
    added.reverse()
    return Difference(removed, added, kept + list(map(id, added)) != ids_now)
