"""POST /attachments/{id}/url: who a link is for, how long, and what has to be true when it is used."""

import base64
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from django.core import signing
from pytest_django import Settings

from accounts import services
from attachments.models import Attachment, Status
from attachments.serving import links
from core.actor import SYSTEM
from core.time import now
from tests.attachments.filing import NOTE, Shelf, link_to, open_link, picture, row_of, uploaded
from tests.live import Server
from tests.messaging.talking import API, Json, answered, entries, refused, same_but_for_the_request_id
from tests.people import Person, client_for, sign_in

pytestmark = pytest.mark.core


@pytest.fixture
def note(patient: httpx.Client, c1: str, shelf: Shelf) -> Json:
    return uploaded(patient, c1)


@pytest.fixture
def sent(patient: httpx.Client, c1: str, note: Json) -> Json:
    """The same, sent to the doctor."""
    body = {"content": "Please look.", "attachmentIds": [note["id"]]}
    return answered(patient.post(f"{API}/conversations/{c1}/messages", json=body), 201)


def ask_for_link(client: httpx.Client, attachment: Json, **wishes: object) -> httpx.Response:
    return client.post(f"{API}/attachments/{attachment['id']}/url", json=wishes)


def refused_as_ever(client: httpx.Client, url: str) -> Json:
    """The one answer to a link that does not work."""
    answer = open_link(client, url)
    problem = refused(answer, 403, "forbidden")
    assert answer.history == []
    assert NOTE not in answer.content
    return problem


# ---- Making one ------------------------------------------------------------------------------------------------------


def test_a_link_says_when_it_ends(patient: httpx.Client, note: Json) -> None:
    made = answered(ask_for_link(patient, note))
    assert made.keys() == {"url", "expiresAt"}
    left = datetime.fromisoformat(made["expiresAt"]) - now()
    assert timedelta(seconds=290) < left <= timedelta(seconds=300)
    assert made["url"].startswith("/files/")
    assert open_link(patient, made["url"]).content == NOTE


def test_a_link_tells_nothing(patient: httpx.Client, pat1: Person, note: Json) -> None:
    """No name, no size, no id of storage; and no token of the session."""
    url = link_to(patient, note)
    payload = base64.urlsafe_b64decode(url.removeprefix("/files/").split(".")[0])
    assert len(payload) == 57
    for secret in (b"note.txt", row_of(note).storage_key.encode(), pat1.token.encode()):
        assert secret not in payload
        assert secret not in url.encode()


def test_files_may_have_an_address_of_their_own(
    server: Server, patient: httpx.Client, note: Json, settings: Settings
) -> None:
    settings.FILES_ORIGIN = f"http://localhost:{server.port}"
    url = link_to(patient, note)
    assert url.startswith(f"http://localhost:{server.port}/files/")
    assert open_link(patient, url).content == NOTE


def test_of_what_has_no_thumbnail_there_is_none(patient: httpx.Client, pat1: Person, note: Json) -> None:
    refused(ask_for_link(patient, note, thumbnail=True), 404, "not_found")
    assert entries("access.denied", pat1) == []  # nobody was turned away


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"thumbnail": "yes"}, "invalid"),
        ({"disposition": "embed"}, "invalid"),
        ({"expiresIn": 86400}, "unknown_field"),
        ({"attachmentId": str(uuid4())}, "unknown_field"),
    ],
)
def test_wishes_are_checked(patient: httpx.Client, note: Json, body: Json, code: str) -> None:
    refused(patient.post(f"{API}/attachments/{note['id']}/url", json=body), 400, code)


@pytest.mark.parametrize(("status", "answer"), [("infected", "blocked_file"), ("unscannable", "blocked_file")])
def test_what_is_not_clean_gets_no_link_and_opens_by_none(
    patient: httpx.Client, pat1: Person, note: Json, status: str, answer: str
) -> None:
    """T075."""
    url = link_to(patient, note)
    Attachment.objects.update(status=status)
    assert patient.get(f"{API}/attachments/{note['id']}").json()["status"] == status
    refused(ask_for_link(patient, note), 403, answer)
    refused(open_link(patient, url), 403, answer)
    assert [entry.reason for entry in entries("access.denied", pat1)] == [answer, answer]


def test_what_is_being_scanned_again_waits(patient: httpx.Client, note: Json) -> None:
    url = link_to(patient, note)
    Attachment.objects.update(status=Status.SCANNING)
    refused(ask_for_link(patient, note), 409, "scan_pending")
    refused(open_link(patient, url), 409, "scan_pending")


@pytest.mark.parametrize("status", ["uploading", "failed"])
def test_what_has_not_arrived_is_not_there(patient: httpx.Client, note: Json, status: str) -> None:
    url = link_to(patient, note)
    Attachment.objects.update(status=status)
    refused(ask_for_link(patient, note), 404, "not_found")
    refused(patient.get(f"{API}/attachments/{note['id']}"), 404, "not_found")
    refused_as_ever(patient, url)


# ---- Who has it ------------------------------------------------------------------------------------------------------


def test_an_unsent_file_is_its_owners_alone(
    patient: httpx.Client, doctor: httpx.Client, stranger: httpx.Client, doc1: Person, note: Json
) -> None:
    random = {"id": str(uuid4())}
    for client in (doctor, stranger):
        for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/url")):
            answers = [
                client.request(method, f"{API}/attachments/{one['id']}{tail}", json={} if tail else None)
                for one in (note, random)
            ]
            assert same_but_for_the_request_id(*(refused(answer, 404, "not_found") for answer in answers))
    assert len(entries("access.denied", doc1)) == 6


def test_a_file_that_was_sent_is_everybodys_who_sees_its_message(
    patient: httpx.Client, doctor: httpx.Client, stranger: httpx.Client, note: Json, sent: Json
) -> None:
    for client in (patient, doctor):
        assert open_link(client, link_to(client, note)).content == NOTE
    refused(ask_for_link(stranger, note), 404, "not_found")


def test_it_goes_with_its_message(patient: httpx.Client, doctor: httpx.Client, note: Json, sent: Json) -> None:
    url = link_to(doctor, note)
    answered(patient.delete(f"{API}/messages/{sent['id']}"))
    refused_as_ever(doctor, url)
    refused(ask_for_link(doctor, note), 404, "not_found")


# ---- Using one: T050 -------------------------------------------------------------------------------------------------


def test_an_altered_link_opens_nothing(patient: httpx.Client, note: Json) -> None:
    token = link_to(patient, note).removeprefix("/files/")
    payload, mac = token.split(".")
    raw = bytearray(base64.urlsafe_b64decode(payload))

    def with_byte(at: int) -> str:
        other = bytearray(raw)
        other[at] ^= 1
        return f"{base64.urlsafe_b64encode(other).decode()}.{mac}"

    altered = [with_byte(at) for at in (0, 8, 24, 40, 56)]  # flags, end, file, person, session
    altered += [f"{payload}.{mac[:-1]}{'A' if mac[-1] != 'A' else 'B'}", f"{payload}.{mac[:-4]}", payload, mac]
    altered += [f"{payload}.", f".{mac}", f"{token}x", token.swapcase(), "x", "%00", "." * 300, "é"]
    altered.append(signing.Signer(sep=".", salt="another").sign(payload))
    altered.append(signing.Signer(sep=".", salt="parley.files.link", key="another" * 9).sign(payload))
    altered.append(signing.Signer(sep=".", salt="parley.files.link").sign("c2hvcnQ="))
    problems = [refused_as_ever(patient, f"/files/{one}") for one in altered]
    assert same_but_for_the_request_id(*problems)
    assert open_link(patient, f"/files/{token}").content == NOTE


def test_a_link_ends(patient: httpx.Client, note: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    url = link_to(patient, note)
    later = now() + timedelta(seconds=301)
    with monkeypatch.context() as clock:
        clock.setattr(links, "now", lambda: later)
        refused_as_ever(patient, url)
    assert open_link(patient, url).status_code == 200


def test_no_link_lasts_longer_whoever_made_it(patient: httpx.Client, pat1: Person, note: Json) -> None:
    """A process whose clock is ahead gives out none that others believe for an hour."""
    session_id = pat1.signed_in.session_id
    link = links.Link(UUID(note["id"]), pat1.id, session_id, now() + timedelta(hours=1))
    refused_as_ever(patient, f"/files/{links.sign(link)}")


def test_a_link_ends_with_its_session_and_with_no_other(server: Server, pat1: Person, note: Json) -> None:
    other = sign_in(pat1)
    with client_for(pat1, server) as first, client_for(other.access, server) as second:
        mine, others = link_to(first, note), link_to(second, note)
        assert second.post(f"{API}/auth/logout").status_code == 204
        refused_as_ever(first, others)
        assert open_link(first, mine).content == NOTE


def test_a_link_ends_with_the_account(patient: httpx.Client, pat1: Person, note: Json) -> None:
    url = link_to(patient, note)
    services.disable_user(actor=SYSTEM, user=pat1.user)
    refused_as_ever(patient, url)


def test_a_link_of_somebody_elses_session_is_none(
    patient: httpx.Client, pat1: Person, doc1: Person, note: Json
) -> None:
    """Signed by this server, and still: session and person belong together."""
    link = links.Link(UUID(note["id"]), pat1.id, doc1.signed_in.session_id, now() + timedelta(seconds=60))
    refused_as_ever(patient, f"/files/{links.sign(link)}")


def test_a_link_is_no_right(stranger: httpx.Client, pat2: Person, note: Json) -> None:
    """Signed for somebody who may not see the file: what a link says is asked again. It is recorded."""
    link = links.Link(UUID(note["id"]), pat2.id, pat2.signed_in.session_id, now() + timedelta(seconds=60))
    refused_as_ever(stranger, f"/files/{links.sign(link)}")
    [entry] = entries("access.denied", pat2)
    assert (str(entry.object), entry.reason) == (note["id"], "forbidden")


def test_who_has_left_has_no_link(
    server: Server, teacher: Person, as_teacher: httpx.Client, out1: Person, shelf: Shelf
) -> None:
    """T050, T034: a former member's link, of a file that was sent and of one that was not."""
    body = {"kind": "group", "name": "Group", "memberIds": [str(out1.id)]}
    room = answered(as_teacher.post(f"{API}/conversations", json=body), 201)["id"]
    with client_for(out1, server) as member:
        sent, unsent = uploaded(as_teacher, room), uploaded(member, room)
        message = {"attachmentIds": [sent["id"]]}
        answered(as_teacher.post(f"{API}/conversations/{room}/messages", json=message), 201)
        urls = [link_to(member, sent), link_to(member, unsent)]
        assert [open_link(member, url).status_code for url in urls] == [200, 200]
        assert as_teacher.delete(f"{API}/conversations/{room}/members/{out1.id}").status_code == 204
        for url in urls:
            refused_as_ever(member, url)


def test_a_link_to_the_thumbnail_opens_nothing_else(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1, picture(), "a.png", "image/png")
    whole, small = (
        open_link(patient, link_to(patient, made)),
        open_link(patient, link_to(patient, made, thumbnail=True)),
    )
    assert (whole.headers["content-type"], small.headers["content-type"]) == ("image/png", "image/webp")
    assert len(small.content) < 320 * 320
    key = shelf.object_of(made)
    [other] = [path for path in shelf.all() if path != key]
    key.write_bytes(other.read_bytes())
    refused(open_link(patient, link_to(patient, made)), 502, "integrity_error")


def test_links_are_for_others_to_use_only_while_they_last(patient: httpx.Client, note: Json) -> None:
    """It needs no token: a browser's own download and a player have none."""
    with httpx.Client(base_url=patient.base_url) as anybody:
        assert anybody.get(link_to(patient, note)).content == NOTE
