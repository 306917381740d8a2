from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from loom_studio._native import Sender
from studio import Studio

# Nobody listens on the discard port: what is captured stays queued.
NOWHERE = "ws://127.0.0.1:9"


@pytest.fixture(scope="module")
def sender() -> Iterator[Sender]:
    """A sender without a server."""
    sender = Sender(NOWHERE, session="test")
    yield sender
    sender.close(0)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A server of the test's own."""
    studio = Studio(tmp_path / "studio.log")
    yield studio
    assert studio.stop() == 0
