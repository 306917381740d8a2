"""Objects that lie, raise, change and never end: capture takes what it can and lets nothing out."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import gc
import json
import sys
import threading
from typing import Any

import pydantic
import pytest

from loom_studio._native import Dispatch, Sender
from released_loom import CloudEvent


class Boom(Exception):
    pass


def boom(*args: Any, **kwargs: Any) -> Any:
    raise Boom


class Hostile:
    """Raises whatever is asked of it."""

    __getattribute__ = boom
    __getattr__ = boom
    __repr__ = __str__ = __iter__ = __len__ = __eq__ = __hash__ = __bool__ = __reduce__ = __format__ = boom


class Liar:
    """Says it is something else."""

    def __init__(self, claims: type) -> None:
        self.claims = claims

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self.claims

    __iter__ = __len__ = __getitem__ = keys = items = __float__ = __index__ = boom


class BadMeta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise Boom


class OfBadMeta(metaclass=BadMeta):
    pass


class Zone(dt.tzinfo):
    def tzname(self, moment: dt.datetime | None) -> str | None:
        return None

    def dst(self, moment: dt.datetime | None) -> dt.timedelta | None:
        return None


class BadZone(Zone):
    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
        raise Boom


class OddZone(Zone):
    def utcoffset(self, moment: dt.datetime | None) -> Any:
        return "an hour"


class Dict(dict[Any, Any]):
    __iter__ = __len__ = __getitem__ = keys = items = values = get = __contains__ = boom


class List(list[Any]):
    __iter__ = __len__ = __getitem__ = boom


class Error(Exception):
    __str__ = __repr__ = boom
    args = property(boom)


class Colour(enum.Enum):
    RED = 1


Colour._value_ = property(boom)


@dataclasses.dataclass
class Data:
    x: int = 1

    def __getattribute__(self, name: str) -> Any:
        raise Boom


class Model(pydantic.BaseModel):
    x: int = 1
    __repr__ = __str__ = __iter__ = boom

    def __getattribute__(self, name: str) -> Any:
        if name == "__dict__":
            raise Boom
        return super().__getattribute__(name)


def hostiles() -> list[Any]:
    return [
        Hostile(), Liar(dict), Liar(list), Liar(str), Liar(int), Liar(type(None)), OfBadMeta(), OfBadMeta,
        dt.datetime(2026, 1, 1, tzinfo=BadZone()), dt.datetime(2026, 1, 1, tzinfo=OddZone()), dt.time(1, tzinfo=BadZone()),
        Dict(a=1), List([1]), Error("x"), Colour.RED, Data(), Model(), sys, Hostile, lambda: 0, iter([1]), (n for n in [1]),
        gc, threading.Lock(), NotImplemented, ..., range(3), memoryview(b"abcd").cast("i"), collections.Counter("aab"),
    ]  # fmt: skip


@pytest.mark.parametrize("place", range(len(hostiles())))
def test_each_is_written_somehow(sender: Sender, place: int) -> None:
    hostile = hostiles()[place]
    encoded = sender.json([1, hostile, {"k": hostile}, "after"])
    assert encoded is not None
    found = json.loads(encoded)
    assert (found[0], found[3]) == (1, "after")
    try:
        hash(hostile)
    except Exception:
        return
    assert json.loads(sender.json({hostile: 1}) or b"") != {}


def test_what_can_be_read_is_read(sender: Sender) -> None:
    found = json.loads(sender.json([Dict(a=1), List([1]), Data(), Model(), Liar(dict), Error("x")]) or b"")
    assert found[:4] == [{"a": 1}, [1], {"x": 1}, {"x": 1}]
    assert found[4] == f"<object: {__name__}.Liar>"
    assert found[5].startswith("<error: ")


def test_a_generator_is_not_used_up(sender: Sender) -> None:
    numbers = iter([1, 2])
    sender.json(numbers)
    assert list(numbers) == [1, 2]


def test_an_interruption_passes_through(sender: Sender) -> None:
    class Mine(Zone):
        def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sender.json(dt.datetime(2026, 1, 1, tzinfo=Mine()))
    assert sender.json([1]) == b"[1]"


def test_code_that_captures_again_meanwhile(sender: Sender) -> None:
    class Mine(Zone):
        def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
            assert sender.json(["inner"]) == b'["inner"]'
            return dt.timedelta(0)

    assert sender.json(["outer", dt.datetime(2026, 1, 1, tzinfo=Mine())]) == b'["outer","2026-01-01T00:00:00+00:00"]'


def test_what_changes_while_it_is_read(sender: Sender) -> None:
    table: dict[Any, Any] = {n: n for n in range(20)}
    rows: list[Any] = list(range(20))

    class Mine(Zone):
        def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
            rows.clear()
            table.clear()
            table.update({f"new-{n}": [n] for n in range(1000)})
            gc.collect()
            return dt.timedelta(0)

    moment = dt.datetime(2026, 1, 1, tzinfo=Mine())
    table[5] = moment
    rows[3] = [moment]
    for value in (table, rows):
        assert isinstance(json.loads(sender.json(value) or b""), type(value))


def test_what_other_threads_change(sender: Sender) -> None:
    table: dict[Any, Any] = {"rows": []}
    done = threading.Event()

    def change() -> None:
        number = 0
        while not done.is_set():
            number += 1
            table[number % 50] = ["x" * (number % 100)]
            table["rows"].append({"n": number})
            if number % 70 == 0:
                table.clear()
                table["rows"] = []

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(3000):
            json.loads(sender.json(table) or b"null")
    finally:
        done.set()
        changing.join()


def test_nothing_is_left_behind(sender: Sender) -> None:
    event = CloudEvent.create(source="/a", type="t", data={"rows": [{"k": object()}], "time": dt.datetime.now(dt.UTC)})
    assert event.data is not None
    held = [event, event.data, event.data["rows"], event.data["rows"][0]["k"], event.data["time"], event.id, event.extensions]
    before = [sys.getrefcount(one) for one in held]
    for _ in range(100):
        sender.capture(event)
        record = Dispatch("cause")
        record.before(sender, event)
        record.after(sender, event)
        record.end("raised")
    del record
    assert [sys.getrefcount(one) for one in held] == before


def test_no_event_at_all(sender: Sender) -> None:
    before = sender.stats()["dropped_invalid"]
    assert not sender.capture(None)
    assert not sender.capture(Hostile())
    assert not sender.capture([1])
    assert sender.stats()["dropped_invalid"] == before + 3


def test_an_event_beyond_the_limit_is_counted(sender: Sender) -> None:
    before = sender.stats()
    assert not sender.capture(CloudEvent.create(source="/a", type="t", data="x" * (1 << 20)))
    after = sender.stats()
    assert after["dropped_too_large"] == before["dropped_too_large"] + 1
    assert after["accepted_events"] == before["accepted_events"]
