"""Which tests an environment runs is told by the release of Loom in it, and said in the header of every run.

* `common`: any release
* `e2e`, `life`, `loom033`: loom-agent 0.3.3
* `loom038`: loom-agent 0.3.8 and what it imports without saying so (the dependency group `test-loom038`)

Naming a directory that this environment can't run is an error.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio import Studio, run_studio

TESTS = Path(__file__).parent
NEEDED = {"e2e": "0.3.3", "life": "0.3.3", "loom033": "0.3.3", "loom038": "0.3.8"}
PRESENT = importlib.metadata.version("loom-agent")


def pytest_report_header() -> str:
    directories = sorted(path.name for path in TESTS.iterdir() if path.is_dir() and path.name != "__pycache__" and list(path.glob("test_*.py")))
    left_out = [f"{name} (needs {NEEDED[name]})" for name in directories if NEEDED.get(name, PRESENT) != PRESENT]
    runs = [name for name in directories if NEEDED.get(name, PRESENT) == PRESENT]
    return f"loom-agent {PRESENT}: this environment is for tests/{{{','.join(runs)}}}" + (f", not for {', '.join(left_out)}" if left_out else "")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    needed = NEEDED.get(collection_path.name) if collection_path.parent == TESTS else None
    if needed in (None, PRESENT):
        return None
    named = {Path(argument.partition("::")[0]).resolve() for argument in config.invocation_params.args if not str(argument).startswith("-")}
    if any(path == collection_path or collection_path in path.parents for path in named):
        raise pytest.UsageError(f"{collection_path} needs loom-agent {needed}, and {PRESENT} is installed here")
    return True


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A server of the test's own."""
    yield from run_studio(tmp_path / "studio.log")


@pytest.fixture(scope="module")
def shared_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One server for all tests of a module."""
    yield from run_studio(tmp_path_factory.mktemp("studio") / "studio.log")
