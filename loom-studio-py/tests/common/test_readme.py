"""The examples of the package's page run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from studio import environment

README = Path(__file__).parents[2] / "README.md"

# What the examples find: a failed run, and a memory.
FIXTURE = """
import json, urllib.request
_told = [
    {"id": "r1", "type": "node.request", "source": "/user/sdk", "subject": "/node/agent/a", "time": "2026-01-02T03:04:05Z"},
    {"id": "a1", "type": "node.error", "source": "/node/agent/a", "subject": "/user/sdk", "time": "2026-01-02T03:04:06Z", "data": {"request_id": "r1", "error": "boom"}},
    {"id": "m1", "type": "memory.add", "source": "/node/agent/a", "time": "2026-01-02T03:04:07Z", "data": {"entry_id": "e1", "tier": "L3", "role": "user", "content": "remembered"}},
]
urllib.request.urlopen(urllib.request.Request(
    server.url + "events", data=json.dumps([{"specversion": "1.0", **event} for event in _told]).encode(),
    headers={"Content-Type": "application/cloudevents-batch+json"}, method="POST")).close()
"""


def test_the_examples_run(tmp_path: Path) -> None:
    first, *others = re.findall(r"^```python\n(.*?)^```$", README.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert len(others) == 2
    program = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join([first, FIXTURE, *others])], cwd=tmp_path, capture_output=True, text=True, timeout=60, env=environment()
    )
    assert (program.returncode, program.stderr) == (0, "")
    for said in ("2026-01-02T03:04:06Z /node/agent/a {'request_id': 'r1', 'error': 'boom'}", " /node/agent/a error 1000 ms", "went wrong first: ", "remembered", "not_found "):
        assert said in program.stdout, program.stdout
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 4
