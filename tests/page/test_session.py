"""Signing in and out on the page."""

import json

import httpx
from playwright.sync_api import expect

from tests.live import Server
from tests.page.browser import PATIENT, PROVIDER, OpenWindow, say
from tests.people import Person


def test_a_wrong_password_is_said_and_no_more(window: OpenWindow, server: Server) -> None:
    opened = window()
    opened.page.goto(server.url)
    opened.page.get_by_label("Username").fill(PATIENT.username)
    opened.page.get_by_label("Password").fill("not the password")
    opened.page.keyboard.press("Enter")
    expect(opened.page.get_by_role("alert")).not_to_be_empty()
    opened.forgive("401")


def test_a_reload_keeps_the_session_and_signing_out_ends_it(window: OpenWindow, server: Server, pat1: Person) -> None:
    """The token is in no storage a script could read: only the cookie survives the reload."""
    patient = window().sign_in(PATIENT)
    patient.page.reload()
    patient.is_connected()
    stored = patient.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert json.loads(stored) == [{"parley-signed-in": str(pat1.id)}, {}, ""]
    patient.page.get_by_role("button", name="Sign out").click()
    patient.is_signed_out()
    patient.page.reload()
    patient.is_signed_out()


def test_logging_out_elsewhere_ends_the_page_at_once(
    window: OpenWindow, as_doc1: httpx.Client, as_pat1: httpx.Client, conversation: str
) -> None:
    say(as_doc1, conversation, "private")
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.shows("private")
    as_pat1.post("/api/v1/auth/logout-all").raise_for_status()
    patient.is_signed_out("You were signed out.")
    assert patient.texts() == []
