"""The project state object of a metabolic memory: what changed in it since it was last seen."""

from __future__ import annotations

import json
from typing import Any

from loom_studio import _wire

_SCALARS = (str, int, float, bool, type(None))


def _copy(value: Any) -> Any:
    """What is needed to tell later whether it changed: the list, if it holds nothing that can; else its text."""
    if isinstance(value, list) and all(isinstance(one, _SCALARS) for one in value):
        return list(value)
    if isinstance(value, _SCALARS):
        return value
    return _Text(json.dumps(value, default=repr))


class _Text(str):
    """JSON, which is no string of the program."""


class ProjectState:
    """A project state as it was last reported."""

    def __init__(self) -> None:
        self._reported: dict[str, Any] | None = None

    def change(self, project_state: Any) -> dict[str, Any] | None:
        """The data of a `pso.update`, or `None` if nothing changed or nothing can be read.

        Only the dictionary `state` of the object is read; to call its methods would run the program's code.
        """
        state = getattr(project_state, "__dict__", {}).get("state")
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            return None
        before = self._reported
        self._reported = {key: _copy(value) for key, value in state.items()}
        if not _wire.content_is_captured():
            return None if before == self._reported else _sizes(state)
        if before is None:
            return {"state": state}
        operations = _operations(before, self._reported, state)
        return {"patches": operations} if operations else None


def _sizes(state: dict[str, Any]) -> dict[str, Any]:
    """A state without its contents: how many elements each of its members has."""
    return {"state": {key: {"size": len(value)} if isinstance(value, (list, dict, str)) else {} for key, value in state.items()}}


def _operations(before: dict[str, Any], now: dict[str, Any], state: dict[str, Any]) -> list[dict[str, Any]]:
    """RFC 6902, with what was put at the end of a list alone."""
    operations: list[dict[str, Any]] = []
    for key, value in state.items():
        path = "/" + key.replace("~", "~0").replace("/", "~1")
        old, new = before.get(key), now[key]
        if key in before and type(old) is type(new) and old == new:
            continue
        if key in before and isinstance(old, list) and isinstance(new, list) and new[: len(old)] == old:
            operations += [{"op": "add", "path": f"{path}/-", "value": one} for one in new[len(old) :]]
        else:
            operations.append({"op": "add", "path": path, "value": value})
    return operations + [{"op": "remove", "path": "/" + key.replace("~", "~0").replace("/", "~1")} for key in before if key not in state]
