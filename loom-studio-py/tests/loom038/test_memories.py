"""Memories of 0.3.8, followed through anything a program does to them."""

from __future__ import annotations

import asyncio
import random

import pytest

from recording import Recording, recording  # isort: skip

from loom.memory.core import LoomMemory
from loom.memory.types import MemoryTier, MemoryUnit


def truth(memory: LoomMemory) -> dict[str, list[str]]:
    """Each unit where it was put last, of the lists it is in."""
    lists = {
        "L1": memory._l1_buffer,
        "L2": memory._l2_working,
        "L3": [unit for units in memory._l3_session.values() for unit in units],
        "L4": memory._l4_global,
    }
    found: dict[str, list[str]] = {}
    for tier, units in lists.items():
        for unit in units:
            # Promoted from another list than L2, a unit stays there as well.
            if tier == "L4" or unit.id not in [one.id for one in memory._l4_global]:
                found.setdefault(tier, []).append(unit.id)
    return {tier: sorted(ids) if tier == "L3" else ids for tier, ids in found.items()}


@pytest.mark.parametrize("seed", range(8))
def test_the_events_alone_rebuild_a_memory(seed: int) -> None:
    rng = random.Random(seed)

    async def program(record: Recording) -> None:
        memory = LoomMemory("keeper", max_l1_size=rng.choice([4, 30]))
        for number in range(300):
            match rng.choices(["add", "sync", "promote", "clear"], [60, 30, 8, 2])[0]:
                case "add" | "sync" as how:
                    unit = MemoryUnit(
                        content=f"unit {number}",
                        tier=rng.choice(list(MemoryTier)),
                        importance=rng.random(),
                        metadata={"session_id": rng.choice("abc")} if rng.random() < 0.5 else {},
                    )
                    if how == "add":
                        await memory.add(unit)
                    else:
                        memory.add_sync(unit)
                case "promote" if memory._id_index:
                    memory.promote_to_l4(rng.choice(list(memory._id_index)))
                case "clear":
                    memory.clear_working()
            told = record.tiers("/node/keeper")
            if "L3" in told:
                told["L3"].sort()
            assert told == truth(memory), number

    with recording() as record:
        asyncio.run(program(record))
    assert len(record.of("memory.promote")) > 5
    assert len(record.of("memory.evict")) > 5


def test_two_units_with_one_id_are_two_entries() -> None:
    async def program() -> None:
        memory = LoomMemory("keeper")
        for text in ("one", "two"):
            await memory.add(MemoryUnit(id="same", content=text))

    with recording() as record:
        asyncio.run(program())
    assert [data["entry_id"] for data in record.of("memory.add")] == ["same", "same#2"]


def test_looking_for_a_session_does_not_make_it() -> None:
    async def program() -> list[str]:
        memory = LoomMemory("keeper")
        await memory.add(MemoryUnit(content="one", tier=MemoryTier.L3_SESSION, metadata={"session_id": "a"}))
        return list(memory._l3_session)

    with recording():
        assert asyncio.run(program()) == ["a"]
