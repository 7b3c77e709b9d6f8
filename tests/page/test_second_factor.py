"""The second factor in a real browser: the picture is drawn under our content policy, and the way through works."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import expect

from accounts import services
from tests.accounts.authenticator import code_at
from tests.live import Server
from tests.page.browser import OpenWindow, Window
from tests.people import PASSWORD, Person


@pytest.fixture
def required(settings: Any) -> None:
    settings.ADMIN_REQUIRE_TOTP = True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False


def sign_in(opened: Window, code: str = "") -> None:
    opened.page.get_by_label("Username").fill("adm1")
    opened.page.get_by_label("Password").fill(PASSWORD)
    opened.page.get_by_label("Code").fill(code)
    opened.page.get_by_role("button", name="Log in").click()


@pytest.fixture
def secret(adm1: Person) -> str:
    """Of the app that adm1 has set up."""
    actor = adm1.actor
    secret: str = services.begin_second_factor(actor=actor, session="here").secret
    services.confirm_second_factor(actor=actor, session="here", code=code_at(secret, time.time()))
    return secret


def test_the_page_asks_for_the_code_of_those_who_have_an_app(secret: str, window: OpenWindow, server: Server) -> None:
    opened = window()
    opened.forgive("401")
    opened.page.goto(server.url)

    def sign_in_here(code: str) -> None:
        opened.page.get_by_label("Username").fill("adm1")
        opened.page.get_by_label("Password").fill(PASSWORD)
        if code:
            opened.page.get_by_text("I use an authenticator app").click()
            opened.page.get_by_label("Code").fill(code)
        opened.page.get_by_role("button", name="Sign in").click()

    sign_in_here("")
    expect(opened.page.get_by_role("alert")).to_contain_text("the code is not right")
    sign_in_here(code_at(secret, time.time() + 30))
    expect(opened.page.get_by_role("button", name="Sign out")).to_be_visible()


def test_staff_set_up_an_app_and_sign_in_with_it(
    required: None, adm1: Person, window: OpenWindow, server: Server
) -> None:
    opened = window()
    opened.page.goto(f"{server.url}/admin/")
    sign_in(opened)
    expect(opened.page.get_by_text("Set it up to go on")).to_be_visible()
    picture = opened.page.locator("#qr svg").bounding_box()
    assert picture is not None
    assert picture["width"] == picture["height"] >= 150

    secret = opened.page.locator("#secret").inner_text()
    now = opened.page.evaluate("Date.now() / 1000")
    opened.page.get_by_label("Code").fill(code_at(secret, now))
    opened.page.get_by_role("button", name="Set up").click()
    codes = opened.page.locator("#recovery-codes li")
    expect(codes).to_have_count(10)
    recovery = codes.first.inner_text()
    assert re.fullmatch(r"[A-Z2-7]{4}(-[A-Z2-7]{4}){3}", recovery)
    opened.page.get_by_role("link", name="I have them").click()
    expect(opened.page.locator("#content").get_by_role("heading", name="How it is")).to_be_visible()

    elsewhere = window()
    elsewhere.page.goto(f"{server.url}/admin/")
    sign_in(elsewhere, "000000")
    expect(elsewhere.page.get_by_text("This code is not right")).to_be_visible()
    sign_in(elsewhere, code_at(secret, now + 30))
    expect(elsewhere.page.get_by_role("button", name="Log out")).to_be_visible()
    elsewhere.page.get_by_role("button", name="Log out").click()
    elsewhere.page.goto(f"{server.url}/admin/")
    sign_in(elsewhere, recovery)
    expect(elsewhere.page.get_by_role("button", name="Log out")).to_be_visible()
