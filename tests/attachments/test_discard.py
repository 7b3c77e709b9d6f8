"""DELETE /attachments/{id}: a file is taken back before it is sent."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from attachments.models import Attachment, Status
from attachments.sweeping import remove_gone
from tests.attachments.filing import Shelf, link_to, open_link, picture, row_of, uploaded
from tests.messaging.talking import API, Json, answered, entries, refused
from tests.people import Person

pytestmark = pytest.mark.core


def discard(client: httpx.Client, attachment: Json) -> httpx.Response:
    return client.delete(f"{API}/attachments/{attachment['id']}")


def send(client: httpx.Client, conversation_id: str, attachment: Json) -> httpx.Response:
    return client.post(f"{API}/conversations/{conversation_id}/messages", json={"attachmentIds": [attachment["id"]]})


def test_it_is_gone_for_its_owner_at_once(patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1, picture(), "a.png", "image/png")
    url = link_to(patient, made)
    assert discard(patient, made).status_code == 204
    for answer in (discard(patient, made), patient.get(f"{API}/attachments/{made['id']}")):
        refused(answer, 404, "not_found")
    refused(patient.post(f"{API}/attachments/{made['id']}/url", json={}), 404, "not_found")
    refused(open_link(patient, url), 403, "forbidden")
    refused(send(patient, c1, made), 400, "invalid_reference")
    [entry] = entries("file.discarded", pat1)
    assert (str(entry.object), str(entry.conv)) == (made["id"], c1)


def test_its_objects_are_removed(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    made, other = uploaded(patient, c1, picture(), "a.png", "image/png"), uploaded(patient, c1)
    assert len(shelf.all()) == 3
    discard(patient, made)
    remove_gone()
    assert shelf.all() == [shelf.object_of(other)]
    assert [str(id_) for id_ in Attachment.objects.values_list("id", flat=True)] == [other["id"]]


@pytest.mark.parametrize("status", [Status.SCANNING, Status.INFECTED, Status.UNSCANNABLE])
def test_also_what_cannot_be_sent(patient: httpx.Client, c1: str, shelf: Shelf, status: str) -> None:
    made = uploaded(patient, c1)
    Attachment.objects.update(status=status)
    assert discard(patient, made).status_code == 204


def test_what_was_sent_goes_with_its_message(
    patient: httpx.Client, doctor: httpx.Client, pat1: Person, c1: str, shelf: Shelf
) -> None:
    """Who sees it is told so, and it is recorded."""
    made = uploaded(patient, c1)
    answered(send(patient, c1, made), 201)
    for client in (patient, doctor):
        refused(discard(client, made), 403, "forbidden")
        assert open_link(client, link_to(client, made)).status_code == 200
    [entry] = entries("access.denied", pat1)
    assert (str(entry.object), entry.reason) == (made["id"], "forbidden")


@pytest.mark.parametrize("attempt", range(5))
def test_it_is_sent_or_discarded_and_never_both(patient: httpx.Client, c1: str, shelf: Shelf, attempt: int) -> None:
    made = uploaded(patient, c1)
    with ThreadPoolExecutor(2) as threads:
        sending = threads.submit(send, patient, c1, made)
        discarding = threads.submit(discard, patient, made)
    answers, row = (sending.result().status_code, discarding.result().status_code), row_of(made)
    if answers[0] == 201:
        assert answers[1] in {403, 409}
        assert (row.gone_at is None, row.message_id is None) == (True, False)
    else:
        assert answers == (400, 204)
        assert (row.gone_at is None, row.message_id is None) == (False, True)


def test_nothing_is_discarded_when_it_cannot_be_recorded(
    patient: httpx.Client, c1: str, shelf: Shelf, request: pytest.FixtureRequest
) -> None:
    made = uploaded(patient, c1)
    request.getfixturevalue("log_cannot_be_written")
    refused(discard(patient, made), 503, "audit_unavailable")
    assert row_of(made).gone_at is None
