"""Files on the page: chosen, dropped and pasted, on their way, refused, removed and sent."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from pytest_django import Settings

from attachments.rescanning import rescan
from core.time import now
from realtime import threads
from tests.attachments.conftest import shelf
from tests.attachments.filing import NOTE, Shelf, picture
from tests.live import Server
from tests.page.attaching import a_file, attach, drop, in_tray, is_ready, messages, paste, picture_comes, send, shown
from tests.page.browser import OTHER_PROVIDER, PATIENT, PROVIDER, OpenWindow, Window, room, until
from tests.page.cable import Cable
from tests.page.test_page import fits
from tests.peers.clamd import forget, scan_with
from tests.peers.impostors import impostor, knows_its_version, takes_it_all
from tests.people import Person

__all__ = ["shelf"]

PROGRAM = b"MZ" + bytes(200)
says_clean = takes_it_all(b"stream: OK\n")


def forgive_refusals(window: Window) -> None:
    """Browsers report each of them by themselves."""
    window.forgive("Failed to load resource")


def test_a_picture_is_attached_and_seen_by_the_other(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    patient, provider = window().sign_in(PATIENT), window().sign_in(PROVIDER)
    patient.open(PROVIDER)
    provider.open(PATIENT)
    attach(patient, a_file("rash.png", picture(), "image/png"))
    is_ready(patient)
    picture_comes(in_tray(patient).locator("img"))
    send(patient)
    for one in (patient, provider):
        expect(shown(one)).to_have_count(1)
        picture_comes(shown(one).get_by_role("img", name="rash.png"))
    expect(provider.in_list(PATIENT)).to_contain_text("rash.png")
    expect(provider.page.locator("#announcement")).to_have_text("Paula Quint: rash.png")
    (sent,) = messages(as_doc1, conversation)
    assert (sent["type"], sent["content"]) == ("image", "")


def test_several_files_go_with_one_message_in_their_order(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    attach(patient, a_file("first.txt", NOTE, "text/plain"), a_file("second.png", picture(), "image/png"))
    attach(patient, a_file("third.csv", b"a,b\n1,2\n", "text/csv"))
    is_ready(patient, 3)
    patient.write("K<3.5, see the files")
    patient.shows("K<3.5, see the files")
    expect(in_tray(patient)).to_have_count(0)
    patient.nothing_waits()
    (sent,) = messages(as_doc1, conversation)
    assert sent["type"] == "file"
    assert [file["name"] for file in sent["attachments"]] == ["first.txt", "second.png", "third.csv"]


def test_files_are_dropped_and_pasted(window: OpenWindow, conversation: str) -> None:
    patient = window().sign_in(PATIENT)
    patient.page.evaluate("window.stays = 1")
    drop(patient, [("early.txt", "text/plain", "nothing is open yet")], "#conversations")
    patient.open(PROVIDER)
    drop(patient, [("one.txt", "text/plain", "one"), ("two.txt", "text/plain", "two")])
    is_ready(patient, 2)
    paste(patient, [("shot.txt", "text/plain", "three")])
    is_ready(patient, 3)
    # What a spreadsheet puts onto the clipboard is meant as text, although a picture of it comes with it.
    paste(patient, [("", "text/plain", "4"), ("", "text/html", "<b>4</b>"), ("image.png", "image/png", "4")])
    is_ready(patient, 3)
    assert patient.page.evaluate("window.stays") == 1  # a dropped file does not replace the page


def test_the_progress_is_seen_and_an_upload_can_be_cancelled(
    window: OpenWindow, conversation: str, shelf: Shelf
) -> None:
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    line = patient.page.context.new_cdp_session(patient.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", slow)
    attach(patient, a_file("long.txt", NOTE * 100_000, "text/plain"))
    progress = in_tray(patient).get_by_role("progressbar", name="long.txt")
    until(patient, lambda: 0 < float(progress.evaluate("(it) => it.value")) < 1)
    expect(in_tray(patient)).to_contain_text("%")
    patient.press("Send")
    expect(patient.page.get_by_role("alert")).to_have_text("The files have not all arrived yet.")
    patient.press("Cancel long.txt")
    expect(in_tray(patient)).to_have_count(0)
    expect(patient.page.get_by_label("Message", exact=True)).to_be_focused()
    until(patient, lambda: shelf.all() == [])
    patient.write("without it")
    patient.shows("without it")
    patient.nothing_waits()


def test_refusals_are_told_in_words(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    attach(patient, a_file("setup.exe", PROGRAM), a_file("result.pdf", PROGRAM), a_file("note.txt", NOTE))
    expect(in_tray(patient, "setup.exe")).to_contain_text("not accepted")
    expect(in_tray(patient, "result.pdf")).to_contain_text("is not what its name")
    expect(in_tray(patient)).to_have_count(3)
    expect(patient.page.locator("#tray .ready")).to_have_count(1)
    patient.page.get_by_label("Message", exact=True).fill("look")
    patient.press("Send")
    expect(patient.page.get_by_role("alert")).to_have_text("setup.exe cannot be sent. Remove it first.")
    patient.press("Remove setup.exe")
    patient.press("Remove result.pdf")
    send(patient)
    (sent,) = messages(as_doc1, conversation)
    assert [file["name"] for file in sent["attachments"]] == ["note.txt"]
    forgive_refusals(patient)


def test_a_file_too_large_for_a_room_is_refused(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str, doc2: Person, settings: Settings
) -> None:
    settings.CHAT_MAX_ATTACHMENT_SIZE = 1000
    room(as_doc1, "Ward 3", doc2)
    doctor = window().sign_in(PROVIDER)
    doctor.open("Ward 3")
    attach(doctor, a_file("note.txt", NOTE * 200_000, "text/plain"))
    expect(in_tray(doctor)).to_contain_text("at most 1000 bytes")  # the answer comes before the file has gone
    forgive_refusals(doctor)


def test_no_more_than_ten_files_go_with_one_message(window: OpenWindow, conversation: str) -> None:
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    attach(patient, *(a_file(f"{n}.txt", NOTE, "text/plain") for n in range(11)))
    expect(patient.page.get_by_role("alert")).to_have_text("At most 10 files go with one message.")
    is_ready(patient, 10)
    send(patient)
    expect(shown(patient)).to_have_count(10)


def test_a_file_that_was_removed_is_gone(
    window: OpenWindow, as_pat1: httpx.Client, as_doc1: httpx.Client, conversation: str
) -> None:
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    with patient.page.expect_response("**/api/v1/attachments") as answer:
        attach(patient, a_file("wrong.txt", NOTE, "text/plain"))
    address = f"/api/v1/attachments/{answer.value.json()['id']}"
    is_ready(patient)
    assert as_pat1.get(address).status_code == 200
    patient.press("Remove wrong.txt")
    until(patient, lambda: as_pat1.get(address).status_code == 404)
    patient.write("only words")
    patient.shows("only words")
    patient.nothing_waits()
    (sent,) = messages(as_doc1, conversation)
    assert (sent["type"], sent["attachments"]) == ("text", [])


def test_files_stay_with_the_conversation_they_were_chosen_in(window: OpenWindow, conversation: str) -> None:
    """Forgotten in one, it must not go to somebody else."""
    patient = window().sign_in(PATIENT)
    patient.start_with(OTHER_PROVIDER)
    patient.open(PROVIDER)
    attach(patient, a_file("mine.txt", NOTE, "text/plain"))
    is_ready(patient)
    patient.open(OTHER_PROVIDER)
    expect(in_tray(patient)).to_have_count(0)
    patient.write("hello")
    patient.shows("hello")
    expect(shown(patient)).to_have_count(0)
    patient.open(PROVIDER)
    is_ready(patient)


def test_what_waits_for_a_connection_keeps_its_files(
    window: OpenWindow, cable: Cable, as_doc1: httpx.Client, conversation: str
) -> None:
    patient = window(cable.url).sign_in(PATIENT)
    patient.open(PROVIDER)
    attach(patient, a_file("note.txt", NOTE, "text/plain"))
    is_ready(patient)
    with cable.unplugged():
        expect(patient.page.locator("#connection")).to_contain_text("No connection")
        patient.write("with a file")
        waiting = patient.page.locator("#messages .waiting")
        expect(waiting).to_contain_text("note.txt")
    patient.nothing_waits()
    patient.shows("with a file")
    expect(shown(patient)).to_have_count(1)
    (sent,) = messages(as_doc1, conversation)
    assert [file["name"] for file in sent["attachments"]] == ["note.txt"]
    _forgive_the_cable(patient)


def test_an_upload_without_a_connection_is_made_up_for(window: OpenWindow, cable: Cable, conversation: str) -> None:
    patient = window(cable.url).sign_in(PATIENT)
    patient.open(PROVIDER)
    with cable.unplugged():
        expect(patient.page.locator("#connection")).to_contain_text("No connection")
        with patient.page.expect_event("requestfailed", lambda request: request.url.endswith("/attachments")):
            attach(patient, a_file("note.txt", NOTE, "text/plain"))
    is_ready(patient)
    _forgive_the_cable(patient)


def test_a_refused_message_is_thrown_away_with_its_files(
    window: OpenWindow, as_pat1: httpx.Client, conversation: str
) -> None:
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    with patient.page.expect_response("**/api/v1/attachments") as answer:
        attach(patient, a_file("note.txt", NOTE, "text/plain"))
    is_ready(patient)
    patient.write("x" * 5001)
    expect(patient.page.locator("#messages .failed")).to_contain_text("at most 5000 characters")
    patient.press("Throw away")
    expect(shown(patient)).to_have_count(0)
    until(patient, lambda: as_pat1.get(f"/api/v1/attachments/{answer.value.json()['id']}").status_code == 404)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("clean", None), ("infected", "A virus was found in it"), ("unscannable", "could not be checked for viruses")],
)
def test_a_file_waits_for_its_verdict(
    window: OpenWindow,
    server: Server,
    conversation: str,
    settings: Settings,
    tmp_path: Path,
    tamper: Callable[..., int],
    request: pytest.FixtureRequest,
    verdict: str,
    words: str | None,
) -> None:
    """T076: the scanner is away at first."""
    request.addfinalizer(forget)
    scan_with(settings, f"unix:{tmp_path}/nobody.sock")
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    attach(patient, a_file("note.txt", NOTE, "text/plain"))
    expect(in_tray(patient)).to_contain_text("Being checked for viruses")
    patient.press("Send")
    expect(patient.page.get_by_role("alert")).to_have_text("The files are still being checked for viruses.")
    if words is None:
        # Nobody else makes it clean: the verdict is sealed.
        with impostor(tmp_path, knows_its_version(f"{now():%a %b %d %H:%M:%S %Y}".encode(), says_clean)) as clamd:
            scan_with(settings, clamd.url)
            server.run(threads.run(rescan))
        is_ready(patient)
        send(patient)
        expect(shown(patient)).to_contain_text("note.txt")
    else:
        assert tamper("UPDATE attachments_attachment SET status = %s", [verdict]) == 1
        expect(in_tray(patient)).to_contain_text(words)
        patient.press("Remove note.txt")
        expect(in_tray(patient)).to_have_count(0)


def test_attaching_fits_a_small_phone(window: OpenWindow, conversation: str) -> None:
    patient = window(width=360).sign_in(PATIENT)
    patient.open(PROVIDER)
    files = [a_file(f"{'long name ' * 8}.txt", NOTE, "text/plain"), a_file("wide.png", picture(3000, 30), "image/png")]
    attach(patient, *files, a_file("setup.exe", PROGRAM))
    expect(in_tray(patient, "setup.exe")).to_contain_text("not accepted")
    fits(patient.page)
    patient.press("Remove setup.exe")
    is_ready(patient, 2)
    fits(patient.page)
    send(patient)
    picture_comes(shown(patient).get_by_role("img", name="wide.png"))
    fits(patient.page)
    forgive_refusals(patient)


def _forgive_the_cable(opened: Window) -> None:
    opened.forgive("ERR_")
    opened.forgive("WebSocket connection to")
