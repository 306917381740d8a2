"""The command `loom-studio` of the wheel is the server's binary, with one verb more."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from studio import binary, environment

SCRIPT = [str(Path(sys.executable).with_name("loom-studio"))]
MODULE = [sys.executable, "-m", "loom_studio"]

EVENT = '{"specversion":"1.0","id":"e-1","source":"/node/a","type":"note"}'


def run(*command: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], input=stdin, capture_output=True, text=True, timeout=60, env=environment(COLUMNS="100"))


@pytest.mark.parametrize("verb", [(), ("serve",), ("export",), ("runs",)])
def test_the_help_is_that_of_the_binary_and_lists_run(verb: tuple[str, ...]) -> None:
    ours, theirs = run(*SCRIPT, *verb, "--help"), run(binary(), *verb, "--help")
    assert (ours.returncode, ours.stderr) == (0, "")
    lines = ours.stdout.splitlines()
    if not verb:
        [added] = [line for line in lines if re.match(r"  run +Run a Python program", line)]
        lines.remove(added)
    assert lines == theirs.stdout.splitlines()


def test_versions_agree() -> None:
    assert run(*SCRIPT, "--version").stdout == run(*MODULE, "--version").stdout == run(binary(), "--version").stdout


@pytest.mark.parametrize("command", [SCRIPT, MODULE])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_server_in_good_order(command: list[str], end: signal.Signals, tmp_path: Path) -> None:
    arguments = ["serve", "--port", "0", "--data-dir", str(tmp_path)]
    server = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        assert server.stdout is not None
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", server.stdout.readline())
        server.send_signal(end)
        stdout, stderr = server.communicate(timeout=30)
    finally:
        server.kill()
    assert (server.returncode, stdout) == (0, "")
    assert "Traceback" not in stderr
    assert stderr.splitlines()[-1].endswith("stopped")


def test_ctrl_c_ends_a_verb_that_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        waiting = subprocess.Popen([*SCRIPT, "runs", "--server", address], stderr=subprocess.PIPE, text=True, env=environment())
        try:
            connection, _ = silent.accept()
            with connection:
                waiting.send_signal(signal.SIGINT)
                _, stderr = waiting.communicate(timeout=30)
        finally:
            waiting.kill()
    assert (waiting.returncode, stderr) == (-signal.SIGINT, "")


def test_exit_codes_are_those_of_the_binary(tmp_path: Path) -> None:
    for arguments, code in ((["--no-such-flag"], 2), (["stats", "--data-dir", f"{tmp_path}/none"], 1), (["--version"], 0)):
        ours, theirs = run(*SCRIPT, *arguments), run(binary(), *arguments)
        assert ours.returncode == theirs.returncode == code
        assert (ours.stdout, ours.stderr) == (theirs.stdout, theirs.stderr)


def test_every_verb_works_on_a_data_directory(tmp_path: Path) -> None:
    store, lines = tmp_path / "störe", tmp_path / "events.jsonl.zst"
    head = '{"format":"loom-studio.log","version":1}'
    record = f'{{"seq":1,"workspace":"default","session":"s1","received":"2026-01-02T03:04:05Z","time":"2026-01-02T03:04:05Z","event":{EVENT}}}'
    end = '{"end":{"events":1,"observations":0,"orphans":0,"deleted":0}}'
    imported = run(*SCRIPT, "import", "--data-dir", store, stdin=f"{head}\n{record}\n{end}\n")
    assert (imported.returncode, imported.stdout) == (0, "1 records stored, 0 were there already\n"), imported.stderr
    assert run(*SCRIPT, "export", "--data-dir", store, "-o", lines).returncode == 0
    assert run(binary(), "import", "--data-dir", tmp_path / "other", lines).stdout == imported.stdout
    assert re.search(r"^events +1$", run(*SCRIPT, "stats", "--data-dir", store).stdout, re.MULTILINE)
    assert "no problem found" in run(*SCRIPT, "verify", "--data-dir", store).stdout
    assert json.loads(run(*SCRIPT, "query", "type = note", "--json", "--data-dir", store).stdout)["id"] == "e-1"
    assert json.loads(run(*SCRIPT, "runs", "--json", "--data-dir", store).stdout)["runs"] == []
    assert run(*SCRIPT, "show", "1", "--data-dir", store).returncode == 1
