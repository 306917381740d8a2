"""The built server as a test sees it: a process and its HTTP API."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[3]
START_SECONDS = 20.0
STOP_SECONDS = 20.0

Json = dict[str, Any]


def binary() -> Path:
    """The server to test: `LOOM_STUDIO_BIN`, else the release build."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    path = Path(os.environ.get("LOOM_STUDIO_BIN", target / "release" / "loom-studio"))
    assert path.is_file(), f"{path} isn't there: run `cargo build --release -p loom-studio-server`, or set LOOM_STUDIO_BIN"
    return path


def environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of Loom Studio that would reach a child."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOOM_STUDIO_")}
    return kept | more


# An interpreter that reads no `.pth` files: as if this package weren't installed, so that Loom's own interceptor is at work.
UNWATCHED = [sys.executable, "-S"]


def unwatched(**more: str) -> dict[str, str]:
    """The environment for `UNWATCHED`, which still finds what is installed."""
    return environment(PYTHONPATH=sysconfig.get_path("purelib"), **more)


@dataclass
class Answer:
    """What came back over HTTP, whatever its status."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Json:
        document: Json = json.loads(self.body)
        return document


class Studio:
    """A running server, with an empty store in memory and on a port of its own unless the flags say otherwise."""

    def __init__(self, log: Path, *flags: str) -> None:
        self.log = log
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [binary(), *flags, *([] if "--port" in flags else ["--port", "0"]), *([] if "--data-dir" in flags else ["--memory"])],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=environment(),
            )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read_stdout, daemon=True)
        self._reader.start()
        wait_until(lambda: self.lines or self.process.poll() is not None, START_SECONDS, "the server prints its URL")
        assert self.lines, f"the server ended with {self.process.returncode}:\n{log.read_text()}"
        match = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/\n", self.lines[0])
        assert match, f"not one URL: {self.lines[0]!r}"
        self.url = match[1]
        self.ws_url = self.url.replace("http://", "ws://")

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                self.lines.append(line)

    def stop(self) -> int:
        """Ask the server to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self._reader.join(STOP_SECONDS)
        return code

    def kill(self) -> None:
        """End the server as a power cut would."""
        self.process.kill()
        self.process.wait()
        self._reader.join(STOP_SECONDS)

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        request = urllib.request.Request(self.url + path, data=body, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def get(self, path: str, **query: object) -> Json:
        answer = self.try_get(path, **query)
        assert answer.status == 200, f"{path} {query}: {answer.status} {answer.body!r}"
        return answer.json()

    def try_get(self, path: str, **query: object) -> Answer:
        return self.request("GET", f"{path}?{urllib.parse.urlencode(query)}" if query else path)

    def pages(self, limit: int, **query: object) -> Iterator[Json]:
        """Follow the cursors from the first page to the last."""
        page = self.get("/api/events", limit=limit, **query)
        yield page
        while page["next_cursor"] is not None:
            page = self.get("/api/events", limit=limit, cursor=page["next_cursor"], **query)
            yield page

    def events(self, **query: object) -> list[Json]:
        """Every event that matches, in the query's order."""
        return [event for page in self.pages(1000, **query) for event in page["events"]]


def run_studio(log: Path, *flags: str) -> Iterator[Studio]:
    """Start a server, and hold it to what it promises about its end: one line said, exit code 0."""
    studio = Studio(log, *flags)
    try:
        yield studio
    finally:
        code = studio.stop()
    assert code == 0, f"exit code {code}:\n{log.read_text()}"
    assert studio.lines == [f"{studio.url}/\n"]


def wait_until(is_so: Callable[[], object], seconds: float, what: str) -> None:
    """Fail if it isn't so in time."""
    assert comes_true(is_so, seconds), f"waited {seconds:g} s in vain until {what}"


def comes_true(is_so: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
