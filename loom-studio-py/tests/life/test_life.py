"""However a process lives and ends: what it dispatched is there, once, and the program runs as it would alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import loom_studio
import pytest

from life import Program, arrived, check_all, run, wait_for_events
from studio import Studio


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


@pytest.mark.parametrize("how", ["return", "exit", "raise", "thread"])
@pytest.mark.parametrize("count", [1, 7, 5000])
def test_what_is_on_its_way_at_the_end_is_delivered(studio: Studio, tmp_path: Path, how: str, count: int) -> None:
    with Program(tmp_path, studio.ws_url, "ends", how, count) as program:
        stdout, stderr = program.ends({"exit": 3, "raise": 1}.get(how, 0))
    assert stdout == ""
    assert stderr.endswith("RuntimeError: the program's own error\n") if how == "raise" else stderr == ""
    check_all(studio, program)


def test_exit_handlers_are_watched_and_finalizers_do_no_harm(studio: Studio, tmp_path: Path) -> None:
    check_all(studio, run(tmp_path, studio.ws_url, "shutdown"))


def test_a_program_delivers_to_the_server_that_it_hosts_itself(tmp_path: Path) -> None:
    program = run(tmp_path, f"ws://127.0.0.1:{free_port()}", "hosts_its_server", tmp_path / "store")
    with loom_studio.Studio(tmp_path / "store") as studio:
        assert [event["id"] for event in studio.events(event_type="note")] == program.ids("=")


def test_sigterm_ends_the_program_by_that_signal_once_all_is_delivered(studio: Studio, tmp_path: Path) -> None:
    with Program(tmp_path, studio.ws_url, "sigterm") as program:
        assert program.line() == "ready"
        wait_for_events(studio, 100)
        program.process.send_signal(signal.SIGTERM)
        assert program.ends(-signal.SIGTERM) == ("", "")
    found = {event["id"] for event in arrived(studio)}
    # It was stopped anywhere: the last event may or may not have been taken.
    assert set(program.ids("=")) <= found <= set(program.ids("+"))
    assert len(found) >= 100


def test_a_programs_own_handler_for_sigterm_stays_its_own(studio: Studio, tmp_path: Path) -> None:
    with Program(tmp_path, studio.ws_url, "own_handler") as program:
        assert program.line() == "ready"
        program.process.send_signal(signal.SIGTERM)
        assert program.ends(7) == ("", "")
    check_all(studio, program)
    assert "handler-1" in program.ids("=")


def test_sigint_is_a_keyboard_interrupt_as_ever(studio: Studio, tmp_path: Path) -> None:
    with Program(tmp_path, studio.ws_url, "sigterm") as program:
        assert program.line() == "ready"
        wait_for_events(studio, 100)
        program.process.send_signal(signal.SIGINT)
        try:
            program.process.wait(5)
        except subprocess.TimeoutExpired:
            # asyncio's answer to the first one is a cancellation, which `wait_for` of Python 3.11 may lose; to the second it is the exception itself.
            program.process.send_signal(signal.SIGINT)
        stdout, stderr = program.process.communicate(timeout=60)
    assert stdout == "" and stderr.endswith("KeyboardInterrupt\n")
    assert set(program.ids("=")) <= {event["id"] for event in arrived(studio)} <= set(program.ids("+"))


def sessions(studio: Studio) -> int:
    return len(studio.get("/api/sessions")["sessions"])


def test_children_report_for_themselves(studio: Studio, tmp_path: Path) -> None:
    check_all(studio, run(tmp_path, studio.ws_url, "fork"))
    assert sessions(studio) == 3


def test_a_child_that_says_nothing_leaves_no_trace(studio: Studio, tmp_path: Path) -> None:
    check_all(studio, run(tmp_path, studio.ws_url, "silent_child"))
    assert sessions(studio) == 2


def test_forks_in_the_middle_of_everything(studio: Studio, tmp_path: Path) -> None:
    check_all(studio, run(tmp_path, studio.ws_url, "fork_in_threads", 25))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "fresh"])
def test_workers_of_multiprocessing(studio: Studio, tmp_path: Path, method: str, is_connected: bool) -> None:
    program = run(tmp_path, studio.ws_url, "pool", method, is_connected)
    check_all(studio, program)
    assert len(program.ids("=")) == 5 * is_connected + 14 * 5


def test_workers_that_a_master_forks_and_ends(studio: Studio, tmp_path: Path) -> None:
    program = run(tmp_path, studio.ws_url, "prefork")
    check_all(studio, program)
    assert len(program.ids("=")) == 10 + 30 * 5


def test_threads_with_loops_of_their_own(studio: Studio, tmp_path: Path) -> None:
    check_all(studio, run(tmp_path, studio.ws_url, "threads", 8))
    assert sessions(studio) == 1


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_one_loop_after_another(studio: Studio, tmp_path: Path, kind: str) -> None:
    check_all(studio, run(tmp_path, studio.ws_url, "loops", kind))


def test_a_server_that_comes_later_gets_everything(tmp_path: Path) -> None:
    port = free_port()
    with Program(tmp_path, f"ws://127.0.0.1:{port}", "two_halves") as program:
        assert program.line() == "ready"
        studio = Studio(tmp_path / "studio.log", "--port", str(port))
        try:
            program.word()
            assert program.answer() == {"flushed": True}
            assert program.ends() == ("", "")
            check_all(studio, program)
        finally:
            studio.kill()


def test_without_a_server_the_program_is_none_the_worse(tmp_path: Path) -> None:
    program = run(tmp_path, f"ws://127.0.0.1:{free_port()}", "ends", "return", 5000)
    assert len(program.ids("=")) == 5000


@pytest.mark.parametrize("is_there", [True, False], ids=["server", "no server"])
def test_what_a_program_says_is_the_same_byte_for_byte(studio: Studio, tmp_path: Path, is_there: bool) -> None:
    said: list[tuple[str, str]] = []
    for url in ("off", studio.ws_url if is_there else f"ws://127.0.0.1:{free_port()}"):
        directory = tmp_path / str(len(said))
        directory.mkdir()
        # Python's development mode speaks of every resource and coroutine that somebody forgot.
        with Program(directory, url, "talkative", PYTHONDEVMODE="1", PYTHONHASHSEED="0") as program:
            said.append(program.ends())
    assert said[0] == said[1]
    assert "handling talk-4" in said[0][0] and "the program's own warning" in said[0][1]
    assert len(arrived(studio)) == (5 if is_there else 0)


def test_a_server_that_is_killed_and_comes_back_has_everything_once(tmp_path: Path) -> None:
    port, store = free_port(), tmp_path / "store"
    flags = ("--port", str(port), "--data-dir", str(store))
    studio = Studio(tmp_path / "studio-0.log", *flags)
    try:
        with Program(tmp_path, studio.ws_url, "steady", 6000, 0.0003) as program:
            assert program.line() == "ready"
            for number in range(1, 5):
                wait_for_events(studio, 900 * number)
                studio.kill()
                studio = Studio(tmp_path / f"studio-{number}.log", *flags)
            end = program.answer()
            assert program.ends() == ("", "")
        assert end["flushed"] is True
        assert (end["dropped_full"], end["dropped_closed"], end["rejected"]) == (0, 0, 0)
        assert end["reconnects"] >= 4
        check_all(studio, program)
        assert len(program.ids("=")) == 6050
    finally:
        studio.kill()


def test_a_server_that_stops_reading_costs_bounded_memory_and_no_time(studio: Studio, tmp_path: Path) -> None:
    with Program(tmp_path, studio.ws_url, "flood", 100_000, 600) as program:
        assert program.line() == "ready"
        os.kill(studio.process.pid, signal.SIGSTOP)
        try:
            program.word()
            # That it answers at all while the server stands still says that it waited for nothing.
            full = program.answer()
        finally:
            os.kill(studio.process.pid, signal.SIGCONT)
        # Held are at most 50,000 entries and 64 MiB of text, and what the kernel takes of them beside.
        assert full["queued_events"] + full["queued_observations"] <= 50_000
        assert full["queued_bytes"] <= 64 << 20
        assert full["grown"] < (64 << 20) * 2.5
        assert full["dropped_full"] > 0
        # Every event was accepted, and its observation accepted or dropped, or it was dropped whole.
        assert full["accepted_observations"] + full["dropped_full"] == 100_001
        program.word()
        end = program.answer()
        assert end["flushed"] is True
        assert program.ends() == ("", "")
    assert (end["accepted_events"], end["dropped_full"]) == (full["accepted_events"], full["dropped_full"])
    assert end["acknowledged_events"] == end["accepted_events"]
    # What was accepted is the beginning, without a hole, and each event of it is there once.
    found = [event["id"] for event in arrived(studio)]
    assert found == ["first-0", *(f"flood-{number}" for number in range(end["accepted_events"] - 1))]
