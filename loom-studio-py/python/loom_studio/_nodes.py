"""The program's nodes: who holds a memory or a provider, and whose turn it is."""

from __future__ import annotations

import functools
import threading
import weakref
from typing import Any

from loom_studio._context import handler
from loom_studio._forks import in_child
from loom_studio._identity import IdentityMap
from loom_studio._log import swallowed
from loom_studio._modules import instances, is_new
from loom_studio._patches import Patches

# Weak and numbered, in the order in which they were seen.
_nodes: list[tuple[int, weakref.ref[Any]]] = []
_last = 0
_known: IdentityMap[bool] = IdentityMap()
# Reentrant, as all of this package: a signal handler or a finalizer of the program's may run while its thread is here.
_lock = threading.RLock()
# Dead references are dropped when the list has doubled since the last time.
_sweep_at = 64


def note(node: Any) -> None:
    """Remember a node, without keeping it alive."""
    global _last, _sweep_at
    with _lock:
        if _known.get(node) or not _known.set(node, True):
            return
        _last += 1
        _nodes.append((_last, weakref.ref(node)))
        if len(_nodes) >= _sweep_at:
            _nodes[:] = [(number, reference) for number, reference in _nodes if reference() is not None]
            _sweep_at = max(64, 2 * len(_nodes))


def last() -> int:
    """The number of the newest node."""
    return _last


def all_nodes() -> list[Any]:
    return _seen_after(0)


def _seen_after(number: int) -> list[Any]:
    """The nodes with a higher number, newest first; costs these alone."""
    found = []
    with _lock:
        for position in range(len(_nodes) - 1, -1, -1):
            own, reference = _nodes[position]
            if own <= number:
                break
            found.append(reference())
    return [node for node in found if node is not None]


def uri(node: Any) -> str | None:
    """The source of a node's own events."""
    address: object = getattr(node, "source_uri", None)
    if isinstance(address, str) and address:
        return address
    name: object = getattr(node, "node_id", None)
    return f"/node/{name}" if isinstance(name, str) and name else None


def attribute_of(node: Any, held: Any) -> str | None:
    """The name of the attribute by which a node holds an object."""
    for name, value in list(vars(node).items()):
        if value is held:
            return str(name)
    return None


def holders(held: Any, after: int = 0) -> list[tuple[weakref.ref[Any], str]]:
    """The nodes, of those numbered after `after`, that hold an object as an attribute, and its name. Costs a look at each attribute of each of them."""
    found = []
    for node in reversed(_seen_after(after)):
        name = attribute_of(node, held)
        if name is not None:
            found.append((weakref.ref(node), name))
    return found


def running_node() -> Any | None:
    """The node whose handler runs here, where the transport handed the event to a node's own method."""
    node = getattr(handler.get(), "__self__", None)
    return node if isinstance(getattr(node, "node_id", None), str) else None


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()


in_child(_after_fork)


def patch(module: Any, patches: Patches) -> None:
    """Notice each node that `loom.node.base` makes, and those that are there."""
    base = getattr(module, "Node", None)
    if not isinstance(base, type):
        return
    original: Any = vars(base)["__init__"]

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        with swallowed("noticing a node"):
            note(self)
        original(self, *args, **kwargs)

    patches.set(base, "__init__", __init__)
    if not is_new(module):
        for found in instances(base):
            note(found)
