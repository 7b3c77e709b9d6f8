"""The first page of the admin in a real browser: light, dark, narrow, and without a complaint.

The picture of docs/operations.md is made here: `PICTURES=docs/images pytest tests/page/test_dashboard.py`.
"""

import math
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings

from config.dashboard import figures, keys
from core.models import Task, TaskState
from core.time import now
from messaging.models import Message
from retention.models import Run
from tests.backups.made import backup_was_made
from tests.live import Server
from tests.messaging.rooms import room_of
from tests.messaging.talking import say
from tests.moderation.reports import report
from tests.page.browser import Lent, Window
from tests.page.test_moderation import sign_in
from tests.people import Person, make_person

PAGES = (
    *("messaging/conversation", "messaging/membership", "messaging/message", "messaging/report"),
    *("accounts/user", "accounts/loginsession", "attachments/attachment", "audit/entry", "core/task"),
    *("retention/policy", "retention/policy/add", "retention/legalhold", "retention/legalhold/add"),
    *("retention/run", "retention/run/preview", "keys"),
)


@pytest.fixture
def busy_day(database: None, settings: Settings) -> Iterator[None]:
    """A server as it is on a working day: much by day, little by night, a report, and one job that failed."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    figures.forget()
    keys.forget()
    teacher, student = make_person("instructor1", "instructor"), make_person("student1", "student")
    room = room_of(teacher, student, name="Anatomy I")
    [message] = say(student, room, "Something.")
    report(teacher, message["id"])
    this, sent = now().replace(minute=0, second=0, microsecond=0), []
    for ago in range(24):
        begin = this - timedelta(hours=ago)
        count = max(1, int(60 * math.sin(math.pi * (begin.hour - 5) / 15))) if 6 <= begin.hour <= 20 else 2
        for number in range(count if ago else count // 2 + 1):
            row = UUID(int=(int(begin.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | number)
            seq = 100 + 1000 * ago + number
            sent.append(Message(pk=row, conversation_id=room, sender=student.user, seq=seq, body=b"x"))
    Message.objects.bulk_create(sent)
    Task.objects.create(name=figures.HEARTBEAT, periodic=True, run_at=now() + timedelta(minutes=5))
    Task.objects.create(name="messaging.out_of_office", state=TaskState.FAILED, reason="TimeoutError", attempts=10)
    run = Run.objects.create(by="worker", state="done", finished_at=now() - timedelta(hours=3))
    run.counts.create(rule="messaging.messages", rows=1204, files=38)
    backup_was_made(ago=timedelta(hours=6))
    yield
    figures.forget()
    keys.forget()


def take(page: Page, name: str) -> None:
    """Keep a picture, where somebody wants one."""
    if folder := os.environ.get("PICTURES", ""):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.fixture
def borrowed(lent: Lent, busy_day: None, adm1: Person) -> Iterator[Browser]:
    with lent.borrowed() as browser:
        yield browser


def does_not_scroll_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_it_looks_right_in_light_and_dark_and_on_a_narrow_screen(
    borrowed: Browser, adm1: Person, server: Server
) -> None:
    window = Window(borrowed, server.url, width=1280)
    page = window.page
    sign_in(page, server, adm1)
    expect(page.get_by_role("heading", name="How it is")).to_be_visible()
    expect(page.get_by_role("img", name="Messages per hour of the last 24 hours")).to_be_visible()
    expect(page.locator(".dash-tile")).to_have_count(7)
    colours = page.eval_on_selector_all(".dash-value", "all => all.map(one => getComputedStyle(one).color)")
    assert len(set(colours)) >= 3
    take(page, "dashboard")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.querySelector('.dash-value')).color") != colours[0]
    take(page, "dashboard-dark")
    page.set_viewport_size({"width": 360, "height": 740})
    assert does_not_scroll_sideways(page)
    take(page, "dashboard-narrow")
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("row", name="until now")).to_be_visible()
    page.get_by_role("link", name="Jobs").first.click()
    expect(page.get_by_text("messaging.out_of_office")).to_be_visible()
    assert window.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_list_and_form_is_well_in_a_browser(
    width: int, scheme: Literal["light", "dark"], borrowed: Browser, adm1: Person, server: Server
) -> None:
    """Nothing that the headers forbid is on any of them, and none is wider than the screen."""
    window = Window(borrowed, server.url, width=width)
    sign_in(window.page, server, adm1)
    window.page.emulate_media(color_scheme=scheme)
    for name in (*PAGES, f"accounts/user/{adm1.id}/change"):
        window.page.goto(f"{server.url}/admin/{name}/")
        expect(window.page.locator("#content h1")).to_be_visible()
        assert does_not_scroll_sideways(window.page), name
        results = window.page.locator("#changelist .results")
        if width == 1280 and results.count():
            assert results.evaluate("one => one.scrollWidth <= one.clientWidth"), name
        take(window.page, f"admin-{name.replace('/', '-').replace(str(adm1.id), 'one')}-{width}-{scheme}")
    assert window.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_log_is_read_without_moving_it_sideways(
    width: int, scheme: Literal["light", "dark"], borrowed: Browser, adm1: Person, server: Server
) -> None:
    """Who, what and about what, each in sight; and its filter without a list of a hundred verbs."""
    window = Window(borrowed, server.url, width=width)
    page = window.page
    sign_in(page, server, adm1)
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{server.url}/admin/audit/entry/")
    results = page.locator("#changelist .results")
    assert results.evaluate("one => one.scrollWidth <= one.clientWidth")
    expect(results.get_by_text("sent a message").first).to_be_visible()
    expect(results.get_by_text("student1").first).to_be_visible()
    page.get_by_label("What somebody did").select_option(label="sent a message (message.created)")
    page.get_by_role("button", name="Show").click()
    assert set(results.locator(".field-what").all_inner_texts()) == {"sent a message\nmessage.created"}
    expect(page.get_by_label("What somebody did")).to_have_value("message.created")
    assert window.complaints == []


def test_a_refusal_is_a_page_with_a_way_back(borrowed: Browser, adm1: Person, server: Server) -> None:
    window = Window(borrowed, server.url, width=1280)
    page = window.page
    sign_in(page, server, adm1)
    page.goto(f"{server.url}/admin/nothing/")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    take(page, "admin-refused-1280-light")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 740})
    assert does_not_scroll_sideways(page)
    take(page, "admin-refused-390-dark")
    page.get_by_role("link", name="To the first page").click()
    expect(page.get_by_role("heading", name="How it is")).to_be_visible()


def test_it_works_without_javascript(borrowed: Browser, adm1: Person, server: Server) -> None:
    page = borrowed.new_context(java_script_enabled=False, viewport={"width": 420, "height": 800}).new_page()
    sign_in(page, server, adm1)
    expect(page.get_by_text("Working", exact=True)).to_be_visible()
    page.get_by_role("link", name="Jobs").first.click()
    page.locator("#result_list tbody a").first.click()
    page.get_by_role("button", name="Try it again now").click()
    expect(page.get_by_text("It is tried again as soon as a worker is free.")).to_be_visible()
