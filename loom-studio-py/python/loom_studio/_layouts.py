"""How Loom's memories keep their entries, read without calling any of their code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

# A longer text is cut, so that the event stays below the server's limit and the entry known.
MAX_CONTENT_CHARS = 200_000


class Bucket(NamedTuple):
    """One list of a memory."""

    key: str
    #: The tier of all its entries, or `None` where each entry says its own.
    tier: str | None
    entries: Sequence[Any]


class Layout:
    """One class of memories: its lists, and what their elements say."""

    #: The methods that may change the lists.
    mutators: tuple[str, ...] = ()
    #: Methods with which all that goes was merged into what comes.
    consolidating: frozenset[str] = frozenset({"consolidate"})
    clearing: frozenset[str] = frozenset({"clear"})
    #: Whether two lists may have one tier, so that its order is none of a list.
    shares_tiers = False

    def buckets(self, memory: Any, touched: str | None = None) -> list[Bucket]:
        """The lists; only the one that is `touched`, where it is known."""
        raise NotImplementedError

    def touched(self, mutator: str, arguments: tuple[Any, ...]) -> str | None:
        """The one list that a call can change by itself, where that is known beforehand."""
        return None

    def fallback(self, memory: Any, number: int) -> str:
        """The source of a memory that no node holds."""
        return f"/memory/{type(memory).__name__}-{number}"

    def tier(self, entry: Any) -> str:
        raise NotImplementedError

    def own_id(self, entry: Any) -> str | None:
        """An id that the program gave the entry."""
        return None

    def merged_from(self, entry: Any) -> list[str] | None:
        """The program's ids of what an entry says it was made of."""
        return None

    def describe(self, entry: Any, *, content: bool) -> dict[str, Any]:
        raise NotImplementedError


def list_of(memory: Any, name: str) -> Sequence[Any]:
    entries = vars(memory).get(name)
    return entries if isinstance(entries, list) else ()


def add_content(data: dict[str, Any], value: Any, *, content: bool) -> None:
    """The content, or what may be told of it: how long it is."""
    if isinstance(value, str) and (not content or len(value) > MAX_CONTENT_CHARS):
        data["content_chars"] = len(value)
        value = value[:MAX_CONTENT_CHARS]
    if content:
        data["content"] = value


def of_metadata(data: dict[str, Any], metadata: Any, *, content: bool) -> None:
    if not isinstance(metadata, dict) or not metadata:
        return
    importance = metadata.get("importance")
    if isinstance(importance, (int, float)):
        data["importance"] = importance
    if content:
        data["metadata"] = metadata


class _OfEntries(Layout):
    """A memory of `MemoryEntry` (loom-agent 0.3.1 to 0.3.4)."""

    name: str
    mutators = ("add", "consolidate", "clear")

    def buckets(self, memory: Any, touched: str | None = None) -> list[Bucket]:
        return [Bucket(self.name, None, list_of(memory, self.name))]

    def tier(self, entry: Any) -> str:
        # The metabolic memory writes its tier into the metadata alone.
        metadata = getattr(entry, "metadata", None)
        tier = metadata.get("tier") if isinstance(metadata, dict) else None
        tier = tier or getattr(entry, "tier", None)
        return tier if isinstance(tier, str) and tier else "session"

    def describe(self, entry: Any, *, content: bool) -> dict[str, Any]:
        data: dict[str, Any] = {}
        role = getattr(entry, "role", None)
        if isinstance(role, str):
            data["role"] = role
        timestamp = getattr(entry, "timestamp", None)
        if isinstance(timestamp, (int, float)):
            data["timestamp"] = timestamp
        add_content(data, getattr(entry, "content", None), content=content)
        of_metadata(data, getattr(entry, "metadata", None), content=content)
        return data


class Hierarchical(_OfEntries):
    """`HierarchicalMemory`: one list, cut in front when it is full."""

    name = "_session"


class Metabolic(_OfEntries):
    """`MetabolicMemory`: one list, replaced by its tail when it is full."""

    name = "short_term"


#: The role under which `MemoryUnit.to_message` shows a unit to a model.
_ROLES = {"message": "user", "thought": "assistant", "tool_call": "assistant"}


_LISTS = {"L1": "_l1_buffer", "L2": "_l2_working", "L4": "_l4_global"}


class Loom(Layout):
    """`LoomMemory` (loom-agent 0.3.6 to 0.3.9): four tiers, the third by session."""

    mutators = ("add", "add_sync", "promote_to_l4", "clear_working", "_evict_from_l1", "_compress_l4")
    consolidating = frozenset({"_compress_l4"})
    clearing = frozenset({"clear_working"})
    shares_tiers = True

    def buckets(self, memory: Any, touched: str | None = None) -> list[Bucket]:
        if touched is not None:
            tier, _, session = touched.partition("/")
            return [self._bucket(memory, tier, session)]
        sessions = vars(memory).get("_l3_session")
        found = [self._bucket(memory, tier, "") for tier in ("L1", "L2", "L4")]
        if isinstance(sessions, dict):
            found += [Bucket(f"L3/{name}", "L3", units) for name, units in list(sessions.items()) if isinstance(units, list)]
        return found

    def _bucket(self, memory: Any, tier: str, session: str) -> Bucket:
        if tier != "L3":
            return Bucket(tier, tier, list_of(memory, _LISTS[tier]))
        # Asking a `defaultdict` for a session would make it.
        units = vars(memory).get("_l3_session", {}).get(session, ())
        return Bucket(f"L3/{session}", "L3", units)

    def touched(self, mutator: str, arguments: tuple[Any, ...]) -> str | None:
        if mutator not in ("add", "add_sync") or not arguments:
            return None
        unit = arguments[0]
        tier = getattr(getattr(unit, "tier", None), "name", "")[:2]
        if tier != "L3":
            return tier if tier in _LISTS else None
        metadata = getattr(unit, "metadata", None)
        session = metadata.get("session_id", "default") if isinstance(metadata, dict) else None
        return f"L3/{session}" if isinstance(session, str) else None

    def fallback(self, memory: Any, number: int) -> str:
        name = getattr(memory, "node_id", None)
        return f"/node/{name}" if isinstance(name, str) and name else super().fallback(memory, number)

    def own_id(self, entry: Any) -> str | None:
        own = getattr(entry, "id", None)
        return own if isinstance(own, str) and own else None

    def merged_from(self, entry: Any) -> list[str] | None:
        metadata = getattr(entry, "metadata", None)
        ids = metadata.get("original_ids") if isinstance(metadata, dict) else None
        return [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else None

    def describe(self, entry: Any, *, content: bool) -> dict[str, Any]:
        data: dict[str, Any] = {}
        kind = getattr(getattr(entry, "type", None), "value", None)
        value = getattr(entry, "content", None)
        if isinstance(kind, str):
            data["type"] = kind
            role = value.get("role") if isinstance(value, dict) else None
            data["role"] = role if isinstance(role, str) else _ROLES.get(kind, "system")
        created = getattr(entry, "created_at", None)
        if isinstance(created, datetime):
            data["timestamp"] = created.timestamp()
        add_content(data, value, content=content)
        of_metadata(data, getattr(entry, "metadata", None), content=content)
        importance = getattr(entry, "importance", None)
        if isinstance(importance, (int, float)):
            data["importance"] = importance
        parent = getattr(entry, "parent_id", None)
        if isinstance(parent, str):
            data["parent_id"] = parent
        return data
