"""Programs on Loom that are watched while they live in all the ways processes live.

    python program.py NAME URL TRUTH [ARGUMENT …]

Each writes to the file TRUTH, line by line and at once, which event it is going to dispatch (`+ID`) and which it has dispatched
(`=ID`). So the file says what happened whatever happens to the process.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from loom.infra.store import InMemoryEventStore
from loom.kernel.bus import UniversalEventBus
from loom.kernel.dispatcher import Dispatcher
from loom.protocol.cloudevents import CloudEvent

import loom_studio

URL = ""
TRUTH = ""


class Forgetful(InMemoryEventStore):
    """Keeps nothing: the memory that a test measures is not the program's own."""

    async def append(self, event: CloudEvent) -> None:
        pass


def watched() -> Dispatcher:
    """A dispatcher with Studio's interceptor."""
    dispatcher = Dispatcher(UniversalEventBus(store=Forgetful()))
    dispatcher.add_interceptor(loom_studio.StudioInterceptor(URL, enabled=True))
    return dispatcher


def event(name: str, size: int = 10) -> CloudEvent:
    return CloudEvent(id=name, source="/node/life", type="note", subject="/node/other", data={"text": "x" * size})


class Truth:
    """Appends lines, each whole, from any process."""

    def __init__(self) -> None:
        self.file = os.open(TRUTH, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, line: str) -> None:
        os.write(self.file, f"{line}\n".encode())


async def dispatch(dispatcher: Dispatcher, label: str, count: int, pause: float | None = None) -> None:
    truth = Truth()
    for number in range(count):
        name = f"{label}-{number}"
        truth.write(f"+{name}")
        await dispatcher.dispatch(event(name))
        truth.write(f"={name}")
        if pause is not None:
            await asyncio.sleep(pause)
    os.close(truth.file)


def once(label: str, count: int) -> None:
    asyncio.run(dispatch(watched(), label, count))


def say(line: str) -> None:
    """Tell the test that something is so."""
    print(line, flush=True)


def wait_for_word() -> None:
    """Wait until the test says something."""
    assert sys.stdin.readline()


# How a program ends.


def ends(how: str, count: str) -> None:
    """Dispatches, and ends at once with all of it still on its way."""
    once("end", int(count))
    if how == "exit":
        sys.exit(3)
    if how == "raise":
        raise RuntimeError("the program's own error")
    if how == "thread":
        # The main thread is gone, the interpreter waits for this one.
        threading.Thread(target=once, args=("late", 5)).start()


def shutdown() -> None:
    """Dispatches in exit handlers and while the interpreter is taken down."""
    dispatcher = watched()

    [interceptor] = dispatcher.interceptors

    class Last:
        def __del__(self) -> None:
            # There is no loop any more, and the interceptor waits for nothing.
            try:
                interceptor.pre_invoke(event("finalizer")).send(None)
            except StopIteration:
                pass

    asyncio.run(dispatch(dispatcher, "main", 5))
    atexit.register(once, "atexit", 5)
    sys.modules["last"] = Last()  # type: ignore[assignment]


def hosts_its_server(store: str) -> None:
    """Reports to a server of its own, which was the last to begin and is still there at the end."""
    dispatcher = watched()
    loom_studio.serve(port=int(URL.rpartition(":")[2]), data_dir=store)
    asyncio.run(dispatch(dispatcher, "first", 1))
    assert loom_studio.flush(30)
    asyncio.run(dispatch(dispatcher, "end", 2000))


def sigterm() -> None:
    """Dispatches until it is killed."""

    async def endlessly() -> None:
        dispatcher = watched()
        await dispatch(dispatcher, "before", 50)
        say("ready")
        await dispatch(dispatcher, "during", 1_000_000, pause=0)

    # A shell starts what runs in its background with SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asyncio.run(endlessly())


def own_handler() -> None:
    """Has a handler of its own for SIGTERM, which ends the program as it likes."""

    def stop(number: int, frame: object) -> None:
        once("handler", 2)
        sys.exit(7)

    dispatcher = watched()
    signal.signal(signal.SIGTERM, stop)
    asyncio.run(dispatch(dispatcher, "before", 10))
    say("ready")
    while True:
        signal.pause()


# Processes.


def fork() -> None:
    """A child of a program that is already connected, and one of the child."""
    dispatcher = watched()
    asyncio.run(dispatch(dispatcher, "parent", 20))
    child = os.fork()
    if child == 0:
        asyncio.run(dispatch(dispatcher, "child", 20))
        grandchild = os.fork()
        if grandchild == 0:
            asyncio.run(dispatch(dispatcher, "grandchild", 20))
            sys.exit(0)
        reap(grandchild)
        asyncio.run(dispatch(dispatcher, "child-again", 20))
        sys.exit(0)
    asyncio.run(dispatch(dispatcher, "parent-again", 20))
    reap(child)


def silent_child() -> None:
    """A child that has nothing to say, and ends without Python's help."""
    dispatcher = watched()
    asyncio.run(dispatch(dispatcher, "parent", 5))
    child = os.fork()
    if child == 0:
        os._exit(0)
    reap(child)
    child = os.fork()
    if child == 0:
        asyncio.run(dispatch(dispatcher, "flushed", 5))
        os._exit(0 if loom_studio.flush(20) else 1)
    reap(child)


def fork_in_threads(forks: str) -> None:
    """Forks while other threads are in the middle of everything."""
    dispatchers = [watched() for _ in range(3)]
    stop = threading.Event()

    def work(number: int) -> None:
        turn = 0
        while not stop.is_set():
            asyncio.run(dispatch(dispatchers[number], f"thread-{number}-{turn}", 10))
            turn += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for number in range(int(forks)):
        child = os.fork()
        if child == 0:
            asyncio.run(dispatch(dispatchers[2], f"child-{number}", 3))
            assert loom_studio.flush(30)
            # The other threads are gone, and Python would wait for them.
            os._exit(0)
        reap(child)
    stop.set()
    for thread in threads:
        thread.join()


def reap(child: int) -> None:
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status


def job(number: int) -> int:
    once(f"job-{number}", 5)
    return number


def pool(method: str, is_connected: str) -> None:
    """Workers by `multiprocessing`, of a program that is already connected, or never is."""
    if is_connected == "True":
        once("main", 5)
    context: Any = multiprocessing.get_context(method)
    with context.Pool(3) as workers:
        assert sorted(workers.map(job, range(12), chunksize=1)) == list(range(12))
        workers.close()
        workers.join()
    processes = [context.Process(target=job, args=(number,)) for number in (100, 101)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


def prefork() -> None:
    """A master that forks workers, hands them jobs, and ends them by SIGTERM, as gunicorn does."""
    dispatcher = watched()
    asyncio.run(dispatch(dispatcher, "master", 5))
    jobs, finished = os.pipe(), os.pipe()
    workers = []
    for _ in range(3):
        worker = os.fork()
        if worker == 0:
            serve_jobs(dispatcher, jobs[0], finished[1])
        workers.append(worker)
    for number in range(30):
        os.write(jobs[1], bytes([number]))
    for _ in range(30):
        assert os.read(finished[0], 1)
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
    for worker in workers:
        _, status = os.waitpid(worker, 0)
        assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGTERM), status
    asyncio.run(dispatch(dispatcher, "master-again", 5))


def serve_jobs(dispatcher: Dispatcher, jobs: int, finished: int) -> None:
    stopping = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopping
        stopping = True
        sys.exit(0)

    # Every other worker leaves SIGTERM as it found it.
    if os.getpid() % 2:
        signal.signal(signal.SIGTERM, stop)
    while not stopping:
        number = os.read(jobs, 1)[0]
        asyncio.run(dispatch(dispatcher, f"job-{number}", 5))
        os.write(finished, b".")


# Loops and threads.


def threads(count: str) -> None:
    """Each with a loop and a dispatcher of its own."""
    running = [threading.Thread(target=once, args=(f"thread-{number}", 50)) for number in range(int(count))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def loops(kind: str) -> None:
    """One dispatcher in one loop after another."""
    if kind == "uvloop":
        import uvloop

        run: Callable[[Any], object] = uvloop.run
    else:
        run = asyncio.run
    dispatcher = watched()
    for number in range(3):
        run(dispatch(dispatcher, f"loop-{number}", 50))


# Servers.


def steady(count: str, pause: str) -> None:
    """Goes on whatever becomes of the server, and waits in the end until everything is delivered."""

    async def go_on() -> None:
        dispatcher = watched()
        await dispatch(dispatcher, "first", 50)
        say("ready")
        await dispatch(dispatcher, "steady", int(count), pause=float(pause))

    asyncio.run(go_on())
    delivered = loom_studio.flush(60)
    say(json.dumps({"flushed": delivered, **loom_studio.stats()}, default=str))


def two_halves() -> None:
    """Waits for a word in between."""
    dispatcher = watched()
    asyncio.run(dispatch(dispatcher, "first", 100))
    say("ready")
    wait_for_word()
    asyncio.run(dispatch(dispatcher, "second", 100))
    say(json.dumps({"flushed": loom_studio.flush(60)}))


def flood(count: str, size: str) -> None:
    """More than can be held, to a server that has stopped to read."""
    dispatcher = watched()
    asyncio.run(dispatch(dispatcher, "first", 1))
    assert loom_studio.flush(30)
    say("ready")
    wait_for_word()

    async def pour() -> None:
        for number in range(int(count)):
            await dispatcher.dispatch(event(f"flood-{number}", int(size)))

    before = peak_bytes()
    asyncio.run(pour())
    say(json.dumps({"grown": peak_bytes() - before, **loom_studio.stats()}, default=str))
    wait_for_word()
    say(json.dumps({"flushed": loom_studio.flush(60), **loom_studio.stats()}, default=str))


def peak_bytes() -> int:
    """The most memory that this process has had in use (Linux)."""
    with open("/proc/self/status") as status:
        [peak] = [line for line in status if line.startswith("VmHWM:")]
    return int(peak.split()[1]) * 1024


def talkative() -> None:
    """Says everything that a program can say."""
    logging.basicConfig(level=logging.DEBUG)
    dispatcher = watched() if URL != "off" else Dispatcher(UniversalEventBus(store=Forgetful()))
    print("on standard output")
    print("on standard error", file=sys.stderr)
    logging.getLogger("program").info("in the log")
    warnings.warn("the program's own warning", stacklevel=1)

    async def handler(event: CloudEvent) -> None:
        print("handling", event.id)
        if event.id.endswith("3"):
            raise ValueError("the program's own error")

    async def talk() -> None:
        await dispatcher.bus.subscribe("note/node/life", handler)
        await dispatch(dispatcher, "talk", 5)
        await asyncio.sleep(0.05)

    asyncio.run(talk(), debug=True)
    sys.stdout.write("no end of line")


def main(arguments: Sequence[str]) -> None:
    global URL, TRUTH
    name, URL, TRUTH, *rest = arguments
    globals()[name.replace("-", "_")](*rest)


if __name__ == "__main__":
    main(sys.argv[1:])
elif __name__ == "__mp_main__":
    # A worker that was spawned imports this file under another name.
    URL, TRUTH = sys.argv[2:4]
