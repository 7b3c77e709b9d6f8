"""Voice messages on the page: recorded with a microphone (Chromium's own, which beeps), sent, heard."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Request, Route, expect

from tests.attachments.filing import uploaded
from tests.attachments.samples import wav
from tests.page.attaching import a_file, attach, in_tray, is_ready, messages, send, sent_with, shown
from tests.page.browser import OTHER_PROVIDER, PATIENT, PROVIDER, OpenWindow, Window, until

LONG_MS = "6000"
WAVEFORM = "[0, 40, 100, 60]"
CLOCK = re.compile(r"^\d+:\d\d / \d+:\d\d$")


def may_record(window: Window) -> Window:
    window.page.context.grant_permissions(["microphone"])
    return window


def record(window: Window) -> None:
    """A little more than a second."""
    window.press("Record a voice message")
    expect(window.page.get_by_role("button", name="Stop")).to_be_focused()
    expect(window.page.get_by_role("timer")).to_have_text("0:01")


def recorded_voice(client: httpx.Client, conversation: str) -> dict[str, Any]:
    """A voice message sent from elsewhere: six seconds of sound."""
    told = {"durationMs": LONG_MS, "waveform": WAVEFORM}
    file = uploaded(client, conversation, wav(6), "voice.wav", "audio/wav", **told)
    sent_with(client, conversation, file, type="voice")
    return file


def position(player: Locator) -> float:
    return float(player.get_by_role("slider").input_value())


def links_made(window: Window) -> list[Request]:
    made: list[Request] = []
    window.page.on("request", lambda request: made.append(request) if request.url.endswith("/url") else None)
    return made


def test_a_voice_message_is_recorded_heard_sent_and_heard_by_the_other(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    patient, provider = may_record(window()).sign_in(PATIENT), window().sign_in(PROVIDER)
    patient.open(PROVIDER)
    provider.open(PATIENT)
    record(patient)
    until(patient, lambda: float(patient.page.locator("#level").evaluate("(it) => it.value")) > 0)
    patient.press("Stop")
    is_ready(patient)
    for player in (in_tray(patient).locator(".player"), shown(provider)):
        player.get_by_role("button", name="Play the voice message").click()
        until(patient, lambda: position(player) > 0.3)  # noqa: B023  asked within the loop
        expect(player.get_by_role("button", name="Play the voice message")).to_be_visible()  # at its end
        if player.page == patient.page:
            send(patient)
    (sent,) = messages(as_doc1, conversation)
    assert (sent["type"], sent["content"]) == ("voice", "")
    (file,) = sent["attachments"]
    assert file["mimeType"] in {"audio/webm", "audio/mp4"}
    assert 1000 <= file["durationMs"] < 15_000
    assert 10 <= len(file["waveform"]) <= 64
    assert max(file["waveform"]) == 100  # the loudest moment
    assert min(file["waveform"]) < 50  # between two beeps


def test_a_recording_can_be_discarded_and_the_microphone_is_let_go(window: OpenWindow, conversation: str) -> None:
    patient = may_record(window())
    patient.page.add_init_script(
        "const devices = navigator.mediaDevices, ask = devices?.getUserMedia.bind(devices);"
        "if (ask) devices.getUserMedia = async (wanted) => (window.given = await ask(wanted));"
    )
    patient.sign_in(PATIENT)
    patient.open(PROVIDER)
    record(patient)
    assert patient.page.evaluate("given.getTracks().map((track) => track.readyState)") == ["live"]
    patient.press("Discard")
    expect(patient.page.get_by_role("button", name="Record a voice message")).to_be_visible()
    expect(in_tray(patient)).to_have_count(0)
    assert patient.page.evaluate("given.getTracks().map((track) => track.readyState)") == ["ended"]


def test_nothing_is_sent_while_a_recording_goes_on(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    patient = may_record(window()).sign_in(PATIENT)
    patient.open(PROVIDER)
    record(patient)
    patient.write("and listen to this")
    expect(patient.page.get_by_role("alert")).to_have_text("Stop the recording first, or discard it.")
    patient.press("Stop")
    is_ready(patient)
    send(patient)
    (sent,) = messages(as_doc1, conversation)
    assert (sent["type"], sent["content"]) == ("voice", "and listen to this")


def test_a_recording_stays_with_its_conversation(window: OpenWindow, conversation: str) -> None:
    """Somebody who is called away finds what they had said where they said it, and nowhere else."""
    patient = may_record(window()).sign_in(PATIENT)
    patient.start_with(OTHER_PROVIDER)
    patient.open(PROVIDER)
    record(patient)
    patient.open(OTHER_PROVIDER)
    expect(patient.page.get_by_role("button", name="Record a voice message")).to_be_visible()
    expect(in_tray(patient)).to_have_count(0)
    patient.open(PROVIDER)
    is_ready(patient)


def test_a_recording_beside_other_files_is_one_of_them(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    patient = may_record(window()).sign_in(PATIENT)
    patient.open(PROVIDER)
    record(patient)
    patient.press("Stop")
    attach(patient, a_file("note.txt", b"beside it", "text/plain"))
    is_ready(patient, 2)
    send(patient)
    (sent,) = messages(as_doc1, conversation)
    assert (sent["type"], len(sent["attachments"])) == ("file", 2)


def test_without_a_microphone_the_page_says_so(window: OpenWindow, conversation: str) -> None:
    patient = window()
    patient.page.add_init_script(
        "if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia ="
        " () => Promise.reject(new DOMException('', window.because));"
    )
    patient.sign_in(PATIENT)
    patient.open(PROVIDER)
    for because, words in (
        ("NotAllowedError", "The microphone may not be used."),
        ("NotFoundError", "There is no microphone."),
        ("NotReadableError", "The microphone is in use by something else"),
    ):
        patient.page.evaluate("(because) => { window.because = because; }", because)
        patient.press("Record a voice message")
        expect(patient.page.get_by_role("alert")).to_contain_text(words)


def test_a_voice_message_is_played_and_sought_by_keyboard(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    recorded_voice(as_doc1, conversation)
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    player = shown(patient)
    slider = player.get_by_role("slider", name="Position in the voice message")
    expect(slider).to_have_attribute("aria-valuetext", "0:00 of 0:06")
    slider.focus()
    slider.press("End")
    slider.press("Home")
    for _ in range(50):
        slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0:03 of 0:06")
    play = player.get_by_role("button")
    play.press("Enter")
    expect(play).to_have_accessible_name("Pause the voice message")
    until(patient, lambda: position(player) > 3.2)  # from where it was put
    play.press("Enter")
    expect(play).to_have_accessible_name("Play the voice message")
    at = position(player)
    assert 3.2 < at < 6
    expect(player.locator(".time")).to_have_text(CLOCK)
    expect(play).to_be_focused()


def test_a_change_of_the_message_does_not_interrupt_its_sound(
    window: OpenWindow, as_doc1: httpx.Client, as_pat1: httpx.Client, conversation: str
) -> None:
    recorded_voice(as_doc1, conversation)
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    links = links_made(patient)
    player = shown(patient)
    player.get_by_role("button").press("Enter")
    until(patient, lambda: position(player) > 0)
    (message,) = messages(as_pat1, conversation)
    as_doc1.put(f"/api/v1/messages/{message['id']}/reactions/👍").raise_for_status()
    expect(patient.page.locator(".reactions button")).to_have_count(1)
    expect(player.get_by_role("button")).to_have_accessible_name("Pause the voice message")
    expect(player.get_by_role("button")).to_be_focused()
    at = position(player)
    until(patient, lambda: position(player) > at)
    assert [link.post_data_json for link in links] == [{"disposition": "inline"}]


def test_one_sound_plays_at_a_time_and_none_without_its_conversation(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    for _ in range(2):
        recorded_voice(as_doc1, conversation)
    patient = window().sign_in(PATIENT)
    patient.start_with(OTHER_PROVIDER)
    patient.open(PROVIDER)
    players = shown(patient)
    for n in range(2):
        players.nth(n).get_by_role("button").click()
        expect(players.nth(n).get_by_role("button")).to_have_accessible_name("Pause the voice message")
        expect(patient.page.get_by_role("button", name="Pause the voice message")).to_have_count(1)
    patient.open(OTHER_PROVIDER)
    patient.open(PROVIDER)
    expect(patient.page.get_by_role("button", name="Play the voice message")).to_have_count(2)


@pytest.mark.parametrize("refused", [403, 200])
def test_a_link_that_has_ended_is_replaced(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str, refused: int
) -> None:
    """Before it is played again, and in the middle of it."""
    recorded_voice(as_doc1, conversation)
    patient = window()
    links = links_made(patient)

    def old(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "expiresAt": "2026-01-01T00:00:00.000Z"})

    patient.page.route("**/api/v1/attachments/*/url", old, times=1)
    if refused == 403:
        patient.page.route("**/files/*", lambda route: route.fulfill(status=403), times=1)
        patient.forgive("403")
    patient.sign_in(PATIENT)
    patient.open(PROVIDER)
    player = shown(patient)
    play = player.get_by_role("button")
    play.click()
    until(patient, lambda: position(player) > 0)
    play.click()
    expect(play).to_have_accessible_name("Play the voice message")
    at = position(player)
    play.click()
    until(patient, lambda: position(player) > at)
    assert len(links) == 2


def test_other_sound_is_played_in_place_and_saved(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    file = uploaded(as_doc1, conversation, wav(2), "heart sounds.wav", "audio/wav")
    sent_with(as_doc1, conversation, file)
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    expect(shown(patient)).to_contain_text("0:00 / 0:02")  # measured by the server
    patient.press("Play heart sounds.wav")
    until(patient, lambda: position(shown(patient)) > 0)
    with patient.page.expect_download() as saved:
        patient.press("Download heart sounds.wav")
    assert saved.value.suggested_filename == "heart sounds.wav"
