"""One interceptor of Studio's in every `Dispatcher`, at its end, where an event is as it will be published."""

from __future__ import annotations

import functools
import threading
from typing import Any

from loom_studio import _wire
from loom_studio._forks import in_child
from loom_studio._identity import IdentityMap
from loom_studio._log import swallowed
from loom_studio._modules import instances, is_new
from loom_studio._patches import Patches

_added: IdentityMap[Any] = IdentityMap()
_lock = threading.RLock()


def _join(dispatcher: Any) -> None:
    """Add an interceptor, unless the dispatcher has one."""
    from loom_studio._interceptor import StudioInterceptor

    interceptors = dispatcher.interceptors
    if any(isinstance(one, StudioInterceptor) for one in interceptors):
        return
    ours = StudioInterceptor(enabled=True)
    interceptors.append(ours)
    _added.set(dispatcher, ours)


def _stay_last(dispatcher: Any) -> None:
    """After something was added: ours changes places with it, or makes room for one that the program itself has made.

    Putting the newcomer before ours moves no interceptor that a running dispatch has yet to call.
    """
    from loom_studio._interceptor import StudioInterceptor

    ours = _added.get(dispatcher)
    interceptors = dispatcher.interceptors
    if ours is None or len(interceptors) < 2 or interceptors[-2] is not ours:
        return
    newcomer = interceptors[-1]
    if isinstance(newcomer, StudioInterceptor):
        del interceptors[-2]
        _added.forget(dispatcher)
    else:
        interceptors[-2:] = [newcomer, ours]


def patch(module: Any, patches: Patches) -> None:
    """Join the dispatchers that there are, and those that will be made."""
    base = getattr(module, "Dispatcher", None)
    if not isinstance(base, type):
        return
    make: Any = base.__init__  # type: ignore[misc]
    add: Any = vars(base).get("add_interceptor")

    @functools.wraps(make)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        if _wire.is_on():
            with swallowed("joining a dispatcher"):
                _join(self)

    patches.set(base, "__init__", __init__)
    if add is not None:

        @functools.wraps(add)
        def add_interceptor(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = add(self, *args, **kwargs)
            if _wire.is_on():
                with swallowed("staying last"), _lock:
                    _stay_last(self)
            return result

        patches.set(base, "add_interceptor", add_interceptor)
    if not is_new(module):
        for found in instances(base):
            with swallowed("joining a dispatcher"):
                _join(found)


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()


in_child(_after_fork)


def leave() -> None:
    """Take out the interceptors that were added."""
    with _lock:
        for dispatcher, ours in _added.items():
            interceptors: list[Any] = getattr(dispatcher, "interceptors", [])
            for position, one in enumerate(interceptors):
                if one is ours:
                    del interceptors[position]
                    break
        _added.clear()
