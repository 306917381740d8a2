"""Running unmodified Loom programs under observation, for the tests of all releases."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio import Json, Studio, environment, wait_until

PROGRAM_SECONDS = 60.0


@contextmanager
def server() -> Iterator[Studio]:
    with tempfile.TemporaryDirectory(prefix="loom-studio-") as directory:
        studio = Studio(Path(directory) / "studio.log")
        try:
            yield studio
        finally:
            studio.stop()


@dataclass
class Watched:
    """What a program did, by its own account and by Studio's."""

    studio: Studio
    truth: Json
    stdout: bytes
    stderr: bytes

    def events(self, kind: str) -> list[Json]:
        return self.studio.events(event_type=kind)

    def memory(self, node: str) -> Json:
        return self.studio.get(f"/api/memory/{node.lstrip('/')}", limit=1000)

    def tiers(self, node: str) -> dict[str, list[list[Any]]]:
        """Role and content of each entry of a node's memory, by the tier the program knows it in."""
        found: dict[str, list[list[Any]]] = {}
        for entry in self.memory(node)["memory"]:
            found.setdefault(entry["reported_tier"], []).append([entry["role"], entry["content"]])
        return found


def python(*command: object, **settings: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, *map(str, command)], env=environment(**settings), capture_output=True, timeout=PROGRAM_SECONDS)


def watch(studio: Studio, program: Path, **settings: str) -> Watched:
    """Run a program that was not told of Studio, and wait until what it did is known there.

    The program writes its account as JSON into the file that is its only argument.
    """
    with tempfile.TemporaryDirectory(prefix="loom-program-") as directory:
        truth = Path(directory) / "truth.json"
        done = python(program, truth, LOOM_STUDIO_ENABLED="true", LOOM_STUDIO_URL=studio.ws_url, **settings)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
        account: Json = json.loads(truth.read_text())
    wait_until(lambda: studio.get("/api/sessions")["sessions"], 10, "the process is known")
    return Watched(studio, account, done.stdout, done.stderr)
