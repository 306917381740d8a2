"""Runs the commands of README.md as they stand there, so that they keep working.

The server's command is started and asked whether it is ready; the example's commands report to it; then it is ended as a
service manager would. `cargo test` is a step of its own. A command that this file doesn't know is an error: nobody runs it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

SERVER = "cargo run --release -p loom-studio-server"
TEST = "cargo test"
EXAMPLE = [
    "python3 -m venv .venv",
    ".venv/bin/pip install -r examples/loom/requirements.txt",
    "LOOM_STUDIO_ENABLED=true .venv/bin/python examples/loom/support_desk.py",
]
STOP_SECONDS = 20


def commands(readme: Path) -> list[str]:
    """The lines of the fenced shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", readme.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]


def get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=10) as response:
        document: dict[str, object] = json.load(response)
        return document


def main() -> None:
    found = commands(Path("README.md"))
    expected = [SERVER, *EXAMPLE, TEST]
    if found != expected:
        sys.exit(f"README.md says\n  {found}\nbut this step runs\n  {expected}")

    print(f"$ {SERVER}", flush=True)
    # Cargo becomes the program it runs, so the signal below reaches the server.
    # An empty store: what the account's own holds would hide that nothing came.
    data = tempfile.TemporaryDirectory()
    environment = {**os.environ, "XDG_DATA_HOME": data.name}
    server = subprocess.Popen(shlex.split(SERVER), stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        print(url, flush=True)
        if not re.fullmatch(r"http://127\.0\.0\.1:8765/", url):
            sys.exit(f"expected the page's URL, got {url!r}")
        subprocess.run(["curl", "-fsS", f"{url}readyz"], check=True)
        print(flush=True)
        for command in EXAMPLE:
            print(f"$ {command}", flush=True)
            subprocess.run(["bash", "-c", command], check=True)
        total = get(f"{url}api/events")["total"]
        nodes = get(f"{url}api/topology")["nodes"]
        print(f"{total} events, {len(nodes)} nodes" if isinstance(nodes, list) else nodes, flush=True)
        if not (total and nodes):
            sys.exit("the example ran, but the server saw nothing")
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            code = server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            raise
        data.cleanup()
    if code != 0:
        sys.exit(f"the server ended with {code}")


if __name__ == "__main__":
    main()
