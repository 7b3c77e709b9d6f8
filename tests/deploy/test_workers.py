"""`serve --workers 2`: there is always somebody who answers, and nobody is left behind."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.deploy.supervised import Supervised, alive, becomes_true, supervised
from tests.forked import run
from tests.people import Person, client_for, open_clinical
from tests.sockets import connect

EMBEDDED = "REDIS_URL" not in os.environ

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the processes are found in /proc"),
]
several = pytest.mark.skipif(EMBEDDED, reason="the embedded default is one process")


class Knocking:
    """What happened to connections that were made one after the other."""

    def __init__(self) -> None:
        self.answered = 0
        self.failed: list[str] = []


@contextmanager
def knocking(url: str) -> Iterator[Knocking]:
    """Connect and ask in a loop, each time anew, as long as the block runs.

    Not whether it is ready: a process that drains says no to that, and answers everything else.
    """
    over, seen = threading.Event(), Knocking()

    def knock() -> None:
        while not over.wait(0.005):
            try:
                httpx.get(f"{url}/health/live", timeout=30, trust_env=False).raise_for_status()
                seen.answered += 1
            except httpx.HTTPError as error:
                seen.failed.append(repr(error))

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(60)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of which whatever Python starts imports `sitecustomize`, where there is one."""
    return tmp_path_factory.mktemp("imported")


@pytest.fixture(scope="module")
def lasting(emptied: None, imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    """A supervisor that several tests share: each of them leaves it with two workers."""
    folder = tmp_path_factory.mktemp("supervised")
    with supervised(folder, DRAIN_SPREAD="0", PYTHONPATH=path_with(imported)) as server:
        yield server


def path_with(folder: Path) -> str:
    return f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"


@several
def test_it_says_where_it_listens_and_people_talk_across_its_workers(
    lasting: Supervised, pat1: Person, doc1: Person
) -> None:
    conversation = open_clinical(pat1, doc1)
    assert re.fullmatch(r"Parley listens on http://127\.0\.0\.1:\d+\n", lasting.output.read_text())
    assert len(lasting.workers()) == 2
    with connect(lasting, pat1.token) as patient, client_for(doc1, lasting) as doctor:
        sent = doctor.post(f"/api/v1/conversations/{conversation}/messages", json={"content": "K<3.5 and Na>145"})
        assert sent.status_code == 201, sent.text
        event = patient.next_event("message:new", timeout=15)
        assert event["data"]["content"] == "K<3.5 and Na>145"


@several
def test_a_rolling_restart_refuses_nobody(lasting: Supervised, pat1: Person) -> None:
    """T139 for several workers: every connection is answered, and open sockets are told when to come back."""
    with connect(lasting, pat1.token) as client:
        before = lasting.workers()
        with knocking(lasting.url) as seen:
            lasting.tell(signal.SIGHUP)
            becomes_true(lambda: len(lasting.workers()) == 2 and not lasting.workers() & before)
        assert seen.failed == []
        assert seen.answered > 20
        client.next_frame_where(lambda frame: frame.get("type") == "drain")
        assert client.closed_with() == 1012
        with connect(lasting, pat1.token) as again:
            assert again.hello["type"] == "auth_success"


@several
def test_a_new_version_that_does_not_start_leaves_the_old_workers(
    lasting: Supervised, imported: Path, database: None
) -> None:
    before = lasting.workers()
    broken = imported / "sitecustomize.py"
    broken.write_text("import os, sys\nif '--inherited' in sys.argv: os._exit(3)\n")
    try:
        lasting.tell(signal.SIGHUP)
        becomes_true(lambda: "does not become ready" in lasting.errors.read_text())
    finally:
        broken.unlink()
    assert lasting.workers() == before
    assert httpx.get(f"{lasting.url}/health/ready", timeout=30, trust_env=False).status_code == 200


@several
def test_a_worker_that_is_killed_is_replaced_while_the_others_answer(lasting: Supervised, database: None) -> None:
    before = lasting.workers()
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    becomes_true(lambda: killed not in lasting.workers() and len(lasting.workers()) == 2)
    assert len(lasting.workers() & before) == 1
    assert httpx.get(f"{lasting.url}/health/live", timeout=30, trust_env=False).status_code == 200
    assert f"worker {killed} ended by itself with status -9" in lasting.errors.read_text()


@several
def test_workers_that_cannot_live_are_given_up_with_a_sentence(tmp_path: Path, database: None) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os, sys\nif '--inherited' in sys.argv: os._exit(3)\n")
    with supervised(tmp_path, ready=False, PYTHONPATH=path_with(tmp_path)) as server:
        assert server.process.wait(60) == 1
        said = server.errors.read_text()
        assert "The workers end as soon as they start" in said
        assert "the last with status 3" in said
        assert "Traceback" not in said
        assert server.output.read_text() == ""


@several
@pytest.mark.parametrize("how", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.thorough)])
def test_a_signal_drains_every_worker(tmp_path: Path, pat1: Person, how: signal.Signals) -> None:
    with supervised(tmp_path, DRAIN_SPREAD="1") as server:
        clients = [connect(server, pat1.token) for _ in range(6)]
        workers = server.workers()
        server.tell(how)
        for client in clients:
            client.next_frame_where(lambda frame: frame.get("type") == "drain", timeout=15)
            assert client.closed_with(timeout=15) == 1012
        assert server.process.wait(30) == 0
        assert server.output.read_text().count("\n") == 1
        assert not workers & set(alive())


@several
def test_nobody_is_left_when_the_supervisor_is_killed(tmp_path: Path, database: None) -> None:
    with supervised(tmp_path) as server:
        workers = server.workers()
        assert len(workers) == 2
        server.tell(signal.SIGKILL)
        server.process.wait(10)
        becomes_true(lambda: not workers & set(alive()))


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"DATABASE_URL": "sqlite:///{folder}/parley.sqlite3", "REDIS_URL": ""}, id="the-embedded-default"),
        pytest.param({"REDIS_URL": ""}, id="no-redis"),
        pytest.param({"DATABASE_URL": "sqlite:///{folder}/parley.sqlite3"}, id="sqlite"),
    ],
)
@pytest.mark.no_database
def test_where_several_would_harm_they_are_refused_in_one_sentence(tmp_path: Path, environment: dict[str, str]) -> None:
    refused = serve({name: value.format(folder=tmp_path) for name, value in environment.items()}, "--workers", "2")
    assert refused.returncode == 1
    assert "Several workers need PostgreSQL and Redis" in refused.stderr
    assert "DATABASE_URL" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.no_database
def test_no_workers_at_all_is_refused() -> None:
    refused = serve({}, "--workers", "0")
    assert refused.returncode == 1
    assert "--workers" in refused.stderr


def serve(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run("manage.py", "serve", "--port", "0", *arguments, environment={**os.environ, **environment})
