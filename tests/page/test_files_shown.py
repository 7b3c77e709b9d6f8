"""Files in messages on the page: seen, opened by links that are made when they are needed, saved, and gone."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Request, Route, expect

from tests.attachments.filing import NOTE, picture, uploaded
from tests.attachments.samples import jpeg, wav
from tests.live import Server
from tests.page.attaching import a_file, attach, is_ready, picture_comes, sent_with, shown
from tests.page.browser import PATIENT, PROVIDER, OpenWindow, Window, say, until
from tests.processes import served

HOSTILE = "K<3.5 <img src=x onerror=window.ran=1> ‮fdp.txt"

BLOB = "URL.createObjectURL(new Blob())"
REFUSED = """([tag, src]) => new Promise((tell) => {
  const told = ({ effectiveDirective }) => tell(effectiveDirective);
  document.addEventListener('securitypolicyviolation', told, { once: true });
  document.createElement(tag).src = src;
})"""


def asks_for_links(window: Window) -> list[Request]:
    """The requests for links from now on, as they come."""
    made: list[Request] = []
    window.page.on("request", lambda request: made.append(request) if request.url.endswith("/url") else None)
    return made


def test_a_picture_is_opened_by_a_fresh_link(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, jpeg(orientation=6), "rash.jpg", "image/jpeg"))
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    thumbnail = shown(patient).get_by_role("img", name="rash.jpg")
    picture_comes(thumbnail)
    links = asks_for_links(patient)
    opens = patient.page.get_by_role("button", name="Open the picture rash.jpg")
    addresses = set()
    for _ in range(2):
        opens.press("Enter")
        dialog = patient.page.get_by_role("dialog", name="rash.jpg")
        picture_comes(dialog.get_by_role("img", name="rash.jpg"))
        addresses.add(dialog.get_by_role("img").get_attribute("src"))
        patient.page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(opens).to_be_focused()
        assert patient.page.locator("#picture img").count() == 0  # nothing of it stays behind
    assert [link.post_data_json for link in links] == [{"disposition": "inline"}] * 2
    assert thumbnail.get_attribute("src") not in addresses


def test_a_file_shows_what_it_is_and_is_saved(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str, tmp_path: Path
) -> None:
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, NOTE * 100, "results.txt"), content="As discussed")
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    file = patient.message("As discussed").locator(".file")
    expect(file).to_contain_text("results.txt")
    expect(file).to_contain_text(f"Text, {len(NOTE) * 100 / 1000:.1f} kB")
    with patient.page.expect_download() as saved:
        patient.page.get_by_role("button", name="Download results.txt").press("Enter")
    assert saved.value.suggested_filename == "results.txt"
    saved.value.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == NOTE * 100
    patient.is_connected()  # still this page


def test_a_picture_is_saved_from_where_it_is_seen(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, picture(), "rash.png", "image/png"))
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.press("Open the picture rash.png")
    with patient.page.expect_download() as saved:
        patient.press("Download")
    assert saved.value.suggested_filename == "rash.png"


def test_thumbnails_are_asked_for_once_and_only_when_they_come_into_sight(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    """Each link is an entry of the audit log: it says who has seen what, and nothing else."""
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, picture(), "first.png", "image/png"))
    for n in range(20):
        say(as_doc1, conversation, f"message {n}\n" * 3)
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, picture(), "last.png", "image/png"))
    patient = window()
    links = asks_for_links(patient)
    patient.sign_in(PATIENT)
    patient.open(PROVIDER)
    picture_comes(shown(patient).get_by_role("img", name="last.png"))
    message = say(as_doc1, conversation, "and what changes asks for nothing")
    as_doc1.put(f"/api/v1/messages/{message}/reactions/👍").raise_for_status()
    expect(patient.page.locator(".reactions button")).to_have_count(1)
    assert len(links) == 1
    first = shown(patient).get_by_role("img", name="first.png")
    first.scroll_into_view_if_needed()
    picture_comes(first)
    assert [link.post_data_json for link in links] == [{"thumbnail": True}] * 2


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("scanning", "is being checked for viruses"),
        ("infected", "is blocked: a virus was found"),
        ("unscannable", "is blocked: it could not be checked"),
    ],
)
def test_what_cannot_be_opened_says_so(
    window: OpenWindow,
    as_doc1: httpx.Client,
    conversation: str,
    tamper: Callable[..., int],
    status: str,
    words: str,
) -> None:
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, picture(), "rash.png", "image/png"))
    assert tamper("UPDATE attachments_attachment SET status = %s", [status]) == 1
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    expect(shown(patient)).to_contain_text(f"rash.png {words}")
    expect(shown(patient).locator("button, img")).to_have_count(0)


def test_a_file_whose_description_was_altered_costs_only_itself(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str, tamper: Callable[..., int]
) -> None:
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation), content="See the file")
    assert tamper("UPDATE attachments_attachment SET record_revision = record_revision + 1") == 1
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.shows("See the file")
    expect(shown(patient)).to_have_text("This file cannot be opened")


def test_a_picture_that_cannot_be_had_any_more_is_told_of(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str, tamper: Callable[..., int]
) -> None:
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, picture(), "rash.png", "image/png"))
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    picture_comes(shown(patient).get_by_role("img"))
    assert tamper("UPDATE attachments_attachment SET status = 'infected'") == 1
    patient.press("Open the picture rash.png")
    expect(patient.page.get_by_role("dialog").get_by_role("alert")).to_contain_text("did not find this file clean")
    patient.forgive("403")


def test_files_go_with_their_message(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    file = uploaded(as_doc1, conversation, picture(), "wrong patient.png", "image/png")
    message = sent_with(as_doc1, conversation, file)
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.press("Open the picture wrong patient.png")
    dialog = patient.page.get_by_role("dialog")
    picture_comes(dialog.get_by_role("img"))
    as_doc1.delete(f"/api/v1/messages/{message}").raise_for_status()
    patient.shows("Message deleted")
    expect(dialog).to_be_hidden()
    expect(shown(patient)).to_have_count(0)
    assert "wrong patient" not in patient.page.content()


def test_a_message_without_words_is_quoted_and_listed_by_its_files(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, NOTE, "results.txt"))
    patient = window().sign_in(PATIENT)
    expect(patient.in_list(PROVIDER)).to_contain_text("results.txt")
    patient.open(PROVIDER)
    patient.page.get_by_role("button", name="Actions: Dr. Iris Berg: results.txt").click()
    patient.press("Reply")
    expect(patient.page.locator("#answered-text")).to_have_text("results.txt")
    patient.write("Thank you")
    patient.shows("Thank you")
    expect(patient.message("Thank you").locator(".quote")).to_contain_text("results.txt")
    patient.nothing_waits()


def test_nothing_that_names_a_file_runs_in_the_browser(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    """T065, T066, T082: in messages, before they are sent, and in what screen readers are told."""
    for name, content, declared in (
        (HOSTILE, NOTE, "text/plain"),
        (HOSTILE.replace(".txt", ".wav"), wav(), "audio/wav"),
        (HOSTILE.replace(".txt", ".png"), picture(), "image/png"),
    ):
        sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, content, name, declared))
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    expect(shown(patient)).to_have_count(3)
    attach(patient, a_file(HOSTILE.replace("/", ""), NOTE, "text/plain"))
    is_ready(patient)
    patient.page.get_by_role("button", name="Open the picture").click()
    picture_comes(patient.page.get_by_role("dialog").get_by_role("img"))
    assert patient.page.evaluate("window.ran") is None
    patient.page.evaluate("document.querySelector('#sign-in').remove()")  # it has `details` of its own
    assert patient.page.locator("body :is(script, iframe, style, link, object, details, img[onerror])").count() == 0
    for named in (".file bdi", "#tray bdi", "#picture-title"):
        expect(patient.page.locator(named).first).to_have_css("unicode-bidi", "isolate")


def test_the_page_may_show_pictures_and_sound_of_its_server_only(window: OpenWindow, server: Server) -> None:
    policy = httpx.get(server.url, trust_env=False).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["media-src"] == "'self'"
    assert rules["img-src"] == "'self' data:"
    assert rules["connect-src"] == "'self'"
    opened = window()
    opened.page.goto(server.url)
    opened.is_signed_out()
    for media in ("data:audio/wav;base64,", "http://127.0.0.1:9/x.wav", opened.page.evaluate(BLOB)):
        assert opened.page.evaluate(REFUSED, ["audio", media]) == "media-src"
    assert opened.page.evaluate(REFUSED, ["img", "http://127.0.0.1:9/x.png"]) == "img-src"
    opened.forgive("Content Security Policy")


def test_files_may_have_an_origin_of_their_own(
    window: OpenWindow, server: Server, as_doc1: httpx.Client, conversation: str
) -> None:
    """FILES_ORIGIN: the page is of another process here, which makes links to this one."""
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, picture(), "rash.png", "image/png"))
    sent_with(as_doc1, conversation, uploaded(as_doc1, conversation, wav(3), "heart.wav", "audio/wav"))
    with served(FILES_ORIGIN=server.url) as elsewhere:
        policy = httpx.get(elsewhere.url, trust_env=False).headers["content-security-policy"]
        assert f"img-src 'self' data: {server.url};" in policy
        assert f"media-src {server.url};" in policy
        patient = window(elsewhere.url)
        patient.page.route(f"{server.url}/files/*", _of_one_site)
        patient.sign_in(PATIENT)
        patient.open(PROVIDER)
        thumbnail = shown(patient).get_by_role("img")
        picture_comes(thumbnail)
        assert str(thumbnail.get_attribute("src")).startswith(f"{server.url}/files/")
        patient.press("Play heart.wav")
        until(patient, lambda: float(patient.page.get_by_role("slider").input_value()) > 0)
        with patient.page.expect_download() as saved:
            patient.press("Download heart.wav")
        assert saved.value.suggested_filename == "heart.wav"
        patient.is_connected()
        patient.page.context.close()


def _of_one_site(route: Route) -> None:
    """`chat.example.org` and `files.example.org` are one site; two ports of an address are none to Chromium."""
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "cross-origin-resource-policy"}
    route.fulfill(response=answer, headers=headers)
