"""`manage.py work` as a process of its own: it works, stops cleanly, and when it is killed another takes over."""

import os
import secrets
import signal
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connection

from audit.models import Seal
from core.jobs import Job, enqueue, jobs, run_due
from core.models import Task, TaskState
from tests.audit.people import record_some
from tests.forked import Forked

pytestmark = pytest.mark.core

PATIENCE = 60.0

WITH_A_SLOW_JOB = """
    import django, pathlib, time
    from datetime import timedelta
    from django.core.management import call_command
    django.setup()
    from core.jobs import Job

    def slow():
        pathlib.Path({begun!r}).touch()
        while not pathlib.Path({go!r}).exists():
            time.sleep(0.02)

    Job("test.slow", run=slow, lease=timedelta(seconds={lease}))
    call_command("work")
"""


class Worker:
    """A worker process. Its output goes to a file."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str], output: IO[str]) -> None:
        self.process = Forked(*arguments, environment={**os.environ, **environment}, stdout=output, stderr=output)

    def stop(self, how: signal.Signals) -> int:
        """Send the signal; the exit status."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    workers: list[Worker] = []
    with (tmp_path / "output").open("w+") as output:

        def start(*arguments: str, **environment: str) -> Worker:
            workers.append(Worker(arguments, environment, output))
            return workers[-1]

        yield start
        for worker in workers:
            worker.process.kill()
            worker.process.wait(PATIENCE)


@pytest.fixture
def slow_job(tmp_path: Path) -> Iterator["SlowJob"]:
    Job("test.slow", run=lambda: None)
    yield SlowJob(tmp_path)
    del jobs["test.slow"]


class SlowJob:
    """A job that says when it begins and ends when it is told to. In this process it ends at once."""

    def __init__(self, folder: Path) -> None:
        self.begun, self.go = folder / "begun", folder / "go"

    def program(self, lease: float) -> list[str]:
        return ["-c", textwrap.dedent(WITH_A_SLOW_JOB.format(begun=str(self.begun), go=str(self.go), lease=lease))]

    def task(self) -> Task:
        return Task.objects.get(name="test.slow")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_seals_the_log_and_stops_cleanly(
    how: signal.Signals, start: Callable[..., Worker], tmp_path: Path
) -> None:
    worker = start("manage.py", "work")
    record_some(3)
    wait_until(lambda: Seal.objects.count() == 3)
    record_some(2)
    wait_until(lambda: Seal.objects.count() == 5)
    assert worker.stop(how) == 0
    assert (tmp_path / "output").read_text().splitlines()[-1] == "Stopped."
    assert not Task.objects.filter(state=TaskState.RUNNING).exists()


def test_the_task_that_runs_when_the_worker_is_told_to_stop_is_finished(
    start: Callable[..., Worker], slow_job: SlowJob
) -> None:
    enqueue("test.slow")
    worker = start(*slow_job.program(lease=60))
    wait_until(slow_job.begun.exists)
    worker.process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        worker.process.wait(0.3)
    slow_job.go.touch()
    assert worker.process.wait(PATIENCE) == 0
    assert slow_job.task().state == TaskState.DONE


def test_the_task_of_a_worker_that_was_killed_is_taken_over_when_its_lease_ends(
    start: Callable[..., Worker], slow_job: SlowJob
) -> None:
    enqueue("test.slow")
    worker = start(*slow_job.program(lease=1))
    wait_until(slow_job.begun.exists)
    worker.stop(signal.SIGKILL)
    assert slow_job.task().state == TaskState.RUNNING
    wait_until(lambda: run_due() == 1)
    assert (slow_job.task().state, slow_job.task().attempts) == (TaskState.DONE, 2)


@pytest.fixture
def role_of_its_own() -> Iterator[str]:
    """A database role with the server's rights, so that it can be shut out without shutting out this process."""
    url, name, password = urlsplit(os.environ["DATABASE_URL"]), "parley_shut_out", secrets.token_urlsafe(18)
    as_superuser(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE \"{url.username}\"")
    yield urlunsplit(url._replace(netloc=f"{name}:{password}@{url.hostname}:{url.port}"))
    as_superuser(f"DROP ROLE {name}")


@pytest.mark.skipif(connection.vendor == "sqlite", reason="a file does not go away for a while")
def test_the_worker_outlives_an_outage_of_the_database(
    start: Callable[..., Worker], role_of_its_own: str, tmp_path: Path
) -> None:
    worker = start("manage.py", "work", DATABASE_URL=role_of_its_own)
    record_some(1)
    wait_until(lambda: Seal.objects.count() == 1)
    role = urlsplit(role_of_its_own).username
    as_superuser(f"ALTER ROLE {role} NOLOGIN")
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"  # noqa: S608 - as above
    as_superuser(end)
    wait_until(lambda: "cannot use the database" in (tmp_path / "output").read_text())
    as_superuser(f"ALTER ROLE {role} LOGIN")
    record_some(1)
    wait_until(lambda: Seal.objects.count() == 2)
    assert worker.stop(signal.SIGTERM) == 0


def as_superuser(statement: str) -> None:
    with psycopg.connect(os.environ["TEST_SUPERUSER_URL"], autocommit=True) as superuser:
        superuser.execute(statement.encode())
