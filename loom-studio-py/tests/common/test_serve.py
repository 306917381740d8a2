"""Servers inside this process, as a notebook has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest

import loom_studio
from loom_studio import StudioError


def post(server: loom_studio.Server, *ids: str) -> None:
    events = [{"specversion": "1.0", "id": name, "source": "/node/a", "type": "note"} for name in ids]
    request = urllib.request.Request(
        f"{server.url}events", data=json.dumps(events).encode(), headers={"Content-Type": "application/cloudevents-batch+json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 202


def ids(server: loom_studio.Server) -> list[str]:
    return [event["id"] for event in server.studio().events()]


def test_several_servers_run_at_once_and_keep_apart() -> None:
    with loom_studio.serve(port=0, memory=True) as first, loom_studio.serve(port=0, memory=True) as second:
        assert first.port != second.port
        post(first, "one")
        assert (ids(first), ids(second)) == (["one"], [])
        assert first.is_running
    assert not first.is_running
    with pytest.raises(StudioError, match="no Loom Studio answers") as refused:
        first.studio().sessions()
    assert refused.value.code == "unreachable"


def test_it_serves_the_page() -> None:
    with loom_studio.serve(port=0, memory=True) as server, urllib.request.urlopen(server.url, timeout=20) as answer:
        assert answer.headers.get_content_type() == "text/html"
        assert b"<title>Loom Studio</title>" in answer.read()


def test_a_handle_that_nobody_keeps_is_no_reason_to_stop() -> None:
    url = loom_studio.serve(port=0, memory=True).url
    assert loom_studio.Studio(url).sessions() == []


def test_stopping_twice_is_harmless() -> None:
    server = loom_studio.serve(port=0, memory=True)
    server.stop()
    server.stop()
    assert repr(server) == f"<loom_studio.Server {server.url} stopped>"


def test_events_are_there_after_a_restart_and_the_directory_has_one_owner(tmp_path: Path) -> None:
    with loom_studio.serve(port=0, data_dir=tmp_path / "new" / "store") as server:
        post(server, "one", "two")
        with pytest.raises(StudioError, match=f"in use by process {os.getpid()}") as refused:
            loom_studio.serve(port=0, data_dir=tmp_path / "new" / "store")
        assert refused.value.code == "data_dir_in_use"
    with loom_studio.serve(port=0, data_dir=tmp_path / "new" / "store") as server:
        assert ids(server) == ["one", "two"]


def test_a_taken_port_is_named() -> None:
    with loom_studio.serve(port=0, memory=True) as server:
        with pytest.raises(StudioError, match=rf"port {server.port} of 127\.0\.0\.1 is in use.*port=0") as refused:
            loom_studio.serve(port=server.port, memory=True)
        assert refused.value.code == "port_in_use"


def test_a_network_address_needs_a_secret_that_readers_show() -> None:
    with pytest.raises(StudioError, match="token=") as refused:
        loom_studio.serve(host="0.0.0.0", port=0, memory=True)
    assert refused.value.code == "token_needed"
    with loom_studio.serve(host="0.0.0.0", port=0, memory=True, token="s3cret") as server:
        assert server.url == f"http://127.0.0.1:{server.port}/"
        assert server.studio().sessions() == []
        assert loom_studio.Studio(f"ws://any:s3cret@127.0.0.1:{server.port}").sessions() == []
        with pytest.raises(StudioError) as refused:
            loom_studio.Studio(server.url).sessions()
        assert (refused.value.code, refused.value.status) == ("unauthorized", 401)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        loom_studio.serve(memory=True, data_dir="x")
    with pytest.raises(ValueError, match="no port"):
        loom_studio.serve(port=65536, memory=True)
    with pytest.raises(ValueError, match="no IP address"):
        loom_studio.serve(host="studio.example", port=0, memory=True)
    for age in ("7", "0d", "1w", "", "-1d", timedelta(0)):
        with pytest.raises(ValueError, match="no age"):
            loom_studio.serve(port=0, memory=True, retention=age)


def test_the_link_is_a_link_and_the_directory_is_text(tmp_path: Path) -> None:
    directory = tmp_path / "<b>"
    with loom_studio.serve(port=0, data_dir=directory) as server:
        html = server._repr_html_()
    assert f"<a href='{server.url}'" in html
    assert "<b>" not in html and "&lt;b&gt;" in html


def test_threads_may_start_and_stop_servers() -> None:
    failures: list[BaseException] = []

    def life() -> None:
        try:
            with loom_studio.serve(port=0, memory=True) as server:
                post(server, "one")
                assert ids(server) == ["one"]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=life) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


FORKING = """
import os, sys
import loom_studio

server = loom_studio.serve(port=0, data_dir=sys.argv[1])
ready, done = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    # The parent's server is not this process's to stop.
    assert not server.is_running
    server.stop()
    os.write(ready[1], b".")
    os.read(done[0], 1)
    sys.exit(0)
os.read(ready[0], 1)
assert server.is_running
server.studio().sessions()
server.stop()
# The child is still there, with all that it inherited; the directory is free all the same.
loom_studio.serve(port=0, data_dir=sys.argv[1]).stop()
os.write(done[1], b".")
assert os.waitpid(child, 0)[1] == 0
print("good")
"""


def test_a_forked_child_leaves_the_server_alone(tmp_path: Path) -> None:
    program = subprocess.run([sys.executable, "-c", FORKING, tmp_path], capture_output=True, text=True, timeout=60)
    assert (program.stdout, program.stderr, program.returncode) == ("good\n", "", 0)


ENDING = """
import sys
import loom_studio

server = loom_studio.serve(port=0, data_dir=sys.argv[1])
server.studio().sessions()
"""


def test_a_program_ends_in_good_order_with_its_servers_running(tmp_path: Path) -> None:
    program = subprocess.run([sys.executable, "-c", ENDING, tmp_path], capture_output=True, text=True, timeout=60)
    assert (program.stdout, program.stderr, program.returncode) == ("", "", 0)
    loom_studio.serve(port=0, data_dir=tmp_path).stop()
