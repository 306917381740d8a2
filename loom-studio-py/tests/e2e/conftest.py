from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio import Studio


def run_studio(log: Path, *flags: str) -> Iterator[Studio]:
    """Start a server, and hold it to what it promises about its end: one line said, exit code 0."""
    studio = Studio(log, *flags)
    try:
        yield studio
    finally:
        code = studio.stop()
    assert code == 0, f"exit code {code}:\n{log.read_text()}"
    assert studio.lines == [f"{studio.url}/\n"]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A server of the test's own."""
    yield from run_studio(tmp_path / "studio.log")


@pytest.fixture(scope="module")
def shared_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One server for all tests of a module."""
    yield from run_studio(tmp_path_factory.mktemp("studio") / "studio.log")
