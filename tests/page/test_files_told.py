"""What the page says about files: what is wrong with them, what they are called, and what comes next."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.attachments.conftest import shelf
from tests.attachments.filing import NOTE, Shelf, picture, uploaded
from tests.attachments.samples import wav, webm
from tests.page.attaching import a_file, attach, in_tray, is_ready, picture_comes, sent_with, shown
from tests.page.browser import PATIENT, PROVIDER, OpenWindow, Window
from tests.page.cable import Cable

__all__ = ["shelf"]

PROGRAM = b"MZ" + bytes(200)
BUSY = {"code": "overloaded", "detail": "Too many uploads come at once.", "retryAfterMs": 1000}
IN_SIGHT = """(row) => {
  const it = row.getBoundingClientRect(), tray = row.parentElement.getBoundingClientRect();
  return it.top >= tray.top - 1 && it.bottom <= tray.bottom + 1;
}"""
TELL = """async (texts) => {
  const { announce } = await import(new URL('dom.js', document.querySelector('script[src]').src));
  texts.forEach(announce);
}"""


def opened(patient: Window) -> Window:
    patient.sign_in(PATIENT).open(PROVIDER)
    return patient


def alert_of(patient: Window) -> Any:
    return expect(patient.page.get_by_role("alert"))


def test_while_the_server_refuses_the_tray_says_so_and_begins_anew(window: OpenWindow, conversation: str) -> None:
    patient = opened(window())
    patient.page.route("**/api/v1/attachments", lambda route: route.fulfill(status=503, json=BUSY), times=1)
    attach(patient, a_file("note.txt", NOTE, "text/plain"))
    expect(in_tray(patient)).to_contain_text("Too many uploads come at once. Trying again…")
    expect(in_tray(patient).get_by_role("progressbar")).to_have_js_property("value", 0)
    is_ready(patient)
    expect(in_tray(patient)).not_to_contain_text("again")
    patient.forgive("Failed to load resource")


def test_while_the_server_is_gone_the_tray_says_so(window: OpenWindow, cable: Cable, conversation: str) -> None:
    patient = opened(window(cable.url))
    with cable.unplugged():
        attach(patient, a_file("note.txt", NOTE, "text/plain"))
        expect(in_tray(patient)).to_contain_text("The server cannot be reached. Trying again…")
    is_ready(patient)
    for words in ("ERR_", "WebSocket connection to"):
        patient.forgive(words)


def test_a_refused_file_is_named_and_brought_into_sight(window: OpenWindow, conversation: str) -> None:
    patient = opened(window())
    notes = [a_file(f"{n}.txt", NOTE, "text/plain") for n in range(8)]
    attach(patient, *notes, a_file("setup.exe", PROGRAM), a_file("other.exe", PROGRAM))
    expect(patient.page.locator("#tray .ready")).to_have_count(8)
    expect(patient.page.locator("#tray .refused")).to_have_count(2)
    refused = in_tray(patient, "setup.exe")
    assert not refused.evaluate(IN_SIGHT)
    patient.press("Send")
    alert_of(patient).to_have_text("setup.exe cannot be sent. Remove it first.")
    expect(patient.page.get_by_role("alert").locator("bdi")).to_have_text("setup.exe")
    assert refused.evaluate(IN_SIGHT)
    patient.forgive("Failed to load resource")


def test_two_texts_that_come_together_are_both_told(window: OpenWindow, conversation: str) -> None:
    """To who hears the page: two files that are refused at the same moment, a message with a file that has arrived."""
    patient = opened(window())
    patient.page.evaluate(TELL, ["one.exe: no.", "two.exe: no."])
    expect(patient.page.locator("#announcement")).to_have_text("one.exe: no. two.exe: no.")
    patient.page.evaluate(TELL, ["three.txt is attached."])
    expect(patient.page.locator("#announcement")).to_have_text("three.txt is attached.")


def test_a_notice_does_not_outlive_what_it_was_about(window: OpenWindow, conversation: str) -> None:
    patient = window()
    patient.page.context.grant_permissions(["microphone"])
    opened(patient).press("Record a voice message")
    expect(patient.page.get_by_role("button", name="Stop")).to_be_focused()
    patient.write("too early")
    alert_of(patient).to_have_text("Stop the recording first, or discard it.")
    patient.press("Stop")
    is_ready(patient)
    alert_of(patient).to_have_text("")


def test_a_download_that_fails_says_why(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str, shelf: Shelf
) -> None:
    file = uploaded(as_doc1, conversation)
    sent_with(as_doc1, conversation, file)
    (lies,) = shelf.all()
    patient = opened(window())
    lies.write_bytes(bytes(len(lies.read_bytes())))
    patient.press("Download note.txt")
    alert_of(patient).to_have_text("What the storage holds is not the file that was stored.")
    patient.forgive("502")


def test_an_empty_file_is_saved_too(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, b"", "empty.txt"))
    patient = opened(window())
    with patient.page.expect_download() as saved:
        patient.press("Download empty.txt")
    assert saved.value.suggested_filename == "empty.txt"


def test_a_picture_without_its_thumbnail_is_shown_by_its_name(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str, shelf: Shelf
) -> None:
    file = uploaded(as_doc1, conversation, picture(), "rash.png", "image/png")
    sent_with(as_doc1, conversation, file)
    smallest = min(shelf.all(), key=lambda path: path.stat().st_size)
    smallest.unlink()
    patient = opened(window())
    expect(shown(patient)).to_contain_text("Picture, ")
    with patient.page.expect_download() as saved:
        patient.press("Download rash.png")
    assert saved.value.suggested_filename == "rash.png"
    patient.forgive("502")


def test_a_picture_says_what_it_is_called_on_one_line(window: OpenWindow, conversation: str) -> None:
    patient = opened(window())
    name = f"{'long ' * 30}.png"
    attach(patient, a_file(name, picture(), "image/png"))
    is_ready(patient)
    picture_comes(in_tray(patient).get_by_role("img"))
    caption = in_tray(patient).locator(".caption")
    expect(caption).to_have_text(name)
    assert float(caption.evaluate("(it) => it.clientHeight")) < 30
    patient.press("Send")
    expect(shown(patient).locator(".caption")).to_have_text(name)
    patient.nothing_waits()


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844), (640, 320)])
def test_everything_can_be_reached_on_small_screens(
    window: OpenWindow, conversation: str, width: int, height: int
) -> None:
    patient = window(width=width)
    patient.page.set_viewport_size({"width": width, "height": height})
    opened(patient)
    long = "long name " * 12
    attach(patient, a_file(f"{long}.txt", NOTE, "text/plain"), a_file(f"{long}.png", picture(), "image/png"))
    is_ready(patient, 2)
    attach(patient, a_file(f"{long}.exe", PROGRAM))
    expect(in_tray(patient, ".exe")).to_contain_text("not accepted")
    for remove in patient.page.get_by_role("button", name="Remove").all():
        remove.scroll_into_view_if_needed()
        expect(remove).to_be_in_viewport(ratio=0.99)
    expect(patient.page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=0.99)
    assert patient.page.evaluate("document.documentElement.scrollWidth") <= width
    assert patient.page.evaluate("tray.scrollWidth <= tray.clientWidth")
    log = patient.page.locator("#messages")
    assert float(log.evaluate("(it) => it.clientHeight")) > 40
    patient.forgive("Failed to load resource")


def test_an_empty_conversation_says_so(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    patient = opened(window())
    nothing = patient.page.get_by_text("No messages yet")
    expect(nothing).to_be_visible()
    patient.write("the first")
    patient.shows("the first")
    expect(nothing).to_be_hidden()
    patient.nothing_waits()


def test_a_recording_of_the_page_is_listed_without_its_ending(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    """Of nothing that somebody wrote, or called so, a letter is left out."""
    told = {"durationMs": "6000"}
    file = uploaded(as_doc1, conversation, webm("A_OPUS"), "Voice message.webm", "audio/webm", **told)
    sent_with(as_doc1, conversation, file, type="voice")
    patient = window().sign_in(PATIENT)
    preview = patient.in_list(PROVIDER).locator(".preview")
    ends = re.compile(r"(?<=Voice message)$")
    expect(preview).to_have_text(ends)
    patient.open(PROVIDER)
    for name, kind in (("Voice message.webm", "audio"), ("K 3.5.wav", "voice")):
        content, mime = (webm("A_OPUS"), "audio/webm") if kind == "audio" else (wav(), "audio/wav")
        sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, content, name, mime), type=kind)
        expect(preview).to_contain_text(name)
