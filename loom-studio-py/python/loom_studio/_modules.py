"""Doing something with a module as soon as it has been imported, whenever that is."""

from __future__ import annotations

import gc
import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from loom_studio._log import swallowed

OnModule = Callable[[ModuleType], None]


def is_new(module: ModuleType) -> bool:
    """Whether a module is just being imported, so that nothing was made of its classes yet."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def instances(base: type) -> list[Any]:
    """All objects of a class. Costs a look at each object of the process; none is asked for its class, which may run code of its own."""
    return [found for found in gc.get_objects() if base in type(found).__mro__]


class AfterImport(importlib.abc.MetaPathFinder):
    """A finder that finds what the other finders find, and calls back once the module has run.

    It costs other imports one look into a dictionary. What a callback raises is logged and never reaches the importing program.
    """

    def __init__(self, callbacks: Mapping[str, OnModule]) -> None:
        self._callbacks = callbacks

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        callback = self._callbacks.get(fullname)
        if callback is None:
            return None
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _CallingLoader(spec.loader, callback)
                return spec
        return None

    def install(self) -> None:
        """Be asked first from now on, and call back for the modules that are there already."""
        sys.meta_path.insert(0, self)
        for name, callback in self._callbacks.items():
            module = sys.modules.get(name)
            if module is None:
                continue
            with swallowed("instrumenting %s", name):
                # Another thread may be at it: then this waits until it is whole.
                if is_new(module):
                    module = importlib.import_module(name)
                callback(module)

    def uninstall(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)


class _CallingLoader(importlib.abc.Loader):
    """The loader of one module, which vanishes from it once it has run."""

    def __init__(self, loader: Any, callback: OnModule) -> None:
        self._loader = loader
        self._callback = callback

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        # Code that asks for its loader gets the true one.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        with swallowed("instrumenting %s", module.__name__):
            self._callback(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
