"""Presence on the page: that of others, and one's own."""

import httpx
from playwright.sync_api import Locator, expect

from tests.page.browser import PATIENT, PROVIDER, OpenWindow, Window, until
from tests.page.wire import Wire


def dot(window: Window) -> Locator:
    """How the patient sees the provider in the list."""
    return window.in_list(PROVIDER).get_by_role("img")


def test_who_is_there_is_seen_in_the_list(window: OpenWindow, conversation: str) -> None:
    patient = window().sign_in(PATIENT)
    expect(dot(patient)).to_have_accessible_name("offline")
    window().sign_in(PROVIDER)
    expect(dot(patient)).to_have_accessible_name("online")


def test_somebody_says_how_they_are(window: OpenWindow, conversation: str) -> None:
    """By keyboard and in their own words, which are seen where they are talked to."""
    patient, doctor = window().sign_in(PATIENT), window().sign_in(PROVIDER)
    patient.open(PROVIDER)
    doctor.page.locator("#me").focus()
    doctor.page.keyboard.press("Enter")
    panel = doctor.page.get_by_role("dialog", name="Your status")
    panel.get_by_label("Others see you as").select_option("busy")
    panel.get_by_label("In your words").fill("in theatre until <4 pm>")
    doctor.page.keyboard.press("Enter")
    expect(panel).to_be_hidden()
    expect(dot(patient)).to_have_accessible_name("busy")
    expect(patient.page.locator("#presence")).to_have_text("in theatre until <4 pm>")
    expect(doctor.page.locator("#me")).to_contain_text("in theatre until <4 pm>")
    expect(doctor.page.locator("#me").get_by_role("img")).to_have_accessible_name("busy")


def test_presence_is_asked_for_again_after_a_new_connection(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    patient = window()
    wire = Wire(patient.page)
    patient.sign_in(PATIENT)
    expect(dot(patient)).to_have_accessible_name("offline")
    wire.close(1012)
    until(patient, wire.opened_again)
    patient.is_connected()
    window().sign_in(PROVIDER)
    expect(dot(patient)).to_have_accessible_name("online")
