"""What changed in a list, by the identity of its elements."""

from __future__ import annotations

import random

from loom_studio._difference import Seen


class Entry:
    """Says it equals anything, and is compared by identity all the same."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("the program's code is none of ours")

    __hash__ = None  # type: ignore[assignment]


def ids(entries: list[Entry]) -> list[int]:
    return [id(entry) for entry in entries]


def applied(before: list[Entry], seen: Seen, now: list[Entry]) -> list[int]:
    found = seen.difference(now)
    if found is None:
        return ids(before)
    left = ids(before)
    for entry in found.removed:
        left.remove(id(entry))
    left += ids(found.added)
    assert (left != ids(now)) == found.reordered
    return ids(now) if found.reordered and sorted(left) == sorted(ids(now)) else left


def test_differences_applied_to_what_was_give_what_is() -> None:
    rng = random.Random(1)
    for length in (0, 1, 2, 9, 200):
        seen = Seen(None)
        now = [Entry() for _ in range(length)]
        assert applied([], seen, now) == ids(now)
        for _ in range(300):
            before = list(now)
            match rng.randrange(6):
                case 0 | 1:
                    now.append(Entry())
                case 2 if now:
                    now.append(Entry())
                    now.pop(0)
                case 3 if now:
                    now.pop(rng.randrange(len(now)))
                case 4 if now:
                    now.append(now[rng.randrange(len(now))])
                case 5 if now:
                    rng.shuffle(now)
            if len(now) == len(before) and now and ids([now[0], now[-1]]) == ids([before[0], before[-1]]) and ids(now) != ids(before):
                # The ends are the same: the next test is about that.
                now[:] = before
            assert applied(before, seen, now) == ids(now)


def test_the_first_put_last_is_another_order() -> None:
    seen = Seen(None)
    now = [Entry() for _ in range(64)]
    seen.difference(now)
    now.append(now.pop(0))
    assert seen.difference(now) == ([], [], True)


def test_what_happens_between_the_ends_is_noticed_after_a_few_looks() -> None:
    seen = Seen(None)
    now = [Entry() for _ in range(64)]
    seen.difference(now)
    gone, now[30] = now[30], Entry()
    looks = 0
    while True:
        now.append(Entry())
        looks += 1
        found = seen.difference(now)
        assert found is not None
        if found.removed:
            break
    assert found.removed[0] is gone
    assert looks <= 64 // 8 + 2


def test_looking_at_a_long_list_does_not_go_through_it() -> None:
    class Counting(list[Entry]):
        walks = 0

        def __iter__(self):  # type: ignore[no-untyped-def]
            Counting.walks += 1
            return super().__iter__()

    now = Counting(Entry() for _ in range(80_000))
    seen = Seen(None)
    seen.difference(now)
    Counting.walks = 0
    for _ in range(1000):
        now.append(Entry())
        found = seen.difference(now)
        assert found is not None
        assert found.added[0] is now[-1]
    assert Counting.walks == 0
