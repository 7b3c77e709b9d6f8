"""The first page of the admin: what it says is so, each may see only what they have a right to, and it costs little."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from psycopg.errors import QueryCanceled
from pytest_django import Settings

import audit
from config.dashboard import figures, remembering
from config.dashboard.chart import chart_of
from config.dashboard.figures import Hour
from core.actor import SYSTEM
from core.jobs import run_due
from core.models import Task, TaskState
from core.time import now
from messaging.models import Message
from realtime import draining
from realtime.leases import leases
from realtime.presence import KIND as PRESENCE
from retention.models import Run
from tests.admin.looking import shown, signed_in, staff
from tests.live import Server
from tests.messaging.rooms import room_of
from tests.messaging.talking import say
from tests.moderation.reports import make_moderator, report
from tests.people import Person
from tests.sockets import connect

pytestmark = pytest.mark.core

OPERATION = {"People online", "This server", "Worker", "Jobs", "Last backup"}


@pytest.fixture
def as_operator(operator: Person) -> Client:
    return signed_in(operator)


def tiles(client: Client) -> dict[str, str]:
    """What each tile says, by its title, as it is now."""
    figures.forget()
    text = shown(client, "/admin/")
    found = re.findall(
        r'<li class="dash-tile (\w+)">\s*<h2>(.*?)</h2>\s*<p[^>]*>(.*?)</p>\s*<p[^>]*>(.*?)</p>', text, re.DOTALL
    )
    return {re.sub("<[^>]+>", "", title): f"{tone}: {value}. {note}" for tone, title, value, note in found}


def hours(client: Client) -> list[int]:
    """The table below the chart, the hour that goes on first."""
    figures.forget()
    text = shown(client, "/admin/").partition('class="dash-table"')[2].partition("</table>")[0]
    return [int(one) for one in re.findall(r"<td>(\d+)</td>", text)]


@pytest.mark.parametrize(
    ("group", "titles", "has_chart"),
    [
        ("moderators", {"Reports"}, False),
        ("operators", OPERATION | {"Retention"}, True),
        ("compliance", {"Retention"}, True),
    ],
)
def test_each_sees_what_they_have_a_right_to(group: str, titles: set[str], has_chart: bool) -> None:
    client = signed_in(staff("looker", group))
    assert tiles(client).keys() == titles
    assert ("dash-chart" in shown(client, "/admin/").partition("</head>")[2]) is has_chart


def test_a_superuser_sees_everything(superuser: Client) -> None:
    assert tiles(superuser).keys() == OPERATION | {"Retention", "Reports"}


def test_who_may_see_nothing_is_shown_nothing_and_nothing_is_asked(
    clerk: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask() -> None:
        raise AssertionError("it was asked")

    monkeypatch.setattr(figures.figures, "_ask", ask)
    assert 'class="dash"' not in shown(signed_in(clerk), "/admin/")


def test_a_tile_leads_nowhere_without_the_right_to_go_there(superuser: Client) -> None:
    looker = signed_in(staff("looker", rights=("core.view_task",)))
    assert 'href="/admin/core/task/"' in shown(looker, "/admin/")
    assert "/admin/messaging/report/" not in shown(looker, "/admin/")
    assert 'href="/admin/messaging/report/"' in shown(superuser, "/admin/")


def test_open_reports_are_counted(mod1: Person, teacher: Person, student: Person, classmate: Person) -> None:
    client = signed_in(mod1)
    assert tiles(client)["Reports"].startswith("good: None open")
    [message] = say(student, room_of(teacher, student, classmate), "Something.")
    report(classmate, message["id"])
    assert tiles(client)["Reports"].startswith("fair: 1 open. The oldest came just now")


def test_a_report_about_oneself_is_in_nobodys_count_but_the_others(
    mod1: Person, student: Person, classmate: Person
) -> None:
    """T120: an empty queue beside a count of one would tell whom it is about."""
    [message] = say(mod1, room_of(mod1, student, classmate), "Something.")
    report(student, message["id"])
    assert tiles(signed_in(make_moderator("mod2")))["Reports"].startswith("fair: 1 open")
    assert tiles(signed_in(mod1))["Reports"] == "good: None open. Nobody waits for a moderator."


def test_redis_is_not_called_there_where_there_is_none(as_operator: Client, settings: Settings) -> None:
    settings.REDIS_URL = ""
    assert tiles(as_operator)["This server"].startswith("good: Ready. No Redis: this is the only process.")


def test_people_online_are_counted(as_operator: Client, pat1: Person, server: Server) -> None:
    leases.clear()  # people of tests before this one fade for a while
    with connect(server, pat1.token):
        server.sees(lambda: [*leases.keys(PRESENCE)] == [pat1.id])
        assert tiles(as_operator)["People online"].startswith("plain: 1.")


def test_messages_are_counted_by_the_hour(as_operator: Client, teacher: Person, student: Person) -> None:
    room = room_of(teacher, student)
    say(student, room, "one", "two")
    this = now().replace(minute=0, second=0, microsecond=0)
    for ago, count in ((1, 3), (23, 1), (24, 5)):
        for number in range(count):
            moment = this - timedelta(hours=ago) + timedelta(minutes=number)
            row = UUID(int=(int(moment.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | number)
            Message.objects.create(
                pk=row, conversation_id=room, sender=student.user, seq=1000 * ago + number, body=b"x", created_at=moment
            )
    assert hours(as_operator) == [2, 3, *[0] * 21, 1]
    say(student, room, "three")
    assert hours(as_operator) == [3, 3, *[0] * 21, 1]


def test_hours_that_are_over_are_counted_once(as_operator: Client) -> None:
    def counts() -> int:
        figures.figures.forget()
        with CaptureQueriesContext(connection) as captured:
            shown(as_operator, "/admin/")
        return sum("messaging_message" in query["sql"] for query in captured)

    figures.forget()
    assert counts() == figures.HOURS
    assert counts() in {1, 2}


def test_the_worker_is_there_or_not(as_operator: Client) -> None:
    assert tiles(as_operator)["Worker"].startswith("bad: Never started")
    Task.objects.create(name=figures.HEARTBEAT, periodic=True)
    assert run_due() == 1
    assert tiles(as_operator)["Worker"].startswith("good: Working")
    Task.objects.update(run_at=now() - timedelta(minutes=5))
    assert tiles(as_operator)["Worker"].startswith("bad: Stopped. Last heard of 5 minutes ago")


def test_jobs_that_failed_and_that_are_due(as_operator: Client) -> None:
    assert tiles(as_operator)["Jobs"] == "good: None failed. Nothing waits."
    Task.objects.create(name="x", run_at=now() - timedelta(minutes=3))
    assert tiles(as_operator)["Jobs"] == "good: None failed. 1 due, the oldest of them 3 minutes ago."
    Task.objects.create(name="x", state=TaskState.FAILED, finished_at=now())
    assert tiles(as_operator)["Jobs"].startswith("bad: 1 failed")
    assert 'href="/admin/core/task/?state=failed"' in shown(as_operator, "/admin/")


def test_retention_last_and_next(as_operator: Client) -> None:
    assert tiles(as_operator)["Retention"] == "plain: Next at 03:00. There was no run yet."
    run = Run.objects.create(by="worker", state="done", finished_at=now())
    run.counts.create(rule="messaging.messages", rows=1, files=2)
    run.counts.create(rule="messaging.events", rows=1200)
    said = "Last run just now: 1,201 rows and 2 files removed."
    assert tiles(as_operator)["Retention"] == f"good: Next at 03:00. {said}"
    Run.objects.update(started_at=now() - timedelta(days=2))
    assert tiles(as_operator)["Retention"] == f"fair: Due now. {said}"
    Run.objects.update(state="failed")
    assert tiles(as_operator)["Retention"].startswith("bad: A rule failed")
    Run.objects.update(state="running", finished_at=None)
    assert tiles(as_operator)["Retention"].startswith("plain: Running. A run began 2 days ago")


def test_the_last_backup(as_operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tiles(as_operator)["Last backup"].startswith("fair: None yet")
    with audit.transaction():
        audit.record("backup.made", actor=SYSTEM)
    assert tiles(as_operator)["Last backup"].startswith("good: Just now. Made on ")
    monkeypatch.setattr(figures, "last_backup", lambda: now() - timedelta(days=3))
    assert tiles(as_operator)["Last backup"].startswith("bad: 3 days ago")


def test_a_log_too_long_to_find_the_backup_in_keeps_nothing_else_from_being_seen(
    as_operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look() -> None:
        raise OperationalError from QueryCanceled()

    monkeypatch.setattr(figures, "last_backup", look)
    assert tiles(as_operator)["Last backup"].startswith("fair: Unknown")
    assert tiles(as_operator).keys() == OPERATION | {"Retention"}


def test_a_process_that_drains_says_so(as_operator: Client) -> None:
    assert "Ready" in tiles(as_operator)["This server"]
    draining.begin()
    try:
        assert tiles(as_operator)["This server"].startswith("fair: Draining")
    finally:
        draining.reset()


def test_it_is_asked_once_in_ten_seconds_however_many_look(
    as_operator: Client, superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    ask: Callable[[], object] = figures.figures._ask

    def count() -> object:
        asked.append(1)
        return ask()

    monkeypatch.setattr(figures.figures, "_ask", count)
    clock = [1e6]
    monkeypatch.setattr(remembering, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    for client in (as_operator, superuser, as_operator):
        shown(client, "/admin/")
    assert len(asked) == 1
    clock[0] += figures.FRESH_FOR
    shown(as_operator, "/admin/")
    assert len(asked) == 2


def test_a_database_that_takes_too_long_leaves_the_rest_of_the_page(
    as_operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask() -> None:
        raise OperationalError from QueryCanceled()

    monkeypatch.setattr(figures.figures, "_ask", ask)
    text = shown(as_operator, "/admin/")
    assert "takes too long" in text
    assert 'href="/admin/core/task/"' in text


def test_the_page_needs_nothing_that_its_own_headers_forbid(as_operator: Client) -> None:
    """T159: no style or script within the page; and the chart says what it shows to whoever cannot see it."""
    text = shown(as_operator, "/admin/")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)
    assert 'role="img" aria-labelledby="dash-chart-title dash-chart-desc"' in text
    assert len(hours(as_operator)) == figures.HOURS


def at(hour: int) -> datetime:
    return datetime(2026, 3, 4, hour, tzinfo=UTC)


@pytest.mark.no_database
def test_bars_stand_side_by_side_within_the_picture() -> None:
    counted = [0, 1, 5, 1234, *range(20)]
    chart = chart_of([Hour(at(hour), count) for hour, count in enumerate(counted)])
    assert [line.label for line in chart.lines] == ["0", "1,000", "2,000"]
    assert (chart.total, chart.most.messages) == (sum(counted), 1234)
    assert [bar.height == 0 for bar in chart.bars] == [count == 0 for count in counted]
    for left, right in zip(chart.bars, chart.bars[1:], strict=False):
        assert left.x + left.width < right.x
    for bar in chart.bars:
        assert bar.y >= 0
        assert bar.y + bar.height == pytest.approx(chart.bars[0].y, abs=0.02)
        assert bar.x + bar.width <= chart.width
    assert [bar.label for bar in chart.bars if bar.label] == [f"{hour:02}:00" for hour in range(0, 24, 3)]


@pytest.mark.no_database
@pytest.mark.parametrize(("most", "top"), [(0, "2"), (2, "2"), (3, "4"), (10, "10"), (11, "20"), (4001, "6,000")])
def test_the_scale_ends_at_a_round_number(most: int, top: str) -> None:
    assert chart_of([Hour(at(0), most)]).lines[-1].label == top
