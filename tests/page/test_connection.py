"""The page when the connection is lost, cut, drained, refused: nothing is lost, nothing comes twice."""

import httpx
from playwright.sync_api import expect

from tests.page.browser import OTHER_PROVIDER, PATIENT, PROVIDER, OpenWindow, Window, contents, room, say, until
from tests.page.cable import Cable
from tests.page.wire import Wire
from tests.people import Person


def test_a_pulled_cable_loses_nothing_and_doubles_nothing(
    window: OpenWindow, cable: Cable, as_doc1: httpx.Client, conversation: str
) -> None:
    """The server has stored the message, its answer is lost: the page cannot know, and sends the same one again."""
    patient = window(cable.url).sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.write("before")
    patient.shows("before")
    patient.nothing_waits()
    cable.deaf = True
    patient.write("answer lost")
    until(patient, lambda: contents(as_doc1, conversation) == ["before", "answer lost"])
    say(as_doc1, conversation, "while you were away")
    expect(patient.page.locator("#messages .waiting")).to_have_count(1)
    cable.pull()
    everything = ["before", "answer lost", "while you were away"]
    patient.shows(*everything)
    patient.nothing_waits()
    patient.write("after")
    patient.shows(*everything, "after")
    patient.nothing_waits()
    assert contents(as_doc1, conversation) == [*everything, "after"]
    _forgive_the_cable(patient)


def _forgive_the_cable(opened: Window) -> None:
    """The words depend on where the cut hits: before the handshake, within it, or within a request."""
    opened.forgive("ERR_")
    opened.forgive("WebSocket connection to")


def test_what_was_written_without_a_connection_goes_out_later_in_order(
    window: OpenWindow, cable: Cable, as_doc1: httpx.Client, conversation: str
) -> None:
    patient = window(cable.url).sign_in(PATIENT)
    patient.open(PROVIDER)
    with cable.unplugged():
        expect(patient.page.locator("#connection")).to_contain_text("No connection")
        patient.write("one")
        patient.write("two")
        expect(patient.page.locator("#messages .waiting")).to_have_count(2)
    until(patient, lambda: contents(as_doc1, conversation) == ["one", "two"])
    patient.shows("one", "two")
    patient.nothing_waits()
    _forgive_the_cable(patient)


def test_what_happened_in_a_room_meanwhile_is_caught_up(
    window: OpenWindow, cable: Cable, as_doc1: httpx.Client, doc2: Person, pat1: Person
) -> None:
    """Not only messages: reactions, pins, replies, names and people are as after a fresh load."""
    ward = room(as_doc1, "Ward 3", doc2, pat1)
    said = say(as_doc1, ward, "Good morning")
    colleague = window(cable.url).sign_in(OTHER_PROVIDER)
    colleague.open("Ward 3")
    colleague.shows("Good morning")
    with cable.unplugged():
        expect(colleague.page.locator("#connection")).to_contain_text("No connection")
        as_doc1.put(f"/api/v1/messages/{said}/reactions/👍").raise_for_status()
        as_doc1.put(f"/api/v1/messages/{said}/pin").raise_for_status()
        as_doc1.patch(f"/api/v1/conversations/{ward}", json={"name": "Ward 4"}).raise_for_status()
        as_doc1.delete(f"/api/v1/conversations/{ward}/members/{pat1.id}").raise_for_status()
        answer = {"content": "in the thread", "threadRootId": said}
        as_doc1.post(f"/api/v1/conversations/{ward}/messages", json=answer).raise_for_status()
    colleague.shows("Good morning", "in the thread")
    for shown in ("pinned", "👍 1", "1 reply"):
        expect(colleague.message("Good morning")).to_contain_text(shown)
    expect(colleague.page.get_by_role("heading", name="Ward 4")).to_be_visible()
    expect(colleague.page.locator("#people-here")).to_have_text("Members (2)")
    expect(colleague.members()).to_have_count(2)
    _forgive_the_cable(colleague)


def test_who_was_removed_meanwhile_keeps_nothing_of_the_room(
    window: OpenWindow, cable: Cable, as_doc1: httpx.Client, doc2: Person
) -> None:
    ward = room(as_doc1, "Ward 3", doc2)
    say(as_doc1, ward, "For members only")
    colleague = window(cable.url).sign_in(OTHER_PROVIDER)
    colleague.open("Ward 3")
    colleague.shows("For members only")
    with cable.unplugged():
        expect(colleague.page.locator("#connection")).to_contain_text("No connection")
        as_doc1.delete(f"/api/v1/conversations/{ward}/members/{doc2.id}").raise_for_status()
    expect(colleague.in_list("Ward 3")).to_have_count(0)
    colleague.shows()
    _forgive_the_cable(colleague)
    colleague.forgive("404")  # the page looked at the room once more before it knew


def test_a_gap_in_the_numbers_is_noticed_and_filled(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    patient = window()
    wire = Wire(patient.page, lambda frame: frame.get("event") == "message:new" and frame["data"]["content"] == "lost")
    patient.sign_in(PATIENT)
    patient.open(PROVIDER)
    say(as_doc1, conversation, "first")
    say(as_doc1, conversation, "lost")
    say(as_doc1, conversation, "third")
    patient.shows("first", "lost", "third")
    assert wire.lost == 1
    assert "conversation:events" in wire.asked


def test_resync_loads_the_conversation_anew(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    patient = window()
    wire = Wire(patient.page, lambda frame: frame.get("event") == "message:new")
    say(as_doc1, conversation, "first")
    patient.sign_in(PATIENT)
    patient.open(PROVIDER)
    say(as_doc1, conversation, "second")
    until(patient, lambda: wire.lost == 1)
    wire.tell({"type": "resync", "conversationId": conversation, "reason": "epoch"})
    patient.shows("first", "second")


def test_drain_moves_the_page_to_another_connection(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    patient = window()
    wire = Wire(patient.page)
    patient.sign_in(PATIENT)
    patient.open(PROVIDER)
    wire.tell({"type": "drain", "reconnectInMs": 50})
    until(patient, wire.opened_again)
    patient.is_connected()
    say(as_doc1, conversation, "over the new one")
    patient.shows("over the new one")


def test_which_ends_are_followed_by_another_connection(window: OpenWindow) -> None:
    for code in (1012, 1013, 4402, 4412, 4440):
        patient = window()
        wire = Wire(patient.page)
        patient.sign_in(PATIENT)
        tokens = [*wire.tokens]
        wire.close(code)
        until(patient, wire.opened_again)
        patient.is_connected()
        assert (wire.tokens[-1] not in tokens) == (code == 4402)  # an expired token is exchanged first


def test_which_ends_ask_to_sign_in(window: OpenWindow) -> None:
    for code, notice in (
        (4401, "Sign in again."),
        (4403, "This account is disabled."),
        (4410, "You were signed out."),
    ):
        patient = window()
        wire = Wire(patient.page)
        patient.sign_in(PATIENT)
        wire.close(code)
        patient.is_signed_out(notice)
        assert wire.opened == 1


def test_which_ends_are_left_to_the_person(window: OpenWindow) -> None:
    for code in (4400, 4409, 4429):
        patient = window()
        wire = Wire(patient.page)
        patient.sign_in(PATIENT)
        wire.close(code)
        again = patient.page.get_by_role("button", name="Reconnect")
        expect(again).to_be_visible()
        assert wire.opened == 1
        again.click()
        patient.is_connected()
        assert wire.opened == 2
