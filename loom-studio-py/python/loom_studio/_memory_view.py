"""What a node remembers, as Python objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loom_studio import _html

if TYPE_CHECKING:
    from loom_studio.documents import MemoryAnswer, RecalledEntry

_MOST_ROWS = 500


@dataclass(frozen=True)
class Memory:
    """The memory of one node at one position."""

    document: MemoryAnswer
    """The first page as `GET /api/memory/{node_id}` describes it: history, faults, what changed, who wrote the PSO."""
    entries: list[RecalledEntry] | None
    """Every entry, by tier, then in the order recorded; None when the node reported none."""

    @property
    def node_id(self) -> str:
        """The node."""
        return self.document["node_id"]

    @property
    def at(self) -> int:
        """The position it is as of."""
        return self.document["at"]

    @property
    def pso(self) -> Any:
        """The project state object; None when the node reported none."""
        return self.document["pso"]

    def tier(self, name: str) -> list[RecalledEntry]:
        """The entries of one tier: `session`, `working`, `long_term`, `ephemeral`, or another name as reported."""
        return [entry for entry in self.entries or [] if entry["tier"] == name]

    def __repr__(self) -> str:
        entries = "none reported" if self.entries is None else len(self.entries)
        return f"<Memory of {self.node_id} at {self.at}, entries: {entries}>"

    def _repr_html_(self) -> str:
        entries = self.entries or []
        rows = [
            (entry["tier"], entry.get("role"), _html.short(entry.get("content") or f"({entry['content_is']})"), entry.get("importance"), entry["timestamp"], entry["seq"])
            for entry in entries[:_MOST_ROWS]
        ]
        note = f"{self.node_id} at {self.at}"
        note += ", no entries reported" if self.entries is None else f", {min(len(entries), _MOST_ROWS)} of {len(entries)} entries"
        if self.pso is not None:
            note += f", PSO: {_html.short(self.pso, 500)}"
        return _html.table(("tier", "role", "content", "importance", "time", "written at"), rows, note)
