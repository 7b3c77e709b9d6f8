"""Sending a message: stored once, told to everybody in the conversation, recorded."""

import select
import socket
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import httpx
import pytest
from pytest_django.fixtures import Settings

from accounts import services as accounts
from core.actor import SYSTEM
from core.errors import TokenRevoked
from core.jobs import run_due
from core.limits import Rate
from messaging.models import Conversation, Membership
from messaging.verification import check_bodies
from tests.live import Server
from tests.messaging.talking import (
    answered,
    contents,
    entries,
    fingerprint_of,
    head_of,
    page,
    post,
    refused,
    say,
    send,
    stored,
)
from tests.people import Person, client_for
from tests.sockets import Refusal, connect

CLINICAL = [
    "K<3.5 and Na>145 & <john@hosp.org>",
    "if a<b and c>d",
    "AT&T &amp; x\r\n\tüß 🩺 \u202eabc",
    " leading and trailing ",
]


@pytest.mark.core
def test_a_message_reaches_everybody_and_is_in_the_history(
    server: Server, pat1: Person, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    with connect(server, pat1.token) as own, connect(server, doc1.token) as other:
        message = send(patient, c1, "It hurts less today.", clientMessageId="m-1")
        for client in (own, other):
            event = client.next_event("message:new")
            assert (event["conversationId"], event["seq"], event["actorId"]) == (c1, 1, str(pat1.id))
            assert event["data"] == message
    assert message["seq"] == 1
    assert message["clientMessageId"] == "m-1"
    assert message["status"] == "sent"
    assert page(doctor, c1)["results"] == [message]


@pytest.mark.core
def test_over_a_socket_the_reply_is_the_stored_message(
    server: Server, pat1: Person, doc1: Person, c1: str, doctor: httpx.Client
) -> None:
    with connect(server, pat1.token) as own, connect(server, doc1.token) as other:
        message = own.ask("message:new", {"conversationId": c1, "content": "By socket."})
        assert own.next_event("message:new")["data"] == message
        assert other.next_event("message:new")["data"] == message
    assert page(doctor, c1)["results"] == [message]


@pytest.mark.core
@pytest.mark.parametrize("text", CLINICAL)
def test_clinical_text_comes_back_byte_for_byte(
    patient: httpx.Client, doctor: httpx.Client, c1: str, text: str
) -> None:
    assert send(patient, c1, text)["content"] == text
    assert contents(page(doctor, c1)["results"]) == [text]


def test_tags_are_taken_out_and_the_answer_is_json_that_no_browser_guesses_at(patient: httpx.Client, c1: str) -> None:
    """T065, the text of messages."""
    response = post(patient, c1, "<script>alert(1)</script> <svg/onload=x> 5 < 6")
    assert answered(response, 201)["content"] == "alert(1)  5 < 6"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_code_in_markdown_keeps_its_tags(patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1, "`<b>` and <b>bold</b>", format="markdown")
    assert (message["content"], message["format"]) == ("`<b>` and bold", "markdown")


TAGS_AND_NONE = [
    ("<script>alert(1)</script>", "alert(1)"),
    ("<ScRiPt src=//x.example>", ""),
    ("<img src=x onerror=alert(1)>", ""),
    ('"><img src=x onerror=alert(1)>', '">'),
    ("<svg/onload=alert(1)>", ""),
    ("<svg><animate onbegin=alert(1)>", "<animate onbegin=alert(1)>"),
    ("<iframe src=javascript:alert(1)>", ""),
    ("<body onload=alert(1)>", ""),
    ("<a href=javascript:alert(1)>x</a>", "x"),
    ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
    ("<math><mtext>x</mtext></math>", "<mtext>x</mtext>"),
    ("<details open ontoggle=alert(1)>", ""),
    ("<input autofocus onfocus=alert(1)>", ""),
    ("<style>@import 'x'</style>", "@import 'x'"),
    ("<object data=x></object>", ""),
    ("<embed src=x>", ""),
    ("<meta http-equiv=refresh content=0>", ""),
    ("<base href=//x.example>", ""),
    ("<scr<script>ipt>", ""),
    ("&lt;script&gt;", "&lt;script&gt;"),
    ("javascript:alert(1)", "javascript:alert(1)"),
]


@pytest.mark.parametrize(("typed", "kept"), TAGS_AND_NONE)
def test_of_what_could_run_only_the_text_is_kept(patient: httpx.Client, c1: str, typed: str, kept: str) -> None:
    """T065. The rest stays as it was typed, byte for byte, also what HTML has no element for."""
    assert send(patient, c1, f"K<3.5 {typed} & Na>145")["content"] == f"K<3.5 {kept} & Na>145"


def test_nothing_that_is_named_in_a_message_is_asked_for(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    """T073: there are no previews of links. A listener that is named in every way hears of nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        for text in (
            f"http://{place}/a",
            f"![x](http://{place}/b)",
            f"<http://{place}/c>",
            f"http://{place}@169.254.169.254/d http://169.254.169.254/latest/meta-data/",
        ):
            message = send(patient, c1, text, format="markdown", metadata={"url": f"http://{place}/e"})
            assert message["content"] == text
            page(doctor, c1)
        run_due()
        assert select.select([listener], [], [], 0.3)[0] == []


@pytest.mark.core
def test_everything_that_can_be_said_of_a_text(server: Server, pat1: Person, c1: str, patient: httpx.Client) -> None:
    asked = {"type": "text", "format": "markdown", "priority": "urgent", "metadata": {"a": "b", "n": 1.5, "yes": True}}
    message = send(patient, c1, "x", **asked)
    assert {name: message[name] for name in asked} == asked
    with connect(server, pat1.token) as client:
        by_socket = client.ask("message:new", {"conversationId": c1, "content": "x", **asked})
    assert {name: by_socket[name] for name in asked} == asked
    assert [{name: one[name] for name in asked} for one in page(patient, c1)["results"]] == [asked, asked]


def test_metadata_is_bounded_sealed_and_comes_back_as_it_was(patient: httpx.Client, c1: str) -> None:
    """T067, T068 as well."""
    metadata = {"k" * 255 + str(n): "canary" + "x" * 250 for n in range(10)} | {str(n): n for n in range(10)}
    message = send(patient, c1, "x", metadata=metadata)
    assert page(patient, c1)["results"][0]["metadata"] == message["metadata"] == metadata
    assert b"canary" not in bytes(stored(message).body)
    for entry in (r'"k": "a\u0000"', r'"a\u0000": "x"', r'"k": "\ud800"', r'"\udfff": 1'):
        response = patient.post(
            f"/api/v1/conversations/{c1}/messages",
            content=f'{{"content": "x", "metadata": {{{entry}}}}}'.encode(),
            headers={"content-type": "application/json"},
        )
        refused(response, 400, "invalid_text")


def test_nothing_of_the_text_stands_in_the_row(patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1, "canary-in-a-body")
    assert b"canary" not in bytes(stored(message).body)


@pytest.mark.parametrize(
    "field",
    [
        *("embed", "preview", "sender_id", "senderId", "seq", "id", "created_at", "createdAt"),
        *(
            "conversation_id",
            "conversationId",
            "kind",
            "org_id",
            "revision",
            "status",
            "forwardedFrom",
            "reactions",
            "isPinned",
        ),
    ],
)
def test_fields_that_are_not_the_clients_to_set_are_refused(patient: httpx.Client, c1: str, field: str) -> None:
    """T043, T051."""
    refused(post(patient, c1, "x", **{field: "system"}), 400, "unknown_field")
    assert head_of(c1) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "system"},
        {"type": "gif"},
        {"type": 1},
        {"format": "html"},
        {"priority": "stat"},
        {"content": None},
        {"content": 5},
        {"content": ["x"]},
        {"clientMessageId": ""},
        {"clientMessageId": "é"},
        {"clientMessageId": "a\nb"},
        {"clientMessageId": "x" * 65},
        {"replyToId": "no-uuid"},
        {"threadRootId": "no-uuid"},
        {"mentions": "all"},
        {"mentions": ["no-uuid"]},
        {"mentions": [str(UUID(int=n)) for n in range(51)]},
        {"expiresInSeconds": 0},
        {"expiresInSeconds": 366 * 86_400 + 1},
        {"expiresInSeconds": "60"},
        {"expiresInSeconds": True},
        {"metadata": "x"},
        {"metadata": ["x"]},
        {"metadata": {"nested": {"a": 1}}},
        {"metadata": {"list": [1]}},
        {"metadata": {"nothing": None}},
        {"metadata": {"": "x"}},
        {"metadata": {"k": "x" * 257}},
        {"metadata": {"k" * 257: "x"}},
        {"metadata": {str(n): n for n in range(21)}},
        {"metadata": {"k": 2**53}},
    ],
    ids=str,
)
def test_values_out_of_range_are_named(patient: httpx.Client, c1: str, fields: dict[str, object]) -> None:
    body = {"content": "x", **fields}
    problem = refused(patient.post(f"/api/v1/conversations/{c1}/messages", json=body), 400, "invalid")
    assert {error["field"].partition(".")[0] for error in problem["errors"]} == set(fields)


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b"{", b"", b"{}"])
def test_a_body_that_is_no_message_is_refused(patient: httpx.Client, c1: str, body: bytes) -> None:
    response = patient.post(
        f"/api/v1/conversations/{c1}/messages", content=body, headers={"content-type": "application/json"}
    )
    refused(response, 400, "invalid")


def test_another_content_type_is_refused(patient: httpx.Client, c1: str) -> None:
    refused(patient.post(f"/api/v1/conversations/{c1}/messages", data={"content": "x"}), 415, "unsupported_media_type")


def test_other_methods_are_refused(patient: httpx.Client, c1: str) -> None:
    refused(patient.delete(f"/api/v1/conversations/{c1}/messages"), 405, "method_not_allowed")


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "", " \n ", "<b></b>"])
def test_text_that_cannot_be_stored_is_refused_and_the_socket_stays(
    server: Server, pat1: Person, patient: httpx.Client, c1: str, text: str
) -> None:
    """T067."""
    refused(post(patient, c1, text), 400, "invalid_text")
    with connect(server, pat1.token) as client:
        with pytest.raises(Refusal, match="invalid_text"):
            client.ask("message:new", {"conversationId": c1, "content": text})
        assert client.ask("message:new", {"conversationId": c1, "content": "still here"})["seq"] == 1


def test_half_a_surrogate_pair_is_refused_by_both_doors(
    server: Server, pat1: Person, patient: httpx.Client, c1: str
) -> None:
    """T068."""
    response = patient.post(
        f"/api/v1/conversations/{c1}/messages",
        content=b'{"content": "a\\ud800b"}',
        headers={"content-type": "application/json"},
    )
    refused(response, 400, "invalid_text")
    with connect(server, pat1.token) as client:
        data = f'{{"conversationId": "{c1}", "content": "\\ud800"}}'
        client.send('{"id": "s", "event": "message:new", "data": ' + data + "}")
        reply = client.next_frame_where(lambda frame: "error" in frame)
        assert reply["error"]["code"] in {"invalid_text", "invalid"}
        assert client.ask("message:new", {"conversationId": c1, "content": "still here"})["seq"] == 1


def test_the_longest_message_in_characters_and_in_bytes(patient: httpx.Client, c1: str) -> None:
    """T069."""
    assert len(send(patient, c1, "x" * 5000)["content"]) == 5000
    refused(post(patient, c1, "x" * 5001), 413, "too_large")
    assert send(patient, c1, "😀" * 4096)["content"] == "😀" * 4096
    refused(post(patient, c1, "😀" * 4097), 413, "too_large")


# --- Who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(server: Server, pat2: Person, stranger: httpx.Client, c1: str) -> None:
    """T041."""
    ours, random = post(stranger, c1), post(stranger, str(uuid4()))
    assert {**refused(ours, 404, "not_found"), "requestId": ""} == {
        **refused(random, 404, "not_found"),
        "requestId": "",
    }
    assert head_of(c1) == 0
    [denied, _] = entries("access.denied", pat2)
    assert (str(denied.conv), denied.outcome) == (c1, "deny")
    with connect(server, pat2.token) as client, pytest.raises(Refusal, match="not_found"):
        client.ask("message:new", {"conversationId": c1, "content": "x"})
    assert len(entries("access.denied", pat2)) == 3


def test_nobody_sends_without_signing_in(server: Server, c1: str) -> None:
    refused(
        httpx.post(f"{server.url}/api/v1/conversations/{c1}/messages", json={"content": "x"}), 401, "unauthenticated"
    )


def test_a_muted_member_may_not_write_but_may_repeat_what_was_sent(
    patient: httpx.Client, pat1: Person, c1: str
) -> None:
    send(patient, c1, "before", clientMessageId="k")
    Membership.objects.filter(user=pat1.id).update(is_muted=True)
    refused(post(patient, c1, "after"), 403, "forbidden")
    assert answered(post(patient, c1, "before", clientMessageId="k"), 200)["duplicate"] is True
    assert [entry.reason for entry in entries("access.denied", pat1)] == ["forbidden"]


def test_where_only_moderators_write_a_member_may_not(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    Conversation.objects.update(posting_policy="moderators")
    refused(post(patient, c1), 403, "forbidden")
    send(doctor, c1, "The owner may.")


def test_too_many_are_told_when_to_come_back(
    server: Server, pat1: Person, patient: httpx.Client, c1: str, settings: Settings
) -> None:
    settings.LIMITS = {**settings.LIMITS, "MESSAGE_NEW": Rate(2, 60)}
    send(patient, c1)
    with connect(server, pat1.token) as client:
        client.ask("message:new", {"conversationId": c1, "content": "One limit for all doors."})
        with pytest.raises(Refusal, match="rate_limited") as refusal:
            client.ask("message:new", {"conversationId": c1, "content": "x"})
        assert refusal.value.error["retryAfterMs"] > 0
    response = post(patient, c1)
    assert refused(response, 429, "rate_limited")["retryAfterMs"] > 0
    assert 1 <= int(response.headers["retry-after"]) <= 31


# --- The record -------------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_one_entry_with_the_hash_of_what_is_stored(
    server: Server, pat1: Person, patient: httpx.Client, c1: str
) -> None:
    """T104."""
    message = send(patient, c1)
    [entry] = entries("message.created", pat1)
    assert (str(entry.object), str(entry.conv), entry.outcome) == (message["id"], c1, "allow")
    assert bytes(entry.object_h or b"") == fingerprint_of(stored(message))
    assert list(check_bodies()) == []


def test_without_a_record_nothing_is_stored_and_nobody_is_told(
    server: Server, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client, log_cannot_be_written: None
) -> None:
    with connect(server, doc1.token) as other:
        response = post(patient, c1)
        refused(response, 503, "audit_unavailable")
        assert "retry-after" in response.headers
        other.nothing_arrives()
    assert head_of(c1) == 0


def test_a_message_to_a_deleted_conversation_finds_nothing(
    patient: httpx.Client, doctor: httpx.Client, c1: str
) -> None:
    assert doctor.delete(f"/api/v1/conversations/{c1}").status_code == 204
    refused(post(patient, c1), 404, "not_found")
    refused(post(doctor, c1), 404, "not_found")


def test_refused_and_repeated_sends_of_a_burst_do_not_disturb_the_others(
    server: Server, pat1: Person, doc2: Person, c1: str
) -> None:
    with client_for(pat1, server) as client, ThreadPoolExecutor(8) as pool:
        bodies = [{"content": f"good {n}"} if n % 2 else {"content": "x", "replyToId": str(uuid4())} for n in range(24)]
        statuses = [r.status_code for r in pool.map(lambda body: post(client, c1, **body), bodies)]
    assert statuses == [400, 201] * 12
    assert head_of(c1) == 12


def test_who_was_disabled_since_they_asked_is_refused_under_the_lock(pat1: Person, c1: str) -> None:
    assert pat1.actor.role == "patient"
    accounts.disable_user(actor=SYSTEM, user=pat1.user)
    with pytest.raises(TokenRevoked):
        say(pat1, c1, "x")
    assert head_of(c1) == 0
