"""`loom-studio run` runs a program as Python would."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from studio import environment

RUN = [sys.executable, "-c", "import sys; from loom_studio._run import main; sys.exit(main(sys.argv[1:]))"]

PROGRAM = """\
import os, sys
print(__name__, __file__, __package__, __spec__ and __spec__.name, sys.argv, sys.path[0], sys.flags.dont_write_bytecode)
print(sorted(name for name in globals() if not name.startswith("__")), sys.modules["__main__"].__dict__ is globals())
print(sys.stdin.read())
print("said", file=sys.stderr)
"""


def both(arguments: list[str], cwd: Path, flags: tuple[str, ...] = (), **settings: str) -> list[tuple[int, bytes, bytes]]:
    """The exit code, and what was written, of the program under Python and under `run`."""
    return [
        (done.returncode, done.stdout, done.stderr)
        for command in ([sys.executable, *flags], [sys.executable, *flags, *RUN[1:]])
        for done in [subprocess.run([*command, *arguments], cwd=cwd, env=environment(**settings), input=b"given", capture_output=True, timeout=30)]
    ]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "__init__.py").write_text("")
    for name, text in (("program.py", PROGRAM), ("inner/part.py", PROGRAM), ("inner/__main__.py", PROGRAM)):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["program.py"],
        ["program.py", "one", "--url", "two", "-m", ""],
        ["inner/part.py", "--help"],
        ["-m", "inner.part", "-v", "one"],
        ["-m", "inner", "one"],
        ["inner"],
        ["-c", "import sys; print(sys.argv, __name__)", "one"],
    ],
)
@pytest.mark.parametrize("flags", [(), ("-B",)])
def test_a_program_sees_what_it_would_see(place: Path, arguments: list[str], flags: tuple[str, ...]) -> None:
    plain, watched = both(arguments, place, flags)
    assert watched == plain
    assert plain[0] == 0


@pytest.mark.parametrize(
    "code",
    ["import sys; sys.exit(3)", "raise SystemExit('no')", "1 / 0", "import os; os._exit(9)", "def broken(:", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"],
)
def test_a_program_ends_as_it_would(place: Path, code: str) -> None:
    (place / "ending.py").write_text(code)
    plain, watched = both(["ending.py"], place)
    assert watched == plain
    assert plain[0] != 0


def test_a_program_that_is_not_there_is_missed_as_python_does(place: Path) -> None:
    for arguments in (["absent.py"], ["-m", "absent"]):
        plain, watched = both(arguments, place)
        assert watched == plain


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_program_itself(place: Path, number: signal.Signals) -> None:
    (place / "waiting.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(30)\n")

    def heed_signals() -> None:
        # A shell's background jobs, and so their children, ignore this one.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        [*RUN, "waiting.py"], cwd=place, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_signals
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(number)
        assert process.wait(10) == -number


def test_the_program_is_watched(place: Path) -> None:
    (place / "asking.py").write_text(
        "import os, warnings\nwarnings.simplefilter('ignore')\nimport loom\nfrom loom_studio._install import is_installed\n"
        "print(is_installed(), *(os.environ.get('LOOM_STUDIO_' + name) for name in ('URL', 'TOKEN', 'CAPTURE_CONTENT')))\n"
    )
    done = subprocess.run(
        [*RUN, "--url", "ws://127.0.0.1:9", "--token=t", "--no-content", "asking.py"], cwd=place, env=environment(), capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "True ws://127.0.0.1:9 t false\n", done.stderr


@pytest.mark.parametrize("arguments", [[], ["-m"], ["--what", "program.py"], ["--url"]])
def test_a_command_without_a_program_is_refused(place: Path, arguments: list[str]) -> None:
    done = subprocess.run([*RUN, *arguments], cwd=place, env=environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "usage: loom-studio run" in done.stderr
