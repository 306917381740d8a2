"""Events that don't come from Loom: what clients in other languages may rely on, and what bad input costs them."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from studio import Answer, Json, Studio, wait_until


def event(number: int, **members: Any) -> Json:
    return {"specversion": "1.0", "id": f"e-{number}", "source": "/node/a", "type": "node.request", "subject": "/node/b"} | members


def batch(*events: Any, **members: Any) -> str:
    return json.dumps({"type": "event_batch", "events": events} | members)


def ids(studio: Studio) -> list[str]:
    return [event["id"] for event in studio.events()]


def read(socket: Connection) -> Json:
    frame: Json = json.loads(socket.recv(timeout=10))
    return frame


def assert_problem(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status, answer.body
    assert answer.headers.get_content_type() == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"urn:loom-studio:error:{code}")
    assert problem["title"] and problem["detail"]


def test_a_shipped_client_survives_bad_frames(studio: Studio) -> None:
    with connect(f"{studio.ws_url}/ws/ingest") as socket:
        for frame in ("no JSON", "[]", '{"type":"event_batch"}', '{"type":"event_batch","events":5}', '{"type":"greeting"}', "[" * 200_000):
            socket.send(frame)
        bad = [{**event(2), "id": ""}, {**event(3), "specversion": "0.3"}, "no event", event(4, data="x" * (2 << 20)), {**event(5), "type": None}]
        socket.send(batch(event(1), *bad, event(6)))
        socket.send(batch(event(7)))
        wait_until(lambda: "e-7" in ids(studio), 10, "the events after the bad frames are stored")
        assert ids(studio) == ["e-1", "e-6", "e-7"]
        assert socket.ping().wait(10), "the connection lives on"
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.2)  # a shipped client doesn't read: nothing may be sent to it


def test_a_binary_frame_of_a_shipped_client_ends_its_connection(studio: Studio) -> None:
    with connect(f"{studio.ws_url}/ws/ingest") as socket:
        socket.send(batch(event(1)))
        socket.send(b"\x28\xb5\x2f\xfd")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1003
    assert ids(studio) == ["e-1"]


def test_loom_studio_v1_acknowledges(studio: Studio) -> None:
    with connect(f"{studio.ws_url}/ws/ingest", subprotocols=["loom-studio.v1"]) as socket:  # type: ignore[list-item]
        hello = read(socket)
        assert (hello["type"], hello["protocol"]) == ("hello", "loom-studio.v1")
        socket.send(batch(event(1), event(2), batch=1))
        assert read(socket) == {"type": "ack", "batch": 1, "first_seq": 1, "last_seq": 2, "duplicates": 0, "rejected": []}
        socket.send("no JSON")
        error = read(socket)
        assert (error["type"], error["batch"], error["code"]) == ("error", None, "invalid_frame")
        socket.send(batch(event(2), {**event(3), "id": ""}, event(4), batch=2))
        ack = read(socket)
        assert (ack["batch"], ack["first_seq"], ack["last_seq"], ack["duplicates"]) == (2, 3, 3, 1)
        assert [(rejected["index"], rejected["code"]) for rejected in ack["rejected"]] == [(1, "missing_id")]
    assert {event["id"] for event in studio.events(session_id=hello["session"])} == {"e-1", "e-2", "e-4"}


def test_structured_cloudevents_over_websocket(studio: Studio) -> None:
    with connect(f"{studio.ws_url}/ws/ingest", subprotocols=["cloudevents.json"]) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == "cloudevents.json"
        socket.send(json.dumps(event(1)))
        socket.send('{"specversion":"1.0"}')
        socket.send(json.dumps(event(2)))
        wait_until(lambda: "e-2" in ids(studio), 10, "the event after the bad one is stored")
    assert ids(studio) == ["e-1", "e-2"]


def test_an_unknown_subprotocol_is_told_the_known_ones(studio: Studio) -> None:
    # A WebSocket client shows the status of a refused handshake at best; this is the handshake with its whole answer.
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": "loom-studio.v9",
    }
    known = {"/ws/ingest": ["loom-studio.v1", "cloudevents.json"], "/ws/events": ["loom-studio.v1"]}
    for route, names in known.items():
        connection = HTTPConnection(studio.url.removeprefix("http://"), timeout=10)
        with closing(connection):
            connection.request("GET", route, headers=handshake)
            response = connection.getresponse()
            assert response.status == 400
            assert response.headers.get_content_type() == "application/problem+json"
            detail = json.loads(response.read())["detail"]
        for name in names:
            assert name in detail


def test_http_structured_mode(studio: Studio) -> None:
    sent = event(1, data={"task": "ä"}, extra="kept")
    answer = studio.request("POST", "/events", json.dumps(sent).encode(), {"Content-Type": "application/cloudevents+json; charset=utf-8"})
    assert (answer.status, answer.json()) == (202, {"first_seq": 1, "last_seq": 1, "duplicates": 0, "rejected": []})
    again = studio.request("POST", "/events", json.dumps(sent).encode(), {"Content-Type": "application/cloudevents+json"})
    assert (again.status, again.json()) == (202, {"first_seq": None, "last_seq": None, "duplicates": 1, "rejected": []})
    [stored] = studio.events()
    assert {name: stored[name] for name in sent} == sent


def test_http_binary_mode(studio: Studio) -> None:
    attributes = {"ce-specversion": "1.0", "ce-id": "e-1", "ce-source": "/node/a", "ce-type": "node.request", "ce-subject": "/node/b"}
    answer = studio.request("POST", "/events", b'{"task":"x"}', attributes | {"Content-Type": "application/json"})
    assert answer.status == 202, answer.body
    answer = studio.request("POST", "/events", b"\x00\xff", attributes | {"ce-id": "e-2", "Content-Type": "application/octet-stream"})
    assert answer.status == 202, answer.body
    as_json, as_bytes = studio.events()
    assert (as_json["id"], as_json["data"], as_json["datacontenttype"]) == ("e-1", {"task": "x"}, "application/json")
    assert (as_bytes["id"], as_bytes["data_base64"], as_bytes["datacontenttype"]) == ("e-2", "AP8=", "application/octet-stream")


def test_http_batched_mode(studio: Studio) -> None:
    body = json.dumps([event(1), {**event(2), "source": ""}, event(3)]).encode()
    answer = studio.request("POST", "/events", body, {"Content-Type": "application/cloudevents-batch+json"})
    assert answer.status == 202, answer.body
    ack = answer.json()
    assert (ack["first_seq"], ack["last_seq"], ack["duplicates"]) == (1, 2, 0)
    assert [(rejected["index"], rejected["code"]) for rejected in ack["rejected"]] == [(1, "missing_source")]
    assert ids(studio) == ["e-1", "e-3"]


def test_events_of_the_same_moment_stay_in_the_order_of_their_arrival(studio: Studio) -> None:
    minute = "2026-01-02T03:{:02}:00Z".format
    sent = [event(1, time=minute(5)), event(2, time=minute(4)), event(3, time=minute(5)), event(4, time=minute(4))]
    body = json.dumps(sent).encode()
    assert studio.request("POST", "/events", body, {"Content-Type": "application/cloudevents-batch+json"}).status == 202
    forward = ["e-2", "e-4", "e-1", "e-3"]
    for limit in (1, 3, 1000):
        assert [event["id"] for page in studio.pages(limit, order="time") for event in page["events"]] == forward
        assert [event["id"] for page in studio.pages(limit, order="-time") for event in page["events"]] == forward[::-1]


def test_errors_are_problem_documents(studio: Studio) -> None:
    structured = {"Content-Type": "application/cloudevents+json"}
    assert_problem(studio.request("POST", "/events", json.dumps({**event(1), "id": ""}).encode(), structured), 400, "missing_id")
    assert_problem(studio.request("GET", "/api/events/99"), 404, "not_found")
    assert_problem(studio.try_get("/api/events", cursor="nonsense"), 400, "invalid_cursor")
    assert_problem(studio.request("GET", "/api/events", headers={"Host": "studio.example"}), 403, "forbidden_host")
    assert_problem(studio.request("GET", "/api/events", headers={"Origin": "https://studio.example"}), 403, "forbidden_origin")
    for query in ({"limit": 0}, {"limit": 1001}, {"order": "sideways"}, {"start_time": "yesterday"}):
        answer = studio.try_get("/api/events", **query)
        assert_problem(answer, 400, answer.json()["code"])


def test_the_server_says_that_it_lives_and_is_ready(studio: Studio) -> None:
    assert studio.get("/healthz") == {"status": "ok"}
    ready = studio.get("/readyz")
    assert ready["status"] == "ready" and {view["state"] for view in ready["views"]} == {"following"}
    assert studio.get("/api/openapi.json")["openapi"].startswith("3.1")
    assert studio.request("GET", "/metrics").headers.get_content_type() == "text/plain"
    assert studio.request("GET", "/").headers.get_content_type() == "text/html"
