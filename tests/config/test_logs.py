"""What a log line holds: what happened, on whose request, where in the code; never what somebody said."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from copy import copy
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.db import connection

from config import logs
from core import doors
from realtime import draining
from tests.live import Server
from tests.people import Person, open_clinical
from tests.sockets import connect, raw_frame, send_raw

CANARY = "canary-7f3a"


@pytest.fixture
def as_configured() -> Iterator[logging.Logger]:
    """The root logger, which the test may configure; put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = threading.excepthook, sys.unraisablehook
    yield root
    root.handlers = handlers
    threading.excepthook, sys.unraisablehook = hooks
    root.setLevel(level)


@pytest.fixture
def lines(as_configured: logging.Logger) -> list[dict[str, Any]]:
    """Every line that is logged from now on, as an operator's collector would read it; the test's own client apart."""
    found: list[dict[str, Any]] = []
    logs.configure_logging("INFO", readable=False)
    [configured] = as_configured.handlers

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name != "httpx":
                found.append(json.loads(configured.format(record)))

    as_configured.handlers = [Collector()]
    return found


@pytest.mark.no_database
def test_a_line_is_one_json_object_with_time_level_and_logger(lines: list[dict[str, Any]]) -> None:
    logging.getLogger("parley.test").warning("%d things happened", 3)
    [line] = lines
    assert (line["event"], line["level"], line["logger"]) == ("3 things happened", "warning", "parley.test")
    assert line["timestamp"].endswith("Z")


@pytest.mark.no_database
def test_of_an_exception_there_is_its_class_and_its_place_but_not_its_words(lines: list[dict[str, Any]]) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("parley.test").exception("it failed")
    [line] = lines
    assert line["error"] == "ValueError"
    assert "test_logs.py" in line["where"][0]
    assert CANARY not in json.dumps(line)


@pytest.mark.no_database
def test_a_forgotten_tasks_exception_is_not_quoted(lines: list[dict[str, Any]]) -> None:
    async def fail() -> None:
        raise ValueError(CANARY)

    async def forget() -> None:
        task = asyncio.ensure_future(fail())
        await asyncio.wait([task])
        del task

    asyncio.run(forget())
    assert [line["event"] for line in lines] == ["Task exception was never retrieved"]
    assert lines[0]["error"] == "ValueError"
    assert CANARY not in json.dumps(lines)


@pytest.mark.no_database
def test_a_thread_that_dies_is_logged_without_its_words(lines: list[dict[str, Any]]) -> None:
    def die() -> None:
        raise ValueError(CANARY)

    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    assert [(line["event"], line["error"]) for line in lines] == [("a thread died", "ValueError")]
    assert CANARY not in json.dumps(lines)


@pytest.mark.core
def test_a_defect_is_a_500_that_gives_nothing_away(
    server: Server, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to the client nor to the log; the id of the request is in both."""

    def fail() -> dict[str, int]:
        raise KeyError(CANARY)

    monkeypatch.setattr(server.hub, "counts", fail)
    answer = httpx.get(f"{server.url}/health?token={CANARY}", headers={"Authorization": CANARY, "Cookie": CANARY})
    assert (answer.status_code, answer.json()["code"]) == (500, "defect")
    assert answer.headers["cache-control"] == "no-store"
    assert CANARY not in answer.text
    [line] = [line for line in lines if line["logger"] == "django.request"]
    assert (line["event"], line["error"]) == ("a request failed with 500", "KeyError")
    assert line["request_id"] == answer.json()["requestId"] == answer.headers["x-request-id"]
    assert CANARY not in json.dumps(lines)


@pytest.mark.core
def test_what_clients_do_wrong_is_not_logged(server: Server, lines: list[dict[str, Any]]) -> None:
    httpx.get(f"{server.url}/api/v1/{CANARY}?q={CANARY}")
    httpx.get(f"{server.url}/health/live", headers={"Host": f"{CANARY}.example"})
    httpx.post(f"{server.url}/api/v1/auth/token", content=CANARY, headers={"Content-Type": "application/json"})
    assert httpx.post(f"{server.url}/admin/login/", data={"username": CANARY}).status_code == 403
    assert lines == []


@pytest.mark.core
def test_not_ready_and_not_now_ring_no_alarm(server: Server, lines: list[dict[str, Any]]) -> None:
    """Anybody can ask while the server drains or its database is away, as often as they like."""
    draining.begin()
    try:
        assert httpx.get(f"{server.url}/health/ready").status_code == 503
    finally:
        draining.reset()
    assert lines == []


@pytest.mark.core
def test_a_text_frame_that_is_no_text_rings_no_alarm(server: Server, pat1: Person, lines: list[dict[str, Any]]) -> None:
    with connect(server, pat1.token) as client:
        send_raw(client, raw_frame(1, b"\xc3\x28"))
        assert client.closed_with() == 1007
    assert [line for line in lines if line["logger"].startswith("uvicorn")] == []


def test_a_query_is_not_logged_with_its_parameters(lines: list[dict[str, Any]]) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", [CANARY])
    assert CANARY not in json.dumps(lines)


@pytest.mark.core
def test_what_a_socket_asked_is_logged_with_its_request(
    server: Server, pat1: Person, doc1: Person, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect in whichever thread names the request, of which the audit log knows who made it; and nothing else."""
    conversation = open_clinical(pat1, doc1)

    def fail(**_: object) -> None:
        raise KeyError(CANARY)

    read = doors.receives["message:read"]
    monkeypatch.setitem(doors.receives, "message:read", copy(read))
    object.__setattr__(doors.receives["message:read"], "service", fail)
    with connect(server, doc1.token) as client:
        client.send({"id": CANARY, "event": "message:read", "data": {"conversationId": conversation, "seq": 1}})
        assert client.closed_with() == 1011
    [line] = [line for line in lines if line["logger"] == "realtime.requests"]
    assert line["event"] == "message:read failed: KeyError"
    assert UUID(line["request_id"]).version == 7
    assert CANARY not in json.dumps(lines)
    assert conversation not in json.dumps(lines)


@pytest.mark.no_database
def test_an_error_that_nobody_can_catch_is_logged_without_its_words(lines: list[dict[str, Any]]) -> None:
    class Ending:
        def __del__(self) -> None:
            raise ValueError(CANARY)

    Ending()
    assert [(line["event"], line["error"]) for line in lines] == [("an error that nobody can catch", "ValueError")]
    assert CANARY not in json.dumps(lines)


@pytest.mark.no_database
def test_only_figures_are_taken_from_what_is_added_to_a_line(lines: list[dict[str, Any]]) -> None:
    logging.getLogger("parley.test").info("figures", extra={"figures": {"deliveries": 3}, "body": CANARY})
    [line] = lines
    assert line["figures"] == {"deliveries": 3}
    assert CANARY not in json.dumps(line)


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("settings", "is_json"),
    [
        ({}, True),
        ({"DEBUG": "true"}, False),
        ({"DEBUG": "true", "LOG_FORMAT": "json"}, True),
        ({"LOG_FORMAT": "console"}, False),
    ],
)
def test_the_format_is_json_but_for_those_who_want_lines(settings: dict[str, str], is_json: bool) -> None:
    code = "import logging; from config import settings; logging.warning('it works')"
    environment = {name: value for name, value in os.environ.items() if name not in {"DEBUG", "LOG_FORMAT"}}
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment | settings, capture_output=True, text=True, timeout=60, check=True
    )
    assert "it works" in shown.stderr
    assert shown.stderr.startswith("{") is is_json


@pytest.mark.no_database
def test_while_developing_lines_are_for_people(
    as_configured: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure_logging("INFO", readable=True)
    logging.getLogger("parley.test").info("it works")
    shown = capsys.readouterr().err
    assert "it works" in shown
    assert not shown.startswith("{")
