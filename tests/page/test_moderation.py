"""A moderator's work in a real browser, from the queue to the suspended account.

The pictures of docs/moderation.md are made here: `PICTURES=docs/images pytest tests/page/test_moderation.py`.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings

from tests.live import Server
from tests.messaging.rooms import room_of
from tests.messaging.talking import entries, say
from tests.moderation.reports import Case, make_moderator, report
from tests.page.browser import Lent, Window
from tests.people import PASSWORD, Person, make_person
from tests.sockets import connect

WORDS = "Nobody likes you. Drop the course, K<3.5 or not."
WORRY = "This is the third time this week."

Take = Callable[[Page, str], None]


@pytest.fixture
def mod1(database: None) -> Person:
    """In the group `moderators`, and without any other right."""
    return make_moderator("mod1", display_name="Mona Derat")


@pytest.fixture
def offender(database: None) -> Person:
    return make_person("student2", "student", display_name="Stefan Laut")


@pytest.fixture
def case(offender: Person, settings: Settings) -> Case:
    """One of three messages in the room of a course, reported with its neighbours. The tests talk plain HTTP."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    teacher = make_person("instructor1", "instructor", display_name="Ines Dupont")
    reporter = make_person("student1", "student", display_name="Sam Lee")
    room = room_of(teacher, reporter, offender, kind="course", name="canary-of-a-room")
    say(teacher, room, "Welcome to Anatomy I. The first lab is on Monday at ten.")
    [message] = say(offender, room, WORDS)
    say(reporter, room, "Please stop that.")
    return report(reporter, message["id"], "harassment", note=WORRY, context=True)


@pytest.fixture
def take() -> Take:
    """`take(page, "name")` keeps a picture of the page, where somebody wants one."""
    folder = os.environ.get("PICTURES", "")

    def picture(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            height = page.evaluate("document.querySelector('#content').scrollHeight") + 180
            page.set_viewport_size({"width": 1280, "height": height})
            page.screenshot(path=Path(folder) / f"{name}.png")

    return picture


@pytest.fixture
def borrowed(lent: Lent, case: Case, mod1: Person, adm1: Person) -> Iterator[Browser]:
    """Whoever takes part comes first, because rows cannot be made while a test has the browser."""
    with lent.borrowed() as browser:
        yield browser


def sign_in(page: Page, server: Server, person: Person) -> None:
    page.goto(f"{server.url}/admin/")
    page.get_by_label("Username").fill(person.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def measure(page: Page, name: str) -> None:
    """Unfold it, and press its button."""
    page.locator("summary", has_text=name).click()
    page.get_by_role("button", name=name).click()


def shows_nothing(page: Page) -> None:
    text = page.content()
    assert not any(words in text for words in ("Nobody likes you", WORRY, "Please stop that", "canary"))


def looks_around(page: Page, server: Server) -> None:
    """Every page of the admin that a link leads to, from the first on: nothing of what was written stands on any."""
    seen, waiting = set[str](), [f"{server.url}/admin/"]
    while waiting and len(seen) < 60:
        address = waiting.pop(0)
        seen.add(address)
        page.goto(address)
        shows_nothing(page)
        found = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href.split('#')[0])")
        new = {one for one in found if re.match(re.escape(f"{server.url}/admin/"), one) and "/docs/" not in one}
        waiting += sorted(new - seen - set(waiting))
    assert any("messaging/report/" in one for one in seen)


def test_a_moderator_opens_the_evidence_hides_mutes_and_suspends(
    lent: Lent, case: Case, mod1: Person, offender: Person, server: Server, take: Take
) -> None:
    """From the first page of the admin to the closed socket, with no more rights than the group has."""
    with connect(server, offender.token) as socket, lent.borrowed() as browser:
        window = Window(browser, server.url, width=1280)
        page = window.page
        sign_in(page, server, mod1)
        page.get_by_role("link", name="Reports", exact=True).first.click()
        expect(page.get_by_role("heading", name="Reports", exact=True)).to_be_visible()
        shows_nothing(page)
        take(page, "reports")
        page.locator("#result_list tbody a").first.click()
        expect(page.get_by_role("heading", name="Report of harassment")).to_be_visible()
        shows_nothing(page)
        take(page, "report")
        page.get_by_role("button", name="Open the evidence").click()
        expect(page.get_by_text(WORDS)).to_be_visible()
        expect(page.get_by_text(WORRY)).to_be_visible()
        take(page, "evidence")
        measure(page, "Hide the message")
        expect(page.get_by_text("The message is hidden from everybody.")).to_be_visible()
        shows_nothing(page)
        measure(page, "Mute in this conversation")
        expect(page.get_by_text("The person was muted in this conversation.")).to_be_visible()
        page.locator("summary", has_text="Suspend the account").click()
        pressed = time.monotonic()
        page.get_by_role("button", name="Suspend the account").click()
        assert socket.closed_with(1.0) == 4403
        assert time.monotonic() - pressed < 10
        expect(page.get_by_text("The account is suspended")).to_be_visible()
        page.emulate_media(color_scheme="dark")
        take(page, "settled-dark")
        looks_around(page, server)
        assert window.complaints == []
    assert [
        event["event"] for event in socket.kept() if event.get("event") in {"message:deleted", "member:updated"}
    ] == [
        "message:deleted",
        "member:updated",
    ]
    row = case.row
    assert (row.state, row.outcome, row.settled_by_id) == ("settled", "suspended", mod1.id)
    assert case.deeds == [("mod1", deed) for deed in ("opened", "hidden", "muted", "suspended")]
    assert [(entry.object, entry.reason) for entry in entries("report.acted", mod1)] == [
        (case.id, deed) for deed in ("hidden", "muted", "suspended")
    ]
    assert [entry.object for entry in entries("report.opened", mod1)] == [case.id]
    for verb, subject in (
        ("message.deleted", row.message_id),
        ("member.updated", offender.id),
        ("user.disabled", offender.id),
        ("session.ended", offender.signed_in.session_id),
    ):
        assert [entry.object for entry in entries(verb, mod1)] == [subject], verb
    assert entries("reports.viewed", mod1)
    assert entries("report.viewed", mod1)


def test_a_superuser_finds_nothing_that_anybody_wrote(borrowed: Browser, adm1: Person, server: Server) -> None:
    window = Window(borrowed, server.url)
    sign_in(window.page, server, adm1)
    looks_around(window.page, server)
    assert window.complaints == []


def test_everything_works_without_javascript(borrowed: Browser, case: Case, mod1: Person, server: Server) -> None:
    page = borrowed.new_context(java_script_enabled=False, viewport={"width": 420, "height": 800}).new_page()
    sign_in(page, server, mod1)
    page.goto(f"{server.url}{case.address}")
    page.get_by_role("button", name="Open the evidence").click()
    expect(page.get_by_text(WORDS)).to_be_visible()
    page.get_by_label("For other moderators").fill("Second time: see March.")
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_text("The note was added.")).to_be_visible()
    page.locator("summary", has_text="Warn the person").click()
    page.get_by_label("In your own words").fill("Please be kind.")
    page.get_by_role("button", name="Warn the person").click()
    expect(page.get_by_text("The person was warned.")).to_be_visible()
