"""Files that cannot be sent with a message, or not twice: other people's, sent ones, ones that are not clean."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import httpx
import pytest

import audit
from attachments.models import Attachment, Status
from audit.verify import verify
from core.time import now
from messaging.drafts import SendDraft
from messaging.models import Membership
from messaging.writer import store_sends
from tests.live import Server
from tests.messaging.files import PICTURE, post_files, row_of, send_files, upload
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, answered, entries, head_of, post, refused, reply_to, send
from tests.people import Person
from tests.sockets import connect

# ---- What cannot be sent ---------------------------------------------------------------------------------------------


@pytest.mark.core
def test_what_cannot_be_referred_to_is_refused_in_the_same_words(
    server: Server, pat1: Person, doc1: Person, doc2: Person, c1: str, patient: httpx.Client
) -> None:
    """T049: somebody else's, one of another conversation, one that was sent, is not clean, is gone, or is nobody's."""
    other = room_of(doc2, pat1)
    sent = upload(pat1, c1)
    send_files(patient, c1, sent)
    gone = upload(pat1, c1)
    Attachment.objects.filter(id=gone).update(gone_at=now())
    blocked = [upload(pat1, c1, status=status) for status in Status if status != Status.CLEAN]
    ids = [upload(doc1, c1), upload(pat1, other), sent, gone, *blocked, str(uuid4())]
    problems = []
    for id_ in ids:
        problems.append(refused(post_files(patient, c1, id_, content="x"), 400, "invalid_reference"))
        # With one that could be sent neither of the two is.
        refused(post_files(patient, c1, upload(pat1, c1), id_), 400, "invalid_reference")
    assert {problem["detail"] for problem in problems} == {"attachmentIds names a file that cannot be sent here."}
    with connect(server, pat1.token) as client:
        reply = client.ask_raw("message:new", {"conversationId": c1, "attachmentIds": [ids[0]]})
    assert reply["error"]["code"] == "invalid_reference"
    assert head_of(c1) == 1
    assert Attachment.objects.exclude(message_id=None).count() == 1
    denied = entries("access.denied", pat1)
    assert [str(entry.object) for entry in denied[:2]] == [ids[0], ids[0]]
    assert {entry.reason for entry in denied} == {"invalid_reference"}


@pytest.mark.core
def test_a_file_is_sent_once(pat1: Person, doc2: Person, c1: str, patient: httpx.Client) -> None:
    """T049: one's own id used twice, here and in another conversation."""
    letter, other = upload(pat1, c1), room_of(doc2, pat1)
    message = send_files(patient, c1, letter)
    for place in (c1, other):
        refused(post_files(patient, place, letter), 400, "invalid_reference")
    answered(patient.delete(f"{API}/messages/{message['id']}"))
    refused(post_files(patient, c1, letter), 400, "invalid_reference")


@pytest.mark.parametrize("wrong", ["x", [1], [None], ["x"], {}, 5, "twice"], ids=str)
def test_values_out_of_range_are_named(pat1: Person, c1: str, patient: httpx.Client, wrong: object) -> None:
    named = [upload(pat1, c1)] * 2 if wrong == "twice" else wrong
    problem = refused(post(patient, c1, "x", attachmentIds=named), 400, "invalid")
    assert {error["field"].partition(".")[0] for error in problem["errors"]} == {"attachmentIds"}


def test_a_draft_whose_files_cannot_be_claimed_fails_alone(pat1: Person, doc1: Person, c1: str) -> None:
    """In one group of sends, two of which want the same file."""
    letter, picture = upload(pat1, c1), upload(pat1, c1, **PICTURE)
    wanted = [(pat1, (letter,)), (pat1, (letter,)), (doc1, (picture,)), (pat1, (picture,)), (doc1, ())]
    drafts = [
        SendDraft(
            actor=person.actor,
            conversation_id=UUID(c1),
            content="x",
            type="file" if ids else "text",
            attachment_ids=tuple(map(UUID, ids)),
        )
        for person, ids in wanted
    ]
    with audit.transaction():
        store_sends(drafts)
    codes = [getattr(draft.outcome, "code", "stored") for draft in drafts]
    assert codes == ["stored", "invalid_reference", "invalid_reference", "stored", "stored"]
    assert [row_of(id_).message_id for id_ in (letter, picture)] == [drafts[0].message_id, drafts[3].message_id]
    assert verify().problems == []


def test_who_may_not_write_keeps_the_file(pat1: Person, c1: str, patient: httpx.Client) -> None:
    letter = upload(pat1, c1)
    Membership.objects.filter(conversation=UUID(c1), user=pat1.user).update(is_muted=True)
    refused(post_files(patient, c1, letter), 403, "forbidden")
    Membership.objects.filter(conversation=UUID(c1), user=pat1.user).update(is_muted=False)
    send_files(patient, c1, letter)


def test_in_a_deleted_conversation_there_is_nothing_to_send(
    pat1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    letter = upload(pat1, c1)
    assert doctor.delete(f"{API}/conversations/{c1}").status_code == 204
    refused(post_files(patient, c1, letter), 404, "not_found")
    assert row_of(letter).message_id is None


# ---- Repeats ---------------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_a_repeat_with_other_files_is_another_message(pat1: Person, c1: str, patient: httpx.Client) -> None:
    one, two, three = (upload(pat1, c1) for _ in range(3))
    message = send_files(patient, c1, one, two, clientMessageId="k")
    assert answered(post_files(patient, c1, one, two, clientMessageId="k"), 200)["id"] == message["id"]
    for other in ([one], [two, one], [one, two, three], [three]):
        refused(post_files(patient, c1, *other, clientMessageId="k"), 409, "idempotency_conflict")
    refused(post(patient, c1, "x", clientMessageId="k"), 409, "idempotency_conflict")
    send(patient, c1, "x", clientMessageId="k2")
    refused(post_files(patient, c1, three, content="x", clientMessageId="k2"), 409, "idempotency_conflict")
    assert row_of(three).message_id is None


def test_the_same_send_over_and_over_in_one_burst_claims_once(server: Server, pat1: Person, c1: str) -> None:
    letter = upload(pat1, c1)
    data = {"conversationId": c1, "attachmentIds": [letter], "clientMessageId": "same"}
    with connect(server, pat1.token) as client:
        for number in range(8):
            client.send({"id": f"r{number}", "event": "message:new", "data": data})
        replies = [reply_to(client, f"r{n}") for n in range(8)]
    assert {reply["data"]["id"] for reply in replies} == {str(row_of(letter).message_id)}
    assert head_of(c1) == 1


# ---- At the same time ------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_of_many_who_send_one_file_at_once_one_has_it(pat1: Person, c1: str, patient: httpx.Client) -> None:
    letter = upload(pat1, c1)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post_files(patient, c1, letter), range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400, 400, 400]
    assert head_of(c1) == 1
    assert verify().problems == []


@pytest.mark.core
def test_a_file_is_either_sent_or_discarded(pat1: Person, c1: str, patient: httpx.Client) -> None:
    """Whichever comes first: never a message whose file is gone."""
    for _ in range(8):
        letter = upload(pat1, c1)
        with ThreadPoolExecutor(2) as pool:
            sending = pool.submit(post_files, patient, c1, letter)
            discarding = pool.submit(patient.delete, f"{API}/attachments/{letter}")
        outcome = sending.result().status_code, discarding.result().status_code
        row = row_of(letter)
        assert outcome in {(201, 403), (201, 409), (400, 204)}
        assert ((row.message_id is not None), (row.gone_at is not None)) == (
            outcome[0] == 201,
            outcome[1] == 204,
        )
    assert verify().problems == []
