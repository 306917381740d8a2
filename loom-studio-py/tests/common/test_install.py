"""Installing into a process and taking it all back, on whichever release of Loom is here."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest

import loom_studio
import recording
from loom_studio import _install, _modules
from loom_studio._patches import Patches

assert recording, "imports Loom"

# The modules that are instrumented, and can be imported without a server for Redis or NATS.
MODULES = [name for name in _install._targets(Patches()) if not name.endswith((".redis", ".nats"))]


def loaded() -> list[types.ModuleType]:
    found = []
    for name in MODULES:
        try:
            found.append(importlib.import_module(name))
        except ImportError:  # Of another release.
            continue
    return found


def attributes(modules: list[types.ModuleType]) -> dict[tuple[str, str], int]:
    """The identity of every attribute of the modules, and of the classes they define or refer to."""
    found: dict[tuple[str, str], int] = {}
    for module in modules:
        for name, value in vars(module).items():
            found[module.__name__, name] = id(value)
            if isinstance(value, type) and value.__module__.startswith("loom."):
                # The abstract classes keep caches of their own.
                members = {key: member for key, member in vars(value).items() if key not in ("_abc_impl", "__weakref__", "__dict__")}
                found.update({(f"{value.__module__}.{value.__qualname__}", key): id(member) for key, member in members.items()})
    return found


@pytest.fixture(autouse=True)
def uninstalled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LOOM_STUDIO_EXIT_TIMEOUT", "0")
    yield
    loom_studio.uninstall()
    loom_studio.close(0)


def install() -> None:
    # Nobody is there: what is sent waits.
    loom_studio.install("ws://127.0.0.1:9")


def make_dispatcher() -> Any:
    dispatchers, buses = ("loom.kernel.dispatcher", "loom.kernel.bus"), ("loom.kernel.core.dispatcher", "loom.kernel.core.bus")
    for dispatcher, bus in (dispatchers, buses):
        try:
            return importlib.import_module(dispatcher).Dispatcher(importlib.import_module(bus).UniversalEventBus())
        except ImportError:
            continue
    raise AssertionError("no dispatcher")


def ours_in(dispatcher: Any) -> list[Any]:
    return [one for one in dispatcher.interceptors if isinstance(one, loom_studio.StudioInterceptor)]


def test_uninstalling_puts_back_every_attribute() -> None:
    modules = loaded()
    make_dispatcher()
    before, finders = attributes(modules), list(sys.meta_path)
    install()
    make_dispatcher()
    during = attributes(modules)
    changed = {where for where in before if before[where] != during.get(where)}
    assert len(changed) > 10
    loom_studio.uninstall()
    assert attributes(modules) == before
    assert sys.meta_path == finders


def test_installing_again_changes_nothing() -> None:
    modules = loaded()
    install()
    make_dispatcher()
    once, finders = attributes(modules), list(sys.meta_path)
    install()
    assert attributes(modules) == once
    assert sys.meta_path == finders


def test_threads_that_install_at_once_install_once() -> None:
    modules = loaded()
    before = attributes(modules)
    barrier = threading.Barrier(8)

    def at_once() -> None:
        barrier.wait()
        install()

    threads = [threading.Thread(target=at_once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(finder, _modules.AfterImport) for finder in sys.meta_path) == 1
    loom_studio.uninstall()
    assert attributes(modules) == before


def test_dispatchers_made_before_and_after_have_one_of_ours_and_lose_it() -> None:
    earlier = make_dispatcher()
    install()
    later = make_dispatcher()
    assert [len(ours_in(dispatcher)) for dispatcher in (earlier, later)] == [1, 1]
    loom_studio.uninstall()
    assert [len(ours_in(dispatcher)) for dispatcher in (earlier, later)] == [0, 0]
    assert ours_in(make_dispatcher()) == []


def test_ours_stays_behind_those_of_the_program() -> None:
    class Other:
        async def pre_invoke(self, event: Any) -> Any:
            return event

        async def post_invoke(self, event: Any) -> None:
            return None

    install()
    dispatcher = make_dispatcher()
    first, second = Other(), Other()
    dispatcher.add_interceptor(first)
    dispatcher.add_interceptor(second)
    assert dispatcher.interceptors[:2] == [first, second]
    assert len(ours_in(dispatcher)) == 1
    own = loom_studio.StudioInterceptor("ws://127.0.0.1:9", enabled=True)
    dispatcher.add_interceptor(own)
    assert dispatcher.interceptors == [first, second, own]


def test_the_shipped_interceptor_does_nothing_wherever_it_was_taken_from(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("loom.kernel.interceptors.studio", "loom.kernel.control.studio"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        shipped = module.StudioInterceptor
        install()
        assert module.StudioInterceptor is loom_studio.StudioInterceptor

        async def use() -> Any:
            made = shipped("ws://127.0.0.1:9", enabled=True)
            event = types.SimpleNamespace(id="1")
            await made.pre_invoke(event)
            await made.post_invoke(event)
            await asyncio.sleep(0)
            return made

        assert asyncio.run(use()).enabled is False
        loom_studio.uninstall()
        assert module.StudioInterceptor is shipped
    assert capsys.readouterr() == ("", "")


def test_a_module_that_is_imported_later_keeps_its_loader(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "later_module.py").write_text("made = 1\nloader = __loader__\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[types.ModuleType] = []
    finder = _modules.AfterImport({"later_module": seen.append})
    finder.install()
    try:
        module = importlib.import_module("later_module")
    finally:
        finder.uninstall()
        del sys.modules["later_module"]
    assert seen == [module]
    assert module.__spec__ is not None
    assert type(module.__loader__).__name__ == type(module.__spec__.loader).__name__ == type(module.loader).__name__ == "SourceFileLoader"


def test_what_a_callback_raises_does_not_reach_the_import(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd_module.py").write_text("made = 1\n")
    monkeypatch.syspath_prepend(tmp_path)

    def fail(module: types.ModuleType) -> None:
        raise RuntimeError("not like this")

    finder = _modules.AfterImport({"odd_module": fail})
    finder.install()
    try:
        assert importlib.import_module("odd_module").made == 1
    finally:
        finder.uninstall()
        del sys.modules["odd_module"]
