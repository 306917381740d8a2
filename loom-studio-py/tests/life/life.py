"""Programs under watch, and what must be true of what arrived."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from studio import Json, Studio, environment, wait_until

PROGRAM = Path(__file__).with_name("program.py")
PROGRAM_SECONDS = 120.0


class Program:
    """A running program of `program.py`."""

    def __init__(self, directory: Path, url: str, name: str, *arguments: object, **environ: str) -> None:
        self.truth_file = directory / "truth"
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, name, url, self.truth_file, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**environ),
        )

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def line(self) -> str:
        """The next line that the program says; what it said instead of one is the error."""
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return line.strip()

    def word(self) -> None:
        """Let a program go on that waits for a word."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ends(self, code: int = 0) -> tuple[str, str]:
        """Wait for the end and return what was said on standard output and error."""
        stdout, stderr = self.process.communicate(timeout=PROGRAM_SECONDS)
        assert self.process.returncode == code, f"exit code {self.process.returncode}\n{stdout}\n{stderr}"
        return stdout, stderr

    def answer(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.line())
        return document

    def ids(self, mark: str) -> list[str]:
        """The events that the program was going to dispatch (`+`), or has dispatched (`=`)."""
        lines = self.truth_file.read_text().splitlines()
        return [line[1:] for line in lines if line[0] == mark]


def run(directory: Path, url: str, name: str, *arguments: object, code: int = 0) -> Program:
    """Run a program from its beginning to its end, which is a quiet one."""
    with Program(directory, url, name, *arguments) as program:
        stdout, stderr = program.ends(code)
    assert (stdout, stderr) == ("", "")
    return program


def arrived(studio: Studio) -> list[Json]:
    """The program's events, as they are in the store."""
    return studio.events(event_type="note")


def check_all(studio: Studio, program: Program) -> None:
    """Every event that was dispatched is there once, and known to be published; no other is."""
    expected = program.ids("=")
    assert expected and expected == sorted(set(expected), key=expected.index)
    found = arrived(studio)
    counts = Counter(event["id"] for event in found)
    missing, surplus = sorted(set(expected) - counts.keys()), sorted(counts.keys() - set(expected))
    assert not missing and not surplus, f"{len(missing)} missing, such as {missing[:5]}; {len(surplus)} surplus, such as {surplus[:5]}"
    assert set(counts.values()) == {1}
    unpublished = [event["id"] for event in found if "studiopublished" not in event]
    assert not unpublished, f"{len(unpublished)} not known to be published, such as {unpublished[:5]}"


def wait_for_events(studio: Studio, count: int) -> None:
    wait_until(lambda: studio.get("/api/events", limit=1)["total"] >= count, 60, f"{count} events are there")
