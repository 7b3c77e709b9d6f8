"""What becomes of a message, as its sender sees it."""

import httpx
from playwright.sync_api import Locator, expect

from tests.page.browser import OTHER_PROVIDER, PATIENT, PROVIDER, OpenWindow, Window, room
from tests.people import Person


def state(window: Window, text: str) -> Locator:
    return window.message(text).locator(".state")


def test_a_message_is_sent_then_delivered_then_read(window: OpenWindow, conversation: str) -> None:
    """Delivered as soon as the other's page has it, read once they look at it; and so after a reload."""
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.write("Hello?")
    expect(state(patient, "Hello?")).to_have_text("sent")
    doctor = window().sign_in(PROVIDER)
    expect(state(patient, "Hello?")).to_have_text("delivered")
    doctor.open(PATIENT)
    doctor.shows("Hello?")
    expect(state(doctor, "Hello?")).to_have_text("")
    expect(state(patient, "Hello?")).to_have_text("read")
    patient.page.reload()
    patient.is_connected()
    patient.open(PROVIDER)
    expect(state(patient, "Hello?")).to_have_text("read")


def test_in_a_room_everybody_has_to_have_read(
    window: OpenWindow, as_doc1: httpx.Client, as_pat1: httpx.Client, pat1: Person, doc2: Person
) -> None:
    """Those who came later do not hold it back."""
    ward = room(as_doc1, "Ward 3", pat1)
    doctor = window().sign_in(PROVIDER)
    doctor.open("Ward 3")
    doctor.write("Before")
    expect(state(doctor, "Before")).to_have_text("sent")
    as_doc1.post(f"/api/v1/conversations/{ward}/members", json={"userIds": [str(doc2.id)]}).raise_for_status()
    doctor.write("After")
    expect(state(doctor, "After")).to_have_text("sent")
    patient = window().sign_in(PATIENT)
    patient.open("Ward 3")
    expect(state(doctor, "Before")).to_have_text("read")
    expect(state(doctor, "After")).to_have_text("sent")
    colleague = window().sign_in(OTHER_PROVIDER)
    expect(state(doctor, "After")).to_have_text("delivered")
    colleague.open("Ward 3")
    expect(state(doctor, "After")).to_have_text("read")
