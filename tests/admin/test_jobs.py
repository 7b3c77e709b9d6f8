"""Background jobs in the admin: due, running, failed with the reason, tried again by whoever may."""

from datetime import timedelta

import pytest
from django.test import Client

from audit.models import Entry
from core import jobs as module
from core.jobs import Job, run_due
from core.models import Task, TaskState
from core.time import now
from tests.admin.looking import listed, page_of, shown, signed_in, staff
from tests.people import Person

pytestmark = pytest.mark.core

runs: list[int] = []


@pytest.fixture(autouse=True)
def index(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one job there is, which does well."""
    monkeypatch.setattr(module, "jobs", {})
    runs.clear()
    Job("index", run=lambda **ids: runs.append(1))


@pytest.fixture
def as_operator(operator: Person) -> Client:
    return signed_in(operator)


def task(state: TaskState = TaskState.WAITING, minutes: int = 0, **more: object) -> Task:
    """One whose time comes in so many minutes."""
    over = {TaskState.DONE, TaskState.FAILED}
    ended = {"finished_at": now()} if state in over else {}
    run_at = now() + timedelta(minutes=minutes)
    return Task.objects.create(**{"name": "index", "state": state, "run_at": run_at, **ended, **more})


def retry(client: Client, row: Task) -> int:
    return client.post(page_of(row).replace("change/", "retry/")).status_code


def test_jobs_are_listed_by_how_they_stand(as_operator: Client) -> None:
    due, later = task(minutes=-5), task(minutes=5)
    running, done = task(TaskState.RUNNING, 1), task(TaskState.DONE)
    failed = task(TaskState.FAILED, reason="ValueError", attempts=10)
    trying = task(minutes=3, reason="TimeoutError", attempts=2)

    def ids(*tasks: Task) -> list[str]:
        return [str(one.pk) for one in tasks]

    assert listed(as_operator, Task) == ids(due, running, trying, later)
    assert listed(as_operator, Task, "?state=due") == ids(due)
    assert listed(as_operator, Task, "?state=running") == ids(running)
    assert listed(as_operator, Task, "?state=failed") == ids(trying, failed)
    assert listed(as_operator, Task, "?state=done") == ids(done)
    assert listed(as_operator, Task, f"?q={done.pk}") == ids(done)
    page = shown(as_operator, page_of(failed))
    assert "ValueError" in page
    assert "Try it again now" in page
    assert "Try it again now" not in shown(as_operator, page_of(due))


def test_what_was_given_up_is_tried_again_and_that_is_recorded(as_operator: Client, operator: Person) -> None:
    failed = task(TaskState.FAILED, reason="ValueError", attempts=10)
    assert retry(as_operator, failed) == 302
    failed.refresh_from_db()
    assert (failed.state, failed.attempts, failed.finished_at) == (TaskState.WAITING, 0, None)
    assert run_due() == 1
    assert runs == [1]
    [entry] = Entry.objects.filter(action="task.retried")
    assert (entry.actor, entry.object, entry.reason) == (operator.id, failed.pk, "index")


def test_what_waits_for_its_next_try_is_tried_at_once(as_operator: Client) -> None:
    trying = task(minutes=3, reason="TimeoutError", attempts=2)
    assert retry(as_operator, trying) == 302
    assert run_due() == 1


@pytest.mark.parametrize(("state", "minutes"), [(TaskState.WAITING, 5), (TaskState.RUNNING, 5), (TaskState.DONE, 0)])
def test_what_has_not_failed_is_left_alone(as_operator: Client, state: TaskState, minutes: int) -> None:
    row = task(state, minutes)
    before = Task.objects.values().get()
    answer = as_operator.post(page_of(row).replace("change/", "retry/"), follow=True)
    assert "Only what has failed" in answer.content.decode()
    assert Task.objects.values().get() == before
    assert not Entry.objects.filter(action="task.retried").exists()


def test_a_job_that_this_version_does_not_have_is_not_tried_again(as_operator: Client) -> None:
    failed = task(TaskState.FAILED, name="gone.since", reason="ValueError")
    answer = as_operator.post(page_of(failed).replace("change/", "retry/"), follow=True)
    assert "has no job gone.since" in answer.content.decode()
    assert not Entry.objects.filter(action="task.retried").exists()


def test_twice_pressed_is_once_tried(as_operator: Client) -> None:
    failed = task(TaskState.FAILED, reason="ValueError")
    assert retry(as_operator, failed) == retry(as_operator, failed) == 302
    assert Entry.objects.filter(action="task.retried").count() == 1
    assert run_due() == 1


def test_who_may_only_look_tries_nothing_again() -> None:
    looker = staff("looker", rights=("core.view_task",))
    failed = task(TaskState.FAILED, reason="ValueError")
    client = signed_in(looker)
    assert "Try it again now" not in shown(client, page_of(failed))
    assert retry(client, failed) == 403
    assert Task.objects.get().state == TaskState.FAILED
    assert Entry.objects.filter(actor=looker.id, action="access.denied").count() == 1


def test_a_link_tries_nothing_again(as_operator: Client) -> None:
    failed = task(TaskState.FAILED, reason="ValueError")
    assert as_operator.get(page_of(failed).replace("change/", "retry/")).headers["Location"] == page_of(failed)
    assert Task.objects.get().state == TaskState.FAILED
