"""Leaving the page with something that is not sent: nothing stays behind, and nobody loses it unasked."""

import httpx
from playwright.sync_api import expect

from tests.attachments.filing import NOTE
from tests.page.attaching import a_file, attach, in_tray, is_ready
from tests.page.browser import PATIENT, PROVIDER, OpenWindow, Window, say


def with_a_file(patient: Window) -> Window:
    patient.sign_in(PATIENT).open(PROVIDER)
    attach(patient, a_file("note.txt", NOTE, "text/plain"))
    is_ready(patient)
    return patient


def test_signing_out_asks_first_and_then_empties_the_page(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    say(as_doc1, conversation, "in confidence")
    patient = with_a_file(window())
    patient.press("Sign out")
    expect(patient.page.get_by_role("alert")).to_have_text("What is not sent yet would be lost.")
    expect(in_tray(patient)).to_have_count(1)
    patient.page.get_by_label("Message", exact=True).click()  # they think better of it
    patient.is_connected()
    patient.press("Sign out")
    patient.press("Really sign out?")
    patient.is_signed_out()
    assert "in confidence" not in patient.page.content()


def test_who_has_sent_everything_is_not_asked(window: OpenWindow, conversation: str) -> None:
    patient = with_a_file(window())
    patient.press("Remove note.txt")
    patient.press("Sign out")
    patient.is_signed_out()


def test_a_session_that_is_ended_empties_the_page_at_once(
    window: OpenWindow, as_doc1: httpx.Client, as_pat1: httpx.Client, conversation: str
) -> None:
    """Before another one has come, which may take as long as the server does."""
    say(as_doc1, conversation, "in confidence")
    patient = with_a_file(window())
    patient.page.evaluate("onpagehide = () => sessionStorage.setItem('shown', document.body.checkVisibility())")
    as_pat1.post("/api/v1/auth/logout-all").raise_for_status()
    patient.is_signed_out("You were signed out.")
    assert patient.page.evaluate("sessionStorage.getItem('shown')") == "false"
    assert "in confidence" not in patient.page.content()


def test_signing_out_in_another_tab_empties_this_one(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    say(as_doc1, conversation, "in confidence")
    patient = with_a_file(window())
    other = patient.page.context.new_page()
    other.goto(patient.url)
    other.get_by_role("button", name="Sign out").click()
    expect(patient.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert "in confidence" not in patient.page.content()
