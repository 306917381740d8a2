"""`loom-studio run`: a program as Python would run it, with Studio watching."""

from __future__ import annotations

import argparse
import os
import site
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_USAGE = "loom-studio run [--url URL] [--token TOKEN] [--no-content] (FILE | -m MODULE | -c CODE) [ARGUMENT ...]"


def _options(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our own options, which end where Python's begin, and the rest as it is."""
    own: list[str] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "-m", "-c"):
        word = rest.pop(0)
        if word == "--":
            break
        own.append(word)
        if word in ("--url", "--token") and rest:
            own.append(rest.pop(0))
    parser = argparse.ArgumentParser(prog="loom-studio run", usage=_USAGE, description=__doc__, allow_abbrev=False)
    parser.add_argument("--url", help="the server; else LOOM_STUDIO_URL, else ws://localhost:8765")
    parser.add_argument("--token", help="for a server that wants one; else LOOM_STUDIO_TOKEN")
    parser.add_argument("--no-content", action="store_true", help="send no messages, entries, arguments or other content")
    options = parser.parse_args(own)
    if not rest or (rest[0] in ("-m", "-c") and len(rest) < 2):
        parser.error("which program?")
    return options, rest


def _has_hook() -> bool:
    """Whether a new interpreter of this environment would run this package's `.pth` file."""
    try:
        directories = [*site.getsitepackages(), site.getusersitepackages()]
    except AttributeError:  # Some embedded interpreters have no such functions.
        return False
    return not sys.flags.no_site and any(Path(directory, "loom_studio_hook.pth").is_file() for directory in directories)


def main(arguments: Sequence[str]) -> int:
    """Run a program in a new interpreter, which takes this process's place where the system can do that.

    So all that Python does for a program is done by Python: `sys.argv`, `__main__`, `sys.path`, exit codes, tracebacks and signals. The new interpreter has the
    options that this one was started with. Returns only on Windows.
    """
    options, rest = _options(arguments)
    os.environ["LOOM_STUDIO_ENABLED"] = "true"
    if options.url is not None:
        os.environ["LOOM_STUDIO_URL"] = options.url
    if options.token is not None:
        os.environ["LOOM_STUDIO_TOKEN"] = options.token
    if options.no_content:
        os.environ["LOOM_STUDIO_CAPTURE_CONTENT"] = "false"
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    if not _has_hook():
        # Not installed as a wheel: nothing of ours runs when Python starts.
        print("loom-studio run: loom_studio_hook.pth isn't in site-packages; call loom_studio.install() in the program instead", file=sys.stderr)
        return 2
    command = [sys.executable, *flags, *rest]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        return subprocess.call(command)
    os.execv(sys.executable, command)
