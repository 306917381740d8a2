"""Turning on full visibility of an unmodified program, and off again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType

from loom_studio import _causality, _dispatchers, _llm, _memory, _nodes, _shipped, _streams, _wire
from loom_studio._forks import in_child
from loom_studio._log import swallowed
from loom_studio._modules import AfterImport, OnModule
from loom_studio._patches import Patches
from loom_studio._settings import give

_lock = threading.RLock()
_installed: tuple[AfterImport, Patches] | None = None
_was_wrapped = False

Patch = Callable[[ModuleType, Patches], None]


def _targets(patches: Patches) -> dict[str, OnModule]:
    """What to do with which module, by its name in any release from 0.3.1 to 0.3.9."""

    def each(*patch: Patch) -> OnModule:
        def call(module: ModuleType) -> None:
            for one in patch:
                with swallowed("instrumenting %s", module.__name__):
                    one(module, patches)

        return call

    targets = {
        "loom.kernel.dispatcher": each(_dispatchers.patch),
        "loom.kernel.core.dispatcher": each(_dispatchers.patch),
        "loom.kernel.bus": each(_streams.patch),
        "loom.kernel.core.bus": each(_streams.patch),
        "loom.kernel.interceptors.studio": each(_shipped.patch),
        "loom.kernel.control.studio": each(_shipped.patch),
        "loom.api.main": each(_shipped.patch_name),
        "loom.node.base": each(_nodes.patch),
        "loom.node.agent": each(_llm.patch_nodes),
        "loom.node.router": each(_llm.patch_nodes),
        "loom.interfaces.llm": each(_llm.patch),
        "loom.llm.interface": each(_llm.patch),
        "loom.builtin.memory.pso": each(_memory.patch_project_state),
    }
    targets.update((name, each(_memory.patch)) for name in _memory.CLASSES)
    targets.update((name, each(_llm.patch_service)) for name in _llm.SERVICES)
    return targets


def install(url: str | None = None, *, token: str | None = None, capture_content: bool | None = None) -> None:
    """Show this process's Loom program in Loom Studio, without a change to it.

    Works before and after `import loom`, in any thread, and once: another call changes nothing until `uninstall`. Every `Dispatcher` gets an interceptor, the
    one that Loom ships is replaced, and memories, models and publishes that bypass the dispatcher are reported; docs/instrumentation.md has the list. What is
    not given is taken from the environment: `LOOM_STUDIO_URL`, `LOOM_STUDIO_TOKEN`, `LOOM_STUDIO_CAPTURE_CONTENT`. Never raises, prints or waits; what goes
    wrong is told to the logger `loom_studio`.
    """
    global _installed, _was_wrapped
    with _lock:
        if _installed is not None:
            return
        _was_wrapped = _causality.is_wrapped()
        give(enabled=True, url=url, token=token, capture_content=capture_content)
        patches = Patches()
        finder = AfterImport(_targets(patches))
        _installed = finder, patches
        _wire.turn(True)
        finder.install()


def uninstall() -> None:
    """Put back all that `install` replaced, to the very objects. Events on their way are still sent. Safe to call at any time."""
    global _installed
    with _lock:
        if _installed is None:
            return
        finder, patches = _installed
        _installed = None
        _wire.turn(False)
        finder.uninstall()
        with swallowed("leaving dispatchers"):
            _dispatchers.leave()
        patches.restore()
        if not _was_wrapped:
            _causality.unwrap()
        _memory.reset()
        give()


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()


in_child(_after_fork)


def is_installed() -> bool:
    return _installed is not None
