"""What becomes of events when processes end, fork, or have no server; each case is a program of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest

from studio import Studio, comes_true, environment

PRELUDE = """
import asyncio, os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore")
from released_loom import CloudEvent, Dispatcher, UniversalEventBus
from loom_studio import StudioInterceptor

ours = StudioInterceptor(sys.argv[1], enabled=True)

def send(*names):
    async def program():
        kernel = Dispatcher(UniversalEventBus())
        kernel.add_interceptor(ours)
        await kernel.bus.connect()
        for name in names:
            event = CloudEvent.create(source="/a", type="x", data={"n": name})
            event.id = name
            await kernel.dispatch(event)
    asyncio.run(program())
"""


def program(url: str, code: str) -> subprocess.Popen[bytes]:
    path = str(__file__).replace("capture/test_life.py", "e2e")
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(code), url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(PYTHONPATH=path),
    )


def run(url: str, code: str, status: int = 0) -> tuple[bytes, bytes]:
    process = program(url, code)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err.decode()
    return out, err


def events(studio: Studio) -> dict[str, Any]:
    lines = [json.loads(line) for line in studio.request("GET", "/api/export").body.decode().splitlines()]
    found = [line["event"] for line in lines if "event" in line]
    assert len({event["id"] for event in found}) == len(found)
    published = {line["observation"]["of"] for line in lines if line.get("observation", {}).get("phase") == "post"}
    return {event["id"]: event for event in found if event["id"] in published}


def test_a_program_that_just_ends(studio: Studio) -> None:
    assert run(studio.ws_url, 'send("a", "b"); send("c")') == (b"", b"")
    assert list(events(studio)) == ["a", "b", "c"]


@pytest.mark.parametrize("end", ["sys.exit(3)", "raise SystemExit(3)"])
def test_a_program_that_exits(studio: Studio, end: str) -> None:
    run(studio.ws_url, f'send("a"); {end}', status=3)
    assert list(events(studio)) == ["a"]


def test_a_program_that_fails(studio: Studio) -> None:
    out, err = run(studio.ws_url, 'send("a"); raise ValueError("mine")', status=1)
    assert out == b"" and err.rstrip().endswith(b"ValueError: mine")
    assert list(events(studio)) == ["a"]


def test_sigterm_delivers_and_kills(studio: Studio) -> None:
    run(studio.ws_url, 'send("a"); os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)', status=-15)
    assert list(events(studio)) == ["a"]


def test_sigterm_in_a_running_loop(studio: Studio) -> None:
    process = program(studio.ws_url, 'send("a"); print("ready", flush=True); asyncio.run(asyncio.sleep(30))')
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == -15
    assert list(events(studio)) == ["a"]


@pytest.mark.parametrize("before", [True, False])
def test_a_handler_of_the_programs_own_stays(studio: Studio, before: bool) -> None:
    setting = 'def mine(*a): print("mine", flush=True); sys.exit(7)\nsignal.signal(signal.SIGTERM, mine)\n'
    making = 'ours = StudioInterceptor(sys.argv[1], enabled=True)\n'
    steps = setting + making if before else making + setting
    code = 'import loom_studio; loom_studio.close(5); signal.signal(signal.SIGTERM, signal.SIG_DFL)\n' + steps
    code += 'send("a"); os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)'
    out, _ = run(studio.ws_url, code, status=7)
    assert out == b"mine\n"
    assert list(events(studio)) == ["a"]


def test_a_program_that_ignores_sigterm_goes_on_ignoring_it(studio: Studio) -> None:
    code = """
    import loom_studio
    loom_studio.close(5)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ours = StudioInterceptor(sys.argv[1], enabled=True)
    os.kill(os.getpid(), signal.SIGTERM)
    send("a")
    """
    run(studio.ws_url, code)
    assert list(events(studio)) == ["a"]


FORK = """
stop = threading.Event()
# Somebody is always at the queue, so the fork finds it in use now and then.
def busy():
    while not stop.is_set():
        ours._client.capture({"specversion": "1.0", "id": str(time.perf_counter_ns()), "source": "/busy", "type": "busy"})
        time.sleep(0.0001)
threads = [threading.Thread(target=busy) for _ in range(3)]
[thread.start() for thread in threads]
send("before")
children = []
for number in range(8):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            send(f"child-{number}")
            import loom_studio
            code = 0 if loom_studio.flush(20) else 2
        finally:
            os._exit(code)
    children.append(child)
    send(f"parent-{number}")
statuses = [os.waitpid(child, 0)[1] for child in children]
stop.set()
[thread.join() for thread in threads]
print(statuses)
"""


def test_forks_under_load(studio: Studio) -> None:
    out, err = run(studio.ws_url, FORK)
    assert (out, err) == (f"{[0] * 8}\n".encode(), b"")
    found = events(studio)
    assert set(found) == {"before", *(f"{who}-{number}" for who in ("child", "parent") for number in range(8))}
    parent = found["before"]["studiosession"]
    assert {found[f"parent-{number}"]["studiosession"] for number in range(8)} == {parent}
    sessions = {found[f"child-{number}"]["studiosession"] for number in range(8)}
    assert len(sessions) == 8 and parent not in sessions


def test_multiprocessing(studio: Studio) -> None:
    code = """
    import multiprocessing
    send("parent")
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=send, args=(f"child-{n}",)) for n in range(3)]
    [child.start() for child in children]
    [child.join() for child in children]
    print([child.exitcode for child in children])
    """
    # These end without `atexit`, and nobody calls flush.
    assert run(studio.ws_url, code) == (b"[0, 0, 0]\n", b"")
    assert set(events(studio)) == {"parent", "child-0", "child-1", "child-2"}


def test_without_a_server_nothing_is_said_and_little_is_waited() -> None:
    begin = time.monotonic()
    assert run("ws://127.0.0.1:9", 'send(*map(str, range(500))); print("done")') == (b"done\n", b"")
    assert time.monotonic() - begin < 30


def test_a_url_that_is_none_turns_it_off() -> None:
    assert run("nonsense://x y", 'send("a"); print(ours.enabled)') == (b"False\n", b"")


def test_output_is_that_of_the_program_alone(studio: Studio) -> None:
    code = """
    import logging
    logging.basicConfig(level=logging.WARNING)
    print("one"); sys.stderr.write("two\\n")
    send(*map(str, range(300)))
    sys.stdout.write("three")
    """
    assert run(studio.ws_url, code) == (b"one\nthree", b"two\n")
    assert len(events(studio)) == 300


def test_at_interpreter_shutdown(studio: Studio) -> None:
    code = """
    import atexit
    class Late:
        def __del__(self):
            ours._client.capture({"specversion": "1.0", "id": "late", "source": "/a", "type": "x"})
    keep = Late()
    # Runs before ours, which was registered earlier.
    atexit.register(lambda: send("in an exit handler"))
    threading.Thread(target=lambda: (time.sleep(0.3), send("in a thread"))).start()
    send("a")
    """
    assert run(studio.ws_url, code) == (b"", b"")
    assert set(events(studio)) == {"a", "in a thread", "in an exit handler"}


def test_a_stopped_server_costs_the_program_nothing(studio: Studio) -> None:
    """The server hangs: the program goes on, memory stays within its bounds, and what was kept arrives in the end."""
    code = """
    import resource, loom_studio
    send("first")
    assert loom_studio.flush(20)
    print("ready", flush=True)
    time.sleep(0.5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(60000):
        ours._client.capture({"specversion": "1.0", "id": f"e{number}", "source": "/a", "type": "x", "data": "y" * 600})
    stats = loom_studio.stats()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(stats["dropped_full"], stats["queued_events"], grown // 1024, flush=True)
    assert loom_studio.flush(60)
    """
    process = program(studio.ws_url, code)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    os.kill(studio.process.pid, signal.SIGSTOP)
    try:
        dropped, queued, grown = map(int, process.stdout.readline().split())
    finally:
        os.kill(studio.process.pid, signal.SIGCONT)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert queued <= 50_000 and dropped + queued >= 60_000 - 5_000 and dropped > 0
    assert grown < 150
    assert comes_true(lambda: studio.get("/api/sessions")["sessions"][0]["events"] == queued + 1, 20)
