"""How Python values become JSON: as `json` writes them, and what `json` can't write as docs/capture.md says."""

from __future__ import annotations

import base64
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress
import json
import math
import pathlib
import uuid
import zoneinfo
from typing import Any, ClassVar, NamedTuple

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loom_studio._native import Sender

# `json` writes half of a surrogate pair as an escape, and so do we: any string at all.
TEXTS = st.text(st.characters(codec=None, exclude_categories=())) | st.text('"\\\n\r\t\b\f\x00\x1f\x7f/ü中😀\ud800\udfff', max_size=80)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers() | st.integers(-(10**60), 10**60) | FLOATS | TEXTS
KEYS = TEXTS | st.integers() | st.booleans() | st.none() | st.floats()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.lists(inner, max_size=6).map(tuple) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)


def text(sender: Sender, value: object) -> str:
    encoded = sender.json(value)
    assert encoded is not None
    return encoded.decode()


def written(sender: Sender, value: object) -> Any:
    def constant(name: str) -> Any:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text(sender, value), parse_constant=constant)


def same(one: object, other: object) -> bool:
    """Equal in value, in type and in order; `-0.0` is not `0.0`."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        return math.copysign(1, one) == math.copysign(1, other) and one == other
    return type(one) is type(other) and one == other


@settings(max_examples=2000, deadline=None)
@given(value=VALUES)
def test_what_json_can_write_is_written_alike(sender: Sender, value: object) -> None:
    assert same(written(sender, value), json.loads(json.dumps(value)))


@settings(max_examples=500, deadline=None)
@given(value=st.binary(max_size=200))
def test_escapes_are_found_at_every_place_of_a_block(sender: Sender, value: bytes) -> None:
    for character in '"\\\x1f \x7f':
        for length in (0, 1, 7, 8, 15, 16, 17, 31, 40):
            place = "x" * length + character + value.decode("latin-1")
            assert json.loads(text(sender, place)) == place


@pytest.mark.parametrize("length", range(70))
def test_one_escape_in_any_text(sender: Sender, length: int) -> None:
    for place in range(length):
        for character in '"\\\n\x00':
            value = "a" * place + character + "z" * (length - place - 1)
            assert json.loads(text(sender, value)) == value


def test_floats_are_the_shortest_that_mean_them(sender: Sender) -> None:
    for value in (0.1, 1e16, 1e-7, 5e-324, 1.7976931348623157e308, -0.0, 123456789.123456789):
        assert same(written(sender, value), value)
        assert len(text(sender, value)) <= len(repr(value)) + 1


def test_floats_that_json_has_no_word_for(sender: Sender) -> None:
    assert written(sender, [math.nan, math.inf, -math.inf]) == ["<float nan>", "<float inf>", "<float -inf>"]


def test_integers_of_any_size(sender: Sender) -> None:
    for value in (2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**400):
        assert text(sender, value) == str(value)
    assert written(sender, 1 << 20_000) == "<int: 20001 bits>"


class Colour(enum.Enum):
    RED = "red"
    DEEP = {"a": [1]}


class Level(enum.IntEnum):
    LOW = 3


class Word(str, enum.Enum):
    YES = "yes"


class Text(str):
    def __str__(self) -> str:
        raise AssertionError("not asked")

    __repr__ = __str__


class Number(int):
    def __repr__(self) -> str:
        raise AssertionError("not asked")

    __str__ = __index__ = __int__ = __repr__  # type: ignore[assignment]


class Weight(float):
    def __repr__(self) -> str:
        raise AssertionError("not asked")

    __float__ = __repr__  # type: ignore[assignment]


class Pair(NamedTuple):
    left: int
    right: str


class Map(dict[str, int]):
    def items(self) -> Any:
        raise AssertionError("not asked")


class Rows(list[int]):
    def __iter__(self) -> Any:
        raise AssertionError("not asked")

    __len__ = __iter__


OTHERS: list[tuple[object, object]] = [
        (Colour.RED, "red"),
        (Colour.DEEP, {"a": [1]}),
        (Level.LOW, 3),
        (Word.YES, "yes"),
        (Text("plain"), "plain"),
        (Number(7), 7),
        (Number(7 << 70), 7 << 70),
        (Weight(0.5), 0.5),
        (Pair(1, "x"), [1, "x"]),
        (Map(a=1), {"a": 1}),
        (Rows([1, 2]), [1, 2]),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (collections.deque([1, 2]), [1, 2]),
        (frozenset({5}), [5]),
        (set(), []),
        ({Word.YES: 1, Level.LOW: 2, Colour.RED: 3}, {"yes": 1, "3": 2, "red": 3}),
        ({(1, "a"): 1, b"k": 2, dt.date(2026, 1, 2): 3}, {'[1,"a"]': 1, "<bytes: aw==>": 2, "2026-01-02": 3}),
        (uuid.UUID("00000000-0000-0000-0000-0000000000ff"), "00000000-0000-0000-0000-0000000000ff"),
        (uuid.UUID(int=2**128 - 1), "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        (decimal.Decimal("1.10"), "1.10"),
        (pathlib.PurePosixPath("/a/ü"), "/a/ü"),
        (ipaddress.ip_address("::1"), "::1"),
        (b"\x00\xff", "<bytes: AP8=>"),
        (bytearray(b"ab"), "<bytes: YWI=>"),
        (memoryview(b"ab"), "<bytes: YWI=>"),
        (b"x" * 100_000, "<bytes: 100000 of them>"),
        (ValueError("no good"), "<error: ValueError: no good>"),
        (KeyError(3), "<error: KeyError>"),
        (object(), "<object: object>"),
        (int, "<object: type>"),
        (len, "<object: builtin_function_or_method>"),
        (1j, "<object: complex>"),
        (dt.date(1, 2, 3), "0001-02-03"),
        (dt.time(1, 2, 3), "01:02:03"),
        (dt.time(1, 2, 3, 4, tzinfo=dt.UTC), "01:02:03.000004Z"),
        (dt.timedelta(0), "PT0S"),
        (dt.timedelta(days=2, seconds=3), "P2DT3S"),
        (-dt.timedelta(microseconds=1), "-PT0.000001S"),
]


@pytest.mark.parametrize("place", range(len(OTHERS)))
def test_other_values(sender: Sender, place: int) -> None:
    value, expected = OTHERS[place]
    found = written(sender, value)
    assert same(found, expected), found


ZONES: Any = (
    st.none()
    | st.just(dt.UTC)
    | st.integers(-1439, 1439).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
    | st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "America/St_Johns"]).map(zoneinfo.ZoneInfo)
)


@settings(max_examples=1000, deadline=None)
@given(value=st.datetimes(dt.datetime(1, 1, 3), dt.datetime(9999, 12, 29), timezones=ZONES))
def test_datetimes_are_rfc_3339(sender: Sender, value: dt.datetime) -> None:
    found = dt.datetime.fromisoformat(written(sender, value))
    if value.tzinfo is None:
        assert found == value and found.tzinfo is None
    else:
        assert found.astimezone(dt.UTC) == value.astimezone(dt.UTC)
        offset = found.utcoffset()
        # RFC 3339 has whole minutes only; a zone of a century ago may not.
        assert offset is not None and offset.total_seconds() % 60 == 0


def test_a_datetime_without_fraction_and_one_in_utc(sender: Sender) -> None:
    assert written(sender, dt.datetime(2026, 1, 2, 3, 4, 5)) == "2026-01-02T03:04:05"
    assert written(sender, dt.datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=dt.UTC)) == "2026-01-02T03:04:05.000060Z"

    class Moment(dt.datetime):
        @property
        def year(self) -> int:
            raise AssertionError("not asked")

    assert written(sender, Moment(2026, 1, 2, 3, tzinfo=dt.UTC)) == "2026-01-02T03:00:00Z"


@dataclasses.dataclass
class Point:
    x: int
    inner: Any
    count: ClassVar[int] = 9
    start: dataclasses.InitVar[int] = 0


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int
    y: list[int]


def test_dataclasses(sender: Sender) -> None:
    assert written(sender, Point(1, Slotted(2, [3]))) == {"x": 1, "inner": {"x": 2, "y": [3]}}


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    name: str
    secret: pydantic.SecretStr = pydantic.SecretStr("hidden")
    left_out: str = pydantic.Field("hidden", exclude=True)
    custom: str = "hidden"

    @pydantic.field_serializer("custom")
    def _custom(self, value: str) -> str:
        return "***"


class Closed(pydantic.BaseModel):
    token: str = "hidden"

    @pydantic.model_serializer
    def _all(self) -> dict[str, str]:
        return {}


def test_models(sender: Sender) -> None:
    value = written(sender, {"model": Model.model_validate({"name": "n", "more": [1]})})["model"]
    assert value == {"name": "n", "secret": "<object: pydantic.types.SecretStr>", "custom": "<custom serializer: str>", "more": [1]}


def test_what_a_model_keeps_to_itself_stays_there(sender: Sender) -> None:
    assert "hidden" not in text(sender, [Model.model_validate({"name": "n"}), Closed()])
    assert written(sender, Closed()) == f"<custom serializer: {__name__}.Closed>"


def test_nesting_ends_where_the_server_ends(sender: Sender) -> None:
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    found, levels = written(sender, deep), 0
    while isinstance(found, list):
        found, levels = found[0], levels + 1
    assert (found, levels) == ("<too deep: list>", 64)


def test_cycles_end(sender: Sender) -> None:
    row: list[Any] = [1]
    row.append(row)
    table: dict[str, Any] = {"row": row}
    row.append(table)
    assert written(sender, table) == {"row": [1, "<cycle: list>", "<cycle: dict>"]}
    # The same object twice is no cycle.
    shared = [1]
    assert written(sender, [shared, shared]) == [[1], [1]]


def test_what_is_larger_than_an_event_is_given_up(sender: Sender) -> None:
    assert sender.json("x" * 2_000_000) is None
    assert sender.json(["x" * 1000] * 1100) is None
    nothing: list[Any] = []
    for _ in range(60):
        # 2^60 lists, if anybody wrote them.
        nothing = [nothing, nothing]
    assert sender.json(nothing) is None
    assert sender.json({n: None for n in range(500_000)}) is None


def test_bytes_are_those_that_were_there(sender: Sender) -> None:
    value = bytes(range(256))
    found = written(sender, value)
    assert base64.b64decode(found.removeprefix("<bytes: ").removesuffix(">")) == value
