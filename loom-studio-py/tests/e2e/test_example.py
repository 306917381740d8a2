"""The application that the README starts shows up in the server, and ends as a user expects."""

from __future__ import annotations

import subprocess

from studio import REPOSITORY, UNWATCHED, Studio, unwatched, wait_until

EXAMPLE = REPOSITORY / "examples" / "loom" / "support_desk.py"


def test_the_support_desk_appears(studio: Studio) -> None:
    program = subprocess.Popen(
        [*UNWATCHED, EXAMPLE, "--seconds", "4", "--seed", "3"],
        env=unwatched(LOOM_STUDIO_ENABLED="true", LOOM_STUDIO_URL=studio.ws_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: studio.get("/api/topology")["edges"], 15, "the first call is seen while the program runs")
        output, _ = program.communicate(timeout=30)
    finally:
        program.kill()
    assert program.returncode == 0, output
    assert "Traceback" not in output
    assert "The support desk is closed" in output

    types = {node["id"]: node["type"] for node in studio.get("/api/topology")["nodes"]}
    expected = {
        "/user/sdk": "UserNode",
        "/node/support": "CrewNode",
        "/node/closing": "CrewNode",
        "/node/department": "RouterNode",
        "/node/intake": "AgentNode",
        "/node/writer": "AgentNode",
        "/node/customer_db": "ToolNode",
    }
    assert {node: types.get(node) for node in expected} == expected
    assert studio.get("/api/sessions")["sessions"][0]["events"] == studio.get("/api/events")["total"] > 30


def test_without_a_server_it_works_all_the_same() -> None:
    program = subprocess.run(
        [*UNWATCHED, EXAMPLE, "--seconds", "1", "--runs", "2"],
        env=unwatched(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (program.returncode, program.stderr) == (0, "")
    assert "still waiting." in program.stdout
