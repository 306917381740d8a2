"""What the wheel's `.pth` file does to a Python that starts: nothing, unless it is asked to."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import pytest

from watching import python

STATE = "import json, sys; print(json.dumps([sorted(name for name in sys.modules if name.startswith('loom')), [type(one).__name__ for one in sys.meta_path]]))"
INSTALLED = "from loom_studio._install import is_installed; print(is_installed())"


def started(*flags: str, code: str = STATE, **settings: str) -> str:
    done = python(*flags, "-W", "ignore", "-c", code, **settings)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().strip()


def test_the_file_came_with_the_package() -> None:
    [hook] = [file for file in importlib.metadata.files("loom-studio") or [] if file.name == "loom_studio_hook.pth"]
    where = Path(str(hook.locate()))
    assert where.parent == Path(str(hook.locate())).parents[0]
    assert str(where.parent.resolve()) in [str(Path(directory).resolve()) for directory in sys.path if directory]
    assert len(where.read_text().splitlines()) == 1


@pytest.mark.parametrize("said", [None, "", "false", "0", "maybe"])
def test_nothing_happens_unasked(said: str | None) -> None:
    modules, finders = json.loads(started(**({} if said is None else {"LOOM_STUDIO_ENABLED": said})))
    assert modules == []
    assert "_OnLoom" not in finders


@pytest.mark.parametrize("said", ["true", "True", " true "])
def test_asked_it_waits_for_loom(said: str) -> None:
    modules, finders = json.loads(started(LOOM_STUDIO_ENABLED=said))
    assert modules == ["loom_studio", "loom_studio._hook"]
    assert finders[0] == "_OnLoom"


def test_the_first_import_of_loom_installs() -> None:
    assert started(code=f"import loom.kernel; {INSTALLED}", LOOM_STUDIO_ENABLED="true") == "True"
    _, finders = json.loads(started(code=f"import loom; {STATE}", LOOM_STUDIO_ENABLED="true"))
    assert finders[0] == "AfterImport"
    assert "_OnLoom" not in finders


def test_isolated_interpreters_have_it_and_those_without_site_do_not() -> None:
    assert json.loads(started("-I", LOOM_STUDIO_ENABLED="true"))[1][0] == "_OnLoom"
    assert json.loads(started("-E", LOOM_STUDIO_ENABLED="true"))[1][0] == "_OnLoom"
    assert json.loads(started("-S", LOOM_STUDIO_ENABLED="true"))[0] == []


def test_processes_of_the_program_have_it_too(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"""\
import multiprocessing, subprocess, sys

def child():
    import loom
    {INSTALLED}

if __name__ == "__main__":
    subprocess.run([sys.executable, "-W", "ignore", "-c", "import loom; {INSTALLED}"], check=True)
    process = multiprocessing.get_context("spawn").Process(target=child)
    process.start()
    process.join()
    print(process.exitcode)
"""
    )
    done = python("-W", "ignore", program, LOOM_STUDIO_ENABLED="true")
    assert done.stdout.decode().split() == ["True", "True", "0"], done.stderr.decode()


def test_a_broken_package_does_not_break_python(tmp_path: Path) -> None:
    (tmp_path / "loom_studio").mkdir()
    (tmp_path / "loom_studio" / "__init__.py").write_text("raise RuntimeError('broken')\n")
    assert started(code="print('fine')", LOOM_STUDIO_ENABLED="true", PYTHONPATH=str(tmp_path)) == "fine"


def test_what_fails_while_installing_does_not_reach_the_import(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['loom_studio._install'] = None\n")
    assert started(code="import loom; print('fine')", LOOM_STUDIO_ENABLED="true", PYTHONPATH=str(tmp_path)) == "fine"


def test_another_package_of_that_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "loom").mkdir()
    (tmp_path / "loom" / "__init__.py").write_text("woven = True\n")
    (tmp_path / "loom" / "kernel").mkdir()
    (tmp_path / "loom" / "kernel" / "__init__.py").write_text("")
    (tmp_path / "loom" / "kernel" / "dispatcher.py").write_text("Dispatcher = None\n")
    code = "import loom.kernel.dispatcher; print(loom.woven, loom.kernel.dispatcher.Dispatcher)"
    assert started(code=code, LOOM_STUDIO_ENABLED="true", PYTHONPATH=str(tmp_path)) == "True None"
