"""Who is typing."""

from playwright.sync_api import expect

from tests.page.browser import OTHER_PROVIDER, PATIENT, PROVIDER, OpenWindow, until
from tests.page.wire import Wire


def test_typing_is_seen_until_the_message_is_there(window: OpenWindow, conversation: str) -> None:
    patient, doctor = window().sign_in(PATIENT), window().sign_in(PROVIDER)
    patient.open(PROVIDER)
    doctor.open(PATIENT)
    patient.page.get_by_label("Message", exact=True).press_sequentially("Good mor")
    expect(doctor.page.locator("#typing")).to_have_text(f"{PATIENT.name} is typing…")
    expect(patient.page.locator("#typing")).to_be_empty()
    patient.write("Good morning")
    doctor.shows("Good morning")
    expect(doctor.page.locator("#typing")).to_be_empty()


def test_typing_fades_and_is_over_when_the_text_is_taken_back(window: OpenWindow, conversation: str) -> None:
    patient, doctor = window().sign_in(PATIENT), window().sign_in(PROVIDER)
    patient.open(PROVIDER)
    doctor.open(PATIENT)
    text = patient.page.get_by_label("Message", exact=True)
    text.press_sequentially("a")
    expect(doctor.page.locator("#typing")).to_contain_text("is typing")
    text.fill("")
    expect(doctor.page.locator("#typing")).to_be_empty()


def test_typing_is_told_seldom(window: OpenWindow, conversation: str) -> None:
    """Once for a burst of keys, however fast."""
    patient = window()
    wire = Wire(patient.page)
    patient.sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.page.get_by_label("Message", exact=True).press_sequentially("0123456789" * 3)
    until(patient, lambda: "typing" in wire.asked)
    assert wire.asked.count("typing") <= 2  # twice on a machine that takes three seconds for it


def test_only_the_conversation_on_the_screen_is_looked_at(window: OpenWindow, conversation: str) -> None:
    """Also after a new connection."""
    doctor = window()
    wire = Wire(doctor.page)
    doctor.sign_in(PROVIDER)
    doctor.open(PATIENT)
    until(doctor, lambda: "conversation:join" in wire.asked)
    doctor.start_with(OTHER_PROVIDER)
    until(doctor, lambda: wire.asked.count("conversation:join") == 2)
    assert wire.asked.count("conversation:leave") == 1
    wire.close(1012)
    until(doctor, wire.opened_again)
    until(doctor, lambda: wire.asked.count("conversation:join") == 3)
    assert wire.asked.count("conversation:leave") == 1
