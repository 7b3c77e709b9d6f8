"""Who is at the end of a conversation stays there, whatever takes room below it; who reads above is not moved."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.attachments.filing import NOTE
from tests.page.attaching import a_file, attach, in_tray, is_ready, send
from tests.page.browser import PATIENT, PROVIDER, OpenWindow, Window, say, until

TO_THE_END = "(it) => it.scrollHeight - it.scrollTop - it.clientHeight"
NOTES = [a_file(f"{n}.txt", NOTE, "text/plain") for n in range(4)]


@pytest.fixture
def patient(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> Window:
    for n in range(20):
        say(as_doc1, conversation, f"message {n}\n" * 3)
    patient = window()
    patient.page.context.grant_permissions(["microphone"])
    patient.sign_in(PATIENT).open(PROVIDER)
    sees_the_newest(patient)
    return patient


def sees_the_newest(patient: Window) -> None:
    log = patient.page.locator("#messages")
    until(patient, lambda: bool(log.locator("li").count()) and float(log.evaluate(TO_THE_END)) < 2)


def position(patient: Window) -> float:
    return float(patient.page.locator("#messages").evaluate("(it) => it.scrollTop"))


def test_files_and_recordings_do_not_cover_the_newest(patient: Window) -> None:
    attach(patient, *NOTES)
    is_ready(patient, len(NOTES))
    sees_the_newest(patient)
    patient.press("Record a voice message")
    expect(patient.page.get_by_role("timer")).to_be_visible()
    sees_the_newest(patient)
    patient.press("Discard")
    send(patient)
    sees_the_newest(patient)


def test_what_comes_together_with_a_file_is_seen(patient: Window, as_doc1: httpx.Client, conversation: str) -> None:
    attach(patient, *NOTES)
    for n in range(5):
        say(as_doc1, conversation, f"meanwhile {n}\n" * 3)
    expect(patient.page.locator("#messages > li")).to_have_count(25)
    is_ready(patient, len(NOTES))
    sees_the_newest(patient)


def test_who_reads_above_is_not_moved(patient: Window, as_doc1: httpx.Client, conversation: str) -> None:
    patient.page.locator("#messages").evaluate("(it) => { it.scrollTop = 300; }")
    attach(patient, *NOTES)
    is_ready(patient, len(NOTES))
    say(as_doc1, conversation, "below")
    expect(patient.page.locator("#messages > li")).to_have_count(21)
    assert position(patient) == 300
    for n in range(len(NOTES)):
        patient.press(f"Remove {n}.txt")
    expect(in_tray(patient)).to_have_count(0)
    assert position(patient) == 300
    patient.write("down again")
    expect(patient.page.locator("#messages > li")).to_have_count(22)
    sees_the_newest(patient)


def test_a_jump_to_what_was_quoted_stays_there(patient: Window, as_doc1: httpx.Client, conversation: str) -> None:
    (first,) = as_doc1.get(f"/api/v1/conversations/{conversation}/messages?after=0&limit=1").json()["results"]
    answer = {"content": "to the first", "replyToId": first["id"]}
    as_doc1.post(f"/api/v1/conversations/{conversation}/messages", json=answer).raise_for_status()
    patient.page.locator(".quote").click()
    until(patient, lambda: position(patient) == 0)
    attach(patient, *NOTES)
    is_ready(patient, len(NOTES))
    assert position(patient) == 0
