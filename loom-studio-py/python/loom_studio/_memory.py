"""What the program's memories hold, reported as it changes.

Every method that changes a memory is wrapped. Before and after it, and at each of its suspensions, the memory's lists are compared by identity with what they
held the last time, so that what a method evicts inline is seen as well as what it adds. Each entry has one id as long as it lives; the program's entries are
never changed.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

from loom_studio import _nodes, _wire
from loom_studio._difference import Seen
from loom_studio._forks import in_child
from loom_studio._identity import IdentityMap
from loom_studio._layouts import Hierarchical, Layout, Loom, Metabolic
from loom_studio._log import swallowed
from loom_studio._patches import Patches
from loom_studio._pso import ProjectState
from loom_studio._stepping import Stepping

# Ids in one event, which has to stay below the server's limit for events.
MAX_IDS = 1000
# So many sources are remembered beside those that have a memory.
MAX_SOURCES = 4096

_memories: IdentityMap[Tracked] = IdentityMap()
_entry_ids: IdentityMap[str] = IdentityMap()
_entry_numbers = itertools.count(1)
_memory_numbers = itertools.count(1)
#: Who reports under a source. A source whose reporters are gone stays, with none.
_reporters: dict[str, weakref.WeakSet[Tracked]] = {}
_lock = threading.RLock()


def _forget_sources() -> None:
    """Make room: of the sources without a memory the older half goes. What they reported is not taken back if one of them comes again."""
    idle = [source for source, reporters in _reporters.items() if not reporters]
    for source in idle[: (len(idle) + 1) // 2]:
        del _reporters[source]


class _Held:
    """An entry of a memory, in one or more of its lists."""

    __slots__ = ("entry", "id", "places", "tier")

    def __init__(self, entry: Any, name: str) -> None:
        self.entry = entry
        self.id = name
        self.tier = ""
        self.places: dict[str, int] = {}


class _Changes:
    """What one look at a memory found."""

    __slots__ = ("came", "moved", "reordered", "went")

    def __init__(self) -> None:
        self.came: list[_Held] = []
        self.moved: list[_Held] = []
        self.went: list[_Held] = []
        self.reordered: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.came or self.moved or self.went or self.reordered)


class Tracked:
    """One memory of the program, as it was last seen."""

    def __init__(self, memory: Any, layout: Layout) -> None:
        self._layout = layout
        self._fallback = layout.fallback(memory, next(_memory_numbers))
        self._seen: dict[str, Seen] = {}
        self._held: dict[int, _Held] = {}
        self._names: dict[str, int] = {}
        self._owners: list[tuple[weakref.ref[Any], str]] = []
        self._scanned = 0
        self._looks = 0
        self.sources: list[str] = []
        self._is_resolving = False
        self._state = ProjectState()
        self._memory = weakref.ref(memory)

    def look(self, mutator: str | None, touched: str | None = None) -> None:
        """Report what changed since the last look, as done by `mutator`. Never raises."""
        with swallowed("looking at a memory"), _lock:
            memory = self._memory()
            if memory is None or not _wire.is_on():
                return
            changes = self._changes(memory, touched)
            if not changes:
                return
            self._resolve(memory, changes)
            for source in self.sources:
                _Report(self, source).tell(changes, mutator)

    def look_at_state(self) -> None:
        """Report the project state object, if it changed. Never raises."""
        with swallowed("looking at a project state"), _lock:
            memory = self._memory()
            if memory is None or not _wire.is_on():
                return
            self._resolve(memory, None)
            change = self._state.change(vars(memory).get("pso"))
            if change is not None:
                for source in self.sources:
                    _wire.emit("pso.update", source, change)

    def holds_state(self, project_state: Any) -> bool:
        return getattr(self._memory(), "pso", None) is project_state

    # What is held

    def _changes(self, memory: Any, touched: str | None) -> _Changes:
        changes = _Changes()
        before: dict[int, _Held] = {}
        came: dict[int, str] = {}
        buckets = self._layout.buckets(memory, touched)
        if touched is None and len(self._seen) > len(buckets):
            known = {bucket.key for bucket in buckets}
            gone = [key for key in self._seen if key not in known]
        else:
            gone = []
        for key, tier, entries in [(bucket.key, bucket.tier, bucket.entries) for bucket in buckets] + [(key, self._seen[key].tier, ()) for key in gone]:
            seen = self._seen.get(key)
            if seen is None:
                if not entries:
                    continue
                seen = self._seen[key] = Seen(tier)
            found = seen.difference(entries)
            if found is None:
                continue
            for entry in found.removed:
                held = self._held[id(entry)]
                before.setdefault(id(entry), held)
                held.places[key] -= 1
                if not held.places[key]:
                    del held.places[key]
            for entry in found.added:
                number = id(entry)
                known_entry = self._held.get(number)
                if known_entry is None:
                    known_entry = self._held[number] = _Held(entry, self._name(entry))
                    came[number] = key
                else:
                    before.setdefault(number, known_entry)
                    came.setdefault(number, key)
                known_entry.places[key] = known_entry.places.get(key, 0) + 1
            if found.reordered:
                changes.reordered.append(key)
        for key in gone:
            del self._seen[key]
        for number, key in came.items():
            held = self._held[number]
            if key not in held.places:
                continue
            tier = self._tier(held, key)
            if number not in before:
                held.tier = tier
                changes.came.append(held)
            elif tier != held.tier:
                held.tier = tier
                changes.moved.append(held)
        for number, held in before.items():
            if not held.places:
                del self._held[number]
                del self._names[held.id]
                changes.went.append(held)
            elif number not in came and self._layout.shares_tiers and not any(self._tier(held, key) == held.tier for key in held.places):
                held.tier = self._tier(held, next(iter(held.places)))
                changes.moved.append(held)
        return changes

    def _tier(self, held: _Held, key: str) -> str:
        tier = self._seen[key].tier
        return self._layout.tier(held.entry) if tier is None else tier

    def _name(self, entry: Any) -> str:
        """The id of an entry: the program's own, or one made for the object, which keeps it."""
        own = self._layout.own_id(entry)
        name = own or _entry_ids.get(entry)
        if name is None:
            name = f"entry-{next(_entry_numbers)}"
            _entry_ids.set(entry, name)
        # Two entries of one memory may have been given the same id.
        copy = 2
        while name in self._names:
            name = f"{own or name}#{copy}"
            copy += 1
        self._names[name] = id(entry)
        return name

    # Whose it is

    def _resolve(self, memory: Any, changes: _Changes | None) -> None:
        """Find who holds the memory now. One who is new to it is told all it held before these changes."""
        if self._is_resolving:
            return
        self._is_resolving = True
        try:
            sources = self._find_sources(memory)
            if sources != self.sources:
                self._move(sources, changes)
        finally:
            self._is_resolving = False

    def _move(self, sources: list[str], changes: _Changes | None) -> None:
        for source in self.sources:
            if source not in sources:
                _Report(self, source).leave()
                _reporters[source].discard(self)
        come = [source for source in sources if source not in self.sources]
        self.sources = sources
        fresh = set() if changes is None else {held.id for held in changes.came}
        earlier = [] if changes is None else changes.went.copy()
        for key, seen in self._seen.items():
            for entry in seen.entries:
                held = self._held[id(entry)]
                if held.id not in fresh and self._tier(held, key) == held.tier:
                    earlier.append(held)
        for source in come:
            self._begin(source)
            for held in earlier:
                _Report(self, source).add(held)
        # The next report of it is whole.
        self._state = ProjectState()

    def _begin(self, source: str) -> None:
        """Be one who reports under a source. What others have reported there is taken back, if it is theirs no more."""
        reporters = _reporters.get(source)
        if reporters is None:
            if len(_reporters) >= MAX_SOURCES:
                _forget_sources()
            reporters = _reporters[source] = weakref.WeakSet()
        else:
            for other in list(reporters):
                other.refresh()
            if not reporters:
                _wire.emit("memory.clear", source, {"reason": "another memory"})
        # Those asked may have made room.
        _reporters[source] = reporters
        reporters.add(self)

    def refresh(self) -> None:
        memory = self._memory()
        if memory is not None:
            self._resolve(memory, None)

    def _find_sources(self, memory: Any) -> list[str]:
        self._looks += 1
        held_by = []
        for reference, name in self._owners:
            node = reference()
            if node is not None and vars(node).get(name) is memory:
                held_by.append((reference, name))
        newest = _nodes.last()
        if len(held_by) == len(self._owners) and held_by:
            if newest != self._scanned:
                held_by += _nodes.holders(memory, self._scanned)
        # A memory that is nobody's is looked for among all nodes ever more seldom; among new ones, always.
        elif self._owners or self._looks & (self._looks - 1) == 0:
            held_by = _nodes.holders(memory)
        elif newest != self._scanned:
            held_by = _nodes.holders(memory, self._scanned)
        self._scanned = newest
        self._owners = held_by
        sources = []
        for reference, _ in held_by:
            source = _nodes.uri(reference())
            if source is not None and source not in sources:
                sources.append(source)
        return sources or [self._fallback]


class _Report:
    """Events about one memory, under one source."""

    __slots__ = ("_memory", "_source")

    def __init__(self, memory: Tracked, source: str) -> None:
        self._memory = memory
        self._source = source

    def _emit(self, what: str, data: dict[str, Any]) -> None:
        _wire.emit(f"memory.{what}", self._source, data)

    def _is_alone(self) -> bool:
        return len(_reporters.get(self._source, ())) <= 1

    def _described(self, held: _Held) -> dict[str, Any]:
        data: dict[str, Any] = {"entry_id": held.id, "tier": held.tier}
        data.update(self._memory._layout.describe(held.entry, content=_wire.content_is_captured()))
        return data

    def add(self, held: _Held) -> None:
        self._emit("add", self._described(held))

    def leave(self) -> None:
        """The memory isn't this source's any more."""
        ids = [held.id for held in self._memory._held.values()]
        if self._is_alone():
            self._emit("clear", {"reason": "not held any more"})
        else:
            self._evict(ids, "not held any more")

    def tell(self, changes: _Changes, mutator: str | None) -> None:
        layout = self._memory._layout
        orders = self._orders(changes)
        if mutator in layout.consolidating:
            self._consolidate(changes, orders)
            return
        for held in changes.came:
            self.add(held)
        for held in changes.moved:
            self._emit("promote", {"entry_id": held.id, "tier": held.tier})
        if changes.went:
            if mutator in layout.clearing and not changes.came and self._is_alone():
                self._clear(changes)
            else:
                self._evict([held.id for held in changes.went], _reason(mutator))
        if orders:
            self._emit("promote", {"tiers": orders, "reason": "order"})

    def _clear(self, changes: _Changes) -> None:
        if not self._memory._held:
            self._emit("clear", {})
            return
        left = {held.tier for held in self._memory._held.values()}
        whole = {held.tier for held in changes.went} - left
        for tier in sorted(whole):
            self._emit("clear", {"tier": tier})
        self._evict([held.id for held in changes.went if held.tier not in whole], "clear")

    def _evict(self, ids: list[str], reason: str | None) -> None:
        for start in range(0, len(ids), MAX_IDS):
            data: dict[str, Any] = {"entry_ids": ids[start : start + MAX_IDS]}
            if reason is not None:
                data["reason"] = reason
            self._emit("evict", data)

    def _consolidate(self, changes: _Changes, orders: dict[str, list[str]]) -> None:
        """What went was merged into what came; entries that say of what they are made take these alone."""
        layout = self._memory._layout
        went = {layout.own_id(held.entry) or held.id: held.id for held in changes.went}
        events = []
        for held in changes.came:
            made_of = layout.merged_from(held.entry)
            sources = list(went.values()) if made_of is None else [went[one] for one in made_of if one in went]
            went = {} if made_of is None else {own: one for own, one in went.items() if own not in made_of}
            events.append({**self._described(held), "sources": sources[:MAX_IDS]})
            self._evict(sources[MAX_IDS:], "consolidate")
        if went and not changes.came:
            ids = list(went.values())
            events += [{"tier": changes.went[0].tier, "sources": ids[start : start + MAX_IDS]} for start in range(0, len(ids), MAX_IDS)]
            went = {}
        if orders and events:
            events[-1]["tiers"] = orders
        for data in events:
            self._emit("consolidate", data)
        self._evict(list(went.values()), "consolidate")

    def _orders(self, changes: _Changes) -> dict[str, list[str]]:
        """The order of tiers that are not in the order in which their entries came."""
        memory = self._memory
        if not changes.reordered or not self._is_alone():
            return {}
        orders: dict[str, list[str]] = {}
        for key in changes.reordered:
            seen = memory._seen.get(key)
            if seen is None or (memory._layout.shares_tiers and seen.tier == "L3"):
                continue
            for entry in seen.entries:
                held = memory._held[id(entry)]
                if memory._tier(held, key) == held.tier:
                    order = orders.setdefault(held.tier, [])
                    if held.id not in order[-1:]:
                        order.append(held.id)
        return {tier: order for tier, order in orders.items() if len(order) > 1 and len(order) <= MAX_IDS}


def _reason(mutator: str | None) -> str | None:
    if mutator is None:
        return None
    return "limit" if mutator in ("add", "add_sync", "_evict_from_l1") else mutator.strip("_")


def tracked(memory: Any, layout: Layout) -> Tracked | None:
    with _lock:
        known = _memories.get(memory)
        if known is None:
            known = Tracked(memory, layout)
            if not _memories.set(memory, known):
                return None
        return known


def _wrap(original: Any, mutator: str, layout: Layout) -> Any:
    """The method, with a look before it, at its suspensions and after it."""

    def looking(self: Any, arguments: tuple[Any, ...]) -> tuple[Callable[[], None], Tracked] | None:
        if not _wire.is_on():
            return None
        with swallowed("looking at a memory"):
            memory = tracked(self, layout)
            if memory is not None:
                touched = layout.touched(mutator, arguments)
                # What happened since the last look is none of this call's doing.
                memory.look(None, touched)
                return functools.partial(memory.look, mutator, touched), memory
        return None

    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def asynchronous(self: Any, *args: Any, **kwargs: Any) -> Any:
            started = looking(self, args)
            if started is None:
                return await original(self, *args, **kwargs)
            look, memory = started
            result = await Stepping(original(self, *args, **kwargs), look)
            if isinstance(layout, Metabolic):
                memory.look_at_state()
            return result

        return asynchronous

    @functools.wraps(original)
    def synchronous(self: Any, *args: Any, **kwargs: Any) -> Any:
        started = looking(self, args)
        if started is None:
            return original(self, *args, **kwargs)
        try:
            return original(self, *args, **kwargs)
        finally:
            started[0]()

    return synchronous


#: Where the memories are, in all releases.
CLASSES: dict[str, tuple[str, type[Layout]]] = {
    "loom.memory.hierarchical": ("HierarchicalMemory", Hierarchical),
    "loom.builtin.memory.metabolic": ("MetabolicMemory", Metabolic),
    "loom.memory.core": ("LoomMemory", Loom),
}


def patch_project_state(module: Any, patches: Patches) -> None:
    """Look at a project state object after each update, whoever asked for it."""
    base = getattr(module, "SimplePSO", None)
    if not isinstance(base, type):
        return

    def wrap(cls: type) -> None:
        original: Any = vars(cls).get("update")
        if not inspect.iscoroutinefunction(original):
            return

        @functools.wraps(original)
        async def update(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return await original(self, *args, **kwargs)
            finally:
                for memory in _memories.values():
                    if memory.holds_state(self):
                        memory.look_at_state()

        patches.set(cls, "update", update)

    _wire.each_class(base, wrap, patches)


def patch(module: Any, patches: Patches) -> None:
    """Wrap the mutators of the module's memory, and of its subclasses, present and future."""
    name, make_layout = CLASSES[module.__name__]
    base = getattr(module, name, None)
    if isinstance(base, type):
        layout = make_layout()

        def wrap(cls: type) -> None:
            for mutator in layout.mutators:
                original = vars(cls).get(mutator)
                if inspect.isfunction(original):
                    patches.set(cls, mutator, _wrap(original, mutator, layout))

        _wire.each_class(base, wrap, patches)


def reset() -> None:
    """Forget all memories."""
    with _lock:
        _memories.clear()
        _reporters.clear()


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    # The child is a session of its own, to which everything is new.
    reset()


in_child(_after_fork)
