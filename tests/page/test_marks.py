"""What is marked on a message: pins, forwarding, expiry, mentions, and who speaks for the server."""

from datetime import UTC, datetime, timedelta

import httpx
from playwright.sync_api import expect

from tests.page.browser import OTHER_PROVIDER, PATIENT, PROVIDER, OpenWindow, room, say
from tests.people import Person


def test_a_pin_is_seen_and_goes(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    said = say(as_doc1, conversation, "Opening hours: 8 to 12")
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    about = patient.message("Opening hours: 8 to 12").locator(".about").first
    expect(about).not_to_contain_text("pinned")
    as_doc1.put(f"/api/v1/messages/{said}/pin").raise_for_status()
    expect(about).to_contain_text("pinned")
    as_doc1.delete(f"/api/v1/messages/{said}/pin").raise_for_status()
    expect(about).not_to_contain_text("pinned")


def test_a_forwarded_message_says_so(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    ward = room(as_doc1, "Ward 3")
    said = say(as_doc1, ward, "Visiting hours: 3 to 6")
    as_doc1.post(f"/api/v1/messages/{said}/forward", json={"conversationId": conversation}).raise_for_status()
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    expect(patient.message("Visiting hours: 3 to 6")).to_contain_text("forwarded")


def test_a_message_that_expires_says_when_and_disappears_by_itself(
    window: OpenWindow, as_doc1: httpx.Client, doc2: Person
) -> None:
    ward = room(as_doc1, "Ward 3", doc2)
    path = f"/api/v1/conversations/{ward}/messages"
    colleague = window().sign_in(OTHER_PROVIDER)
    colleague.open("Ward 3")
    as_doc1.post(path, json={"content": "until tomorrow", "expiresInSeconds": 86_400}).raise_for_status()
    expect(colleague.message("until tomorrow").locator(".about").first).to_contain_text("until")
    as_doc1.post(path, json={"content": "for a moment", "expiresInSeconds": 2}).raise_for_status()
    colleague.shows("until tomorrow", "for a moment")
    colleague.shows("until tomorrow", "Message deleted")


def test_who_is_named_is_marked_for_everybody_and_outstanding_for_them(
    window: OpenWindow, as_doc1: httpx.Client, doc2: Person, pat1: Person
) -> None:
    """The text stays what it is: an address or a name nobody has is not marked."""
    ward = room(as_doc1, "Ward 3", doc2, pat1)
    text = f"@{OTHER_PROVIDER.username}, mail desk@example.org if a<b"
    say(as_doc1, ward, text)
    say(as_doc1, ward, "@nobody.here")
    for who, named in ((OTHER_PROVIDER, 1), (PATIENT, 0)):
        opened = window().sign_in(who)
        opened.open("Ward 3")
        opened.shows(text, "@nobody.here")
        expect(opened.page.locator("#messages mark")).to_have_text([f"@{OTHER_PROVIDER.username}"])
        expect(opened.page.locator("#messages li.named")).to_have_count(named)


def test_the_server_speaks_in_another_voice(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str, doc2: Person
) -> None:
    """Covering staff is announced to the patient; there is nothing to react to."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    cover = {"userIds": [str(doc2.id)], "until": tomorrow}
    as_doc1.post(f"/api/v1/conversations/{conversation}/members", json=cover).raise_for_status()
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    announced = patient.page.locator("#messages li.system")
    expect(announced).to_have_count(1)
    expect(announced).to_contain_text("System")
    expect(announced.get_by_role("button")).to_have_count(0)
