"""A run that is killed in the middle is taken up again: nothing is left, nothing counts twice (T155)."""

import os
import subprocess
import sys
import textwrap
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from accounts.models import LoginSession
from core.time import now
from retention import engine
from retention.alone import UnderWay
from retention.engine import Result
from retention.models import By, Run, RunCount, RunState
from tests.messaging.talking import entries
from tests.people import Person, sign_in
from tests.retention.running import dry_run

pytestmark = pytest.mark.core

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
RULE = "accounts.sessions"
SESSIONS = 11

PROGRAM = """
    import pathlib, time
    import django
    from django.core.management import call_command
    django.setup()
    from core import retention
    from core.retention import rules
    from retention import schedules

    retention._AT_ONCE = 2
    seen = 0

    def stop_at_the_third():
        global seen
        seen += 1
        if seen == 3:
            pathlib.Path({begun!r}).touch()
            time.sleep(600)

    if {inside!r}:
        took = schedules.Planned.took
        def and_stop(self, purged):
            took(self, purged)
            stop_at_the_third()
        schedules.Planned.took = and_stop
    else:
        rule = rules[{rule!r}]
        purge = rule.purge
        def stopping(schedule):
            for _ in purge(schedule):
                stop_at_the_third()
                yield
        object.__setattr__(rule, "purge", stopping)
    call_command("apply_retention", "--rule", {rule!r})
"""


@pytest.fixture
def ended_sessions(doc1: Person) -> int:
    for _ in range(SESSIONS):
        sign_in(doc1)
    LoginSession.objects.update(expires_at=now() - timedelta(days=31))
    return SESSIONS


def start(begun: Path, *, inside: bool) -> subprocess.Popen[bytes]:
    program = textwrap.dedent(PROGRAM.format(begun=str(begun), inside=inside, rule=RULE))
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture(params=[True, False], ids=["inside of a batch", "between two batches"])
def killed(request: pytest.FixtureRequest, tmp_path: Path, ended_sessions: int) -> None:
    """A run that was at its third batch of two sessions when its process was killed."""
    begun = tmp_path / "begun"
    process = start(begun, inside=request.param)
    try:
        deadline = time.monotonic() + PATIENCE
        while not begun.exists():
            assert process.poll() is None, "the command ended by itself"
            assert time.monotonic() < deadline, "it did not get as far as the third batch"
            time.sleep(0.05)
        with pytest.raises(UnderWay):
            engine.apply(By.COMMAND, RULE)
    finally:
        process.kill()
        process.wait(PATIENCE)
    connection.close()


def taken_up() -> Result:
    """As soon as the database has noticed that the other one is gone, and has undone what was not committed."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return engine.apply(By.WORKER, RULE)
        except UnderWay:
            assert time.monotonic() < deadline, "the lock of a process that was killed is still held"
            time.sleep(0.05)


def test_it_is_taken_up_again_and_counts_everything_once(killed: None, ended_sessions: int) -> None:
    run = Run.objects.get()
    moment = run.started_at
    assert run.state == RunState.RUNNING
    result = taken_up()
    assert (result.taken_up, result.moment) == (True, moment)
    assert [(count.rows, count.failure) for count in result.counts] == [(ended_sessions, "")]
    assert not LoginSession.objects.exists()
    run = Run.objects.get()
    assert (run.state, run.by) == (RunState.DONE, By.COMMAND)
    assert [entry.object for entry in entries("retention.applied")] == [run.id]
    assert dry_run("--rule", RULE) == {RULE: (0, 0)}


def test_what_is_counted_is_gone_and_what_is_not_is_there(killed: None, ended_sessions: int) -> None:
    """At the moment of its death, as soon as the database has undone what was not committed."""
    deadline = time.monotonic() + PATIENCE
    while True:
        left, counted = LoginSession.objects.count(), RunCount.objects.get().rows
        if left + counted == ended_sessions and 0 < counted < ended_sessions:
            break
        assert time.monotonic() < deadline, f"{counted} counted and {left} left of {ended_sessions}"
        time.sleep(0.05)
    assert taken_up().counts[0].rows == ended_sessions
