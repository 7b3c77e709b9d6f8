"""Replies and threads on the page."""

import httpx
from playwright.sync_api import expect

from tests.page.browser import PATIENT, PROVIDER, OpenWindow, contents, say, until


def reply(client: httpx.Client, conversation: str, text: str, **to: str) -> str:
    """Send with `replyToId` or `threadRootId`; the new message's id."""
    sent = client.post(f"/api/v1/conversations/{conversation}/messages", json={"content": text, **to})
    return str(sent.raise_for_status().json()["id"])


def test_a_reply_quotes_what_it_answers(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    question = say(as_doc1, conversation, "Is K<3.5?")
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.act_on("Is K<3.5?", "Reply")
    expect(patient.page.locator("#answering")).to_contain_text("Is K<3.5?")
    expect(patient.page.get_by_label("Message", exact=True)).to_be_focused()
    patient.write("It is 3.4")
    patient.shows("Is K<3.5?", "It is 3.4")
    expect(patient.page.locator("#answering")).to_be_hidden()
    quote = patient.message("It is 3.4").locator(".quote")
    expect(quote).to_contain_text(PROVIDER.name)
    expect(quote).to_contain_text("Is K<3.5?")
    patient.nothing_waits()
    page = as_doc1.get(f"/api/v1/conversations/{conversation}/messages").json()["results"]
    assert page[1]["replyTo"]["id"] == question
    as_doc1.delete(f"/api/v1/messages/{question}").raise_for_status()
    expect(quote).to_contain_text("Message deleted")


def test_a_reply_can_be_thought_better_of(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    say(as_doc1, conversation, "one")
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.act_on("one", "Reply")
    patient.press("Do not reply")
    patient.write("two")
    patient.shows("one", "two")
    expect(patient.page.locator(".quote")).to_have_count(0)


def test_a_quote_leads_to_its_message_however_far_up(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    first = say(as_doc1, conversation, "message 0")
    for n in range(1, 56):
        say(as_doc1, conversation, f"message {n}")
    reply(as_doc1, conversation, "the answer", replyToId=first)
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    assert "message 0" not in patient.texts()
    patient.message("the answer").locator(".quote").click()
    expect(patient.message("message 0")).to_be_focused()
    expect(patient.message("message 0")).to_be_in_viewport()


def test_a_thread_is_opened_written_to_and_closed(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    root = say(as_doc1, conversation, "Results")
    say(as_doc1, conversation, "Something else")
    reply(as_doc1, conversation, "first reply", threadRootId=root)
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.message("Results").get_by_role("button", name="1 reply").click()
    patient.shows("Results", "first reply")
    patient.write("second reply")
    patient.shows("Results", "first reply", "second reply")
    patient.nothing_waits()
    patient.press("All messages")
    patient.shows("Results", "Something else", "first reply", "second reply")
    expect(patient.message("Results").get_by_role("button", name="2 replies")).to_be_visible()
    thread = as_doc1.get(f"/api/v1/messages/{root}/thread").raise_for_status().json()["results"]
    assert [message["content"] for message in thread] == ["first reply", "second reply"]


def test_replies_of_a_thread_are_counted_live_and_after_a_reload(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    """From events as from history, whatever happens to the message itself; what is deleted keeps its place."""
    root = say(as_doc1, conversation, "Results")
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    first = reply(as_doc1, conversation, "one", threadRootId=root)
    reply(as_doc1, conversation, "two", threadRootId=root)
    as_doc1.patch(f"/api/v1/messages/{root}", json={"content": "All results"}).raise_for_status()
    reply(as_doc1, conversation, "three", threadRootId=root)
    as_doc1.delete(f"/api/v1/messages/{first}").raise_for_status()
    patient.shows("All results", "Message deleted", "two", "three")
    expect(patient.message("All results").get_by_role("button", name="3 replies")).to_be_visible()
    patient.page.reload()
    patient.is_connected()
    patient.open(PROVIDER)
    expect(patient.message("All results").get_by_role("button", name="3 replies")).to_be_visible()


def test_a_thread_is_begun_at_any_message(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    say(as_doc1, conversation, "one")
    say(as_doc1, conversation, "two")
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.act_on("one", "Thread")
    patient.shows("one")
    box = patient.page.get_by_label("Message", exact=True)
    expect(box).to_be_focused()  # the button that was pressed is gone
    patient.write("about one")
    patient.shows("one", "about one")
    until(patient, lambda: contents(as_doc1, conversation) == ["one", "two", "about one"])
    patient.press("All messages")
    expect(box).to_be_focused()
    expect(patient.message("one").get_by_role("button", name="1 reply")).to_be_visible()
    expect(patient.message("about one").get_by_role("button", name="in a thread")).to_be_visible()
