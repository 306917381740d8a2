"""A client that keeps what is sent, in place of the process's own. Imports Loom, whose warnings about itself are none of a test's business."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import loom_studio
from loom_studio import _wire

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    importlib.import_module("loom.node.agent")


class Recording:
    """What was emitted and captured, by value."""

    def __init__(self, *, content: bool = True) -> None:
        self.capture_content = content
        self.events: list[tuple[str, str, dict[str, Any], str | None]] = []
        self.captured: list[Any] = []

    def emit(self, kind: str, source: str, data: dict[str, Any], *, cause: str | None = None) -> None:
        self.events.append((kind, source, json.loads(json.dumps(data, default=str)), cause))

    def capture(self, event: Any) -> None:
        self.captured.append(event)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [data for each, _, data, _ in self.events if each == kind]

    def tiers(self, source: str) -> dict[str, list[str]]:
        """The memory of a node as its events alone tell it: the ids of its entries by tier."""
        held: dict[str, list[str]] = {}

        def take_out(ids: list[str]) -> None:
            for tier in held:
                held[tier] = [one for one in held[tier] if one not in ids]

        for kind, each, data, _ in self.events:
            if each != source:
                continue
            ids = [data["entry_id"]] if "entry_id" in data else []
            match kind:
                case "memory.add" | "memory.promote" | "memory.consolidate":
                    take_out([*ids, *data.get("sources", ())])
                    held.setdefault(data.get("tier", ""), []).extend(ids)
                    held.update(data.get("tiers", {}))
                case "memory.evict":
                    take_out(data["entry_ids"])
                case "memory.clear":
                    for tier in [data["tier"]] if "tier" in data else list(held):
                        held[tier] = []
        return {tier: entries for tier, entries in held.items() if entries}


@contextmanager
def recording(*, content: bool = True) -> Iterator[Recording]:
    """Install, with such a client."""
    record = Recording(content=content)
    original = _wire._client
    _wire._client = lambda: record  # type: ignore[assignment,return-value]
    try:
        loom_studio.install("ws://127.0.0.1:9")
        yield record
    finally:
        loom_studio.uninstall()
        _wire._client = original
