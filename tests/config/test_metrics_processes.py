"""Figures of several processes, servers and a worker: whichever of them is asked, it tells of all."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.deploy.supervised import supervised
from tests.figures import scrape
from tests.people import Person, client_for, open_clinical
from tests.processes import Served, served
from tests.sockets import connect

several = pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process")

PATIENCE = 30.0


def becomes(read: Callable[[], object], wanted: object) -> None:
    """Wait until it is so: the others publish every few seconds."""
    deadline = time.monotonic() + PATIENCE
    while (found := read()) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


class Answering(Protocol):
    @property
    def url(self) -> str: ...


def tells(server: Answering, name: str, wanted: float, **labels: str) -> None:
    """Wait until it does."""
    becomes(lambda: scrape(server.url).value(name, **labels), wanted)


@contextmanager
def working(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "manage.py", "work"]
    process = subprocess.Popen(command, env={**os.environ, "DATA_DIR": str(folder)}, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@several
def test_two_servers_and_a_worker_are_added_up_and_the_dead_are_let_go(
    tmp_path: Path, pat1: Person, doc1: Person
) -> None:
    conversation = open_clinical(pat1, doc1)
    place = {"DATA_DIR": str(tmp_path)}
    with served(**place) as one, served(**place) as other, working(tmp_path):
        with connect(one, pat1.token) as patient, connect(other, doc1.token) as doctor:
            patient.ask("message:new", {"conversationId": conversation, "content": "Good morning"})
            doctor.next_event("message:new")
            for server in (one, other):
                tells(server, "connections_active", 2)
                tells(server, "deliveries_total", 2)
                tells(server, "stream_events_total", 1, event="message:new")
                tells(server, "connections_total", 2)
                tells(server, "people_online", 2)
            assert scrape(other.url).value("poke_lag_seconds_count") > 0
            becomes(lambda: scrape(one.url).value("job_runs_total", job="audit.seal", outcome="done") > 0, True)
            other.process.send_signal(signal.SIGKILL)
            other.process.wait(10)
            tells(one, "connections_active", 1)
            tells(one, "connections_total", 2)
        with served(**place) as third:
            tells(third, "connections_total", 2)
    assert (tmp_path / "metrics").stat().st_mode & 0o077 == 0


@several
def test_the_workers_of_one_port_answer_for_all_of_them(tmp_path: Path, pat1: Person, doc1: Person) -> None:
    with (
        supervised(tmp_path, DATA_DIR=str(tmp_path / "data")) as server,
        connect(server, pat1.token),
        connect(server, doc1.token),
        connect(server, doc1.token),
    ):
        for _ in range(5):
            tells(server, "connections_active", 3)


@pytest.mark.core
def test_a_summary_of_all_figures_is_a_line_of_the_log(tmp_path: Path, pat1: Person, doc1: Person) -> None:
    conversation = open_clinical(pat1, doc1)
    errors = tmp_path / "errors"
    with logged(errors, METRICS_SUMMARY="0.5") as server, client_for(pat1, server) as rest:
        sent = rest.post(f"/api/v1/conversations/{conversation}/messages", json={"content": "canary-7f3a"})
        assert sent.status_code == 201
        with connect(server, pat1.token):
            becomes(lambda: bool(summed(errors, "events")) and any(summaries(errors, "connections_active")), True)
    assert summed(errors, "events") == {"message:new ok": 1}
    [timed] = summaries(errors, "event_seconds")
    assert timed["message:new"]["count"] == 1
    assert 0 < timed["message:new"]["mean_ms"] < 60_000
    assert timed["message:new"]["p95_ms"] >= 1
    for secret in ("canary-7f3a", conversation, pat1.token, pat1.username):
        assert secret not in errors.read_text()


@pytest.mark.core
def test_the_library_s_own_way_to_share_figures_is_not_used(tmp_path: Path) -> None:
    """Operators know its variable from other servers; with it, every count would be a write to a file."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    with served(PROMETHEUS_MULTIPROC_DIR=str(theirs)) as server:
        assert scrape(server.url).value("processes") >= 1
    assert [*theirs.iterdir()] == []


@pytest.mark.core
def test_a_folder_that_cannot_be_written_keeps_nobody_from_serving(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("a file where the folder should be")
    errors = tmp_path / "errors"
    with logged(errors, DATA_DIR=str(tmp_path), **embedded_database()) as server:
        assert scrape(server.url).has("connections_active")
    assert "figures stay in this process" in errors.read_text()


def embedded_database() -> dict[str, str]:
    """Where SQLite's file lies, when it is not to move with DATA_DIR."""
    if "DATABASE_URL" in os.environ:
        return {}
    from django.conf import settings

    return {"DATABASE_URL": f"sqlite:///{settings.DATABASES['default']['NAME']}"}


@contextmanager
def logged(errors: Path, **environment: str) -> Iterator[Served]:
    """A server whose log lies in that file."""
    before = os.dup(2)
    with errors.open("wb") as file:
        os.dup2(file.fileno(), 2)
        try:
            with served(**environment) as server:
                os.dup2(before, 2)
                yield server
        finally:
            os.dup2(before, 2)
            os.close(before)


def summaries(errors: Path, name: str) -> list[dict[str, dict[str, float]]]:
    lines = [json.loads(line) for line in errors.read_text().splitlines() if line.startswith("{")]
    figures = [line["figures"] for line in lines if line["event"] == "figures"]
    return [one[name] for one in figures if name in one]


def summed(errors: Path, name: str) -> dict[str, float]:
    total: dict[str, float] = {}
    for summary in summaries(errors, name):
        for labels, amount in summary.items():
            total[labels] = total.get(labels, 0) + amount  # type: ignore[operator]  # numbers, of a counter
    return total
