"""Opening a conversation, or getting the one there is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest
from django.contrib.auth.models import Permission

from accounts import services as accounts
from core.actor import SYSTEM
from messaging.models import Conversation, Membership
from tests.live import Server
from tests.messaging.talking import Json, answered, entries, open_room, refused, same_but_for_the_request_id, send
from tests.people import Person, client_for, make_person
from tests.sockets import connect

ROUNDS = 25


@pytest.fixture
def rest(pat1: Person, server: Server) -> Iterator[httpx.Client]:
    with client_for(pat1, server) as client:
        yield client


@pytest.fixture
def outsider(out1: Person, server: Server) -> Iterator[httpx.Client]:
    with client_for(out1, server) as client:
        yield client


@pytest.fixture
def admin(adm1: Person, server: Server) -> Iterator[httpx.Client]:
    with client_for(adm1, server) as client:
        yield client


def clinical(patient: Person, provider: Person) -> Json:
    return {"patientId": str(patient.id), "providerId": str(provider.id)}


def direct(other: Person) -> Json:
    return {"kind": "direct", "userId": str(other.id)}


def open_it(client: httpx.Client, body: Json) -> httpx.Response:
    return client.post("/api/v1/conversations", json=body)


@pytest.mark.core
def test_a_clinical_conversation_is_made_once_for_a_patient_and_a_provider(
    rest: httpx.Client, pat1: Person, doc1: Person, server: Server
) -> None:
    made = answered(open_it(rest, clinical(pat1, doc1)), 201)
    assert (made["kind"], made["patientId"], made["providerId"]) == ("clinical", str(pat1.id), str(doc1.id))
    assert (made["memberCount"], made["myRole"], made["headSeq"], made["lastMessage"]) == (2, "member", 0, None)
    assert answered(open_it(rest, {"kind": "clinical", **clinical(pat1, doc1)}), 200) == made
    with client_for(doc1, server) as doctor:
        theirs = answered(open_it(doctor, clinical(pat1, doc1)), 200)
    assert (theirs["id"], theirs["myRole"]) == (made["id"], "owner")


@pytest.mark.core
def test_a_direct_conversation_is_the_same_from_both_sides(
    rest: httpx.Client, pat1: Person, doc1: Person, server: Server
) -> None:
    made = answered(open_it(rest, direct(doc1)), 201)
    assert (made["kind"], made["myRole"]) == ("direct", "member")
    assert "patientId" not in made
    with client_for(doc1, server) as doctor:
        assert answered(open_it(doctor, direct(pat1)), 200)["id"] == made["id"]
    assert answered(open_it(rest, clinical(pat1, doc1)), 201)["id"] != made["id"]


def test_both_are_told_at_once_and_receive_from_then_on(
    rest: httpx.Client, pat1: Person, doc1: Person, server: Server
) -> None:
    with connect(server, doc1.token) as client:
        made = answered(open_it(rest, clinical(pat1, doc1)), 201)
        assert client.next_event("conversation:added")["data"] == {"conversationId": made["id"]}
        send(rest, made["id"], "the first one")
        assert client.next_event("message:new")["data"]["content"] == "the first one"


@pytest.mark.core
def test_two_who_open_at_the_same_time_get_one(rest: httpx.Client, pat1: Person, doc1: Person, server: Server) -> None:
    """T160, a quarter of the rounds."""
    others = [make_person(f"provider-{n}", "provider") for n in range(ROUNDS)]
    with ThreadPoolExecutor(4) as pool:
        for other in others:
            with client_for(other, server) as client:
                both = [(rest, direct(other)), (client, direct(pat1))] * 2
                answers = list(pool.map(lambda ask: open_it(*ask), both))
            assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
            assert len({answer.json()["id"] for answer in answers}) == 1
    assert Conversation.objects.count() == ROUNDS
    assert Membership.objects.count() == 2 * ROUNDS


def test_one_entry_for_each_new_conversation_and_none_for_getting_it(
    rest: httpx.Client, pat1: Person, doc1: Person
) -> None:
    made = answered(open_it(rest, direct(doc1)), 201)
    answered(open_it(rest, direct(doc1)), 200)
    [entry] = entries("conversation.created", pat1)
    assert (str(entry.object), str(entry.conv), entry.outcome) == (made["id"], made["id"], "allow")


# --- With whom --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "other", "allowed"),
    [
        ("patient", "provider", True),
        ("patient", "staff", True),
        ("patient", "patient", False),
        ("patient", "student", False),
        ("provider", "patient", True),
        ("provider", "provider", True),
        ("provider", "student", False),
        ("student", "student", True),
        ("student", "instructor", True),
        ("student", "patient", False),
        ("instructor", "student", True),
        ("instructor", "provider", False),
        ("staff", "patient", True),
        ("staff", "student", True),
    ],
)
def test_the_role_permission_table_holds_for_direct_conversations(
    server: Server, role: str, other: str, allowed: bool
) -> None:
    asker, asked = make_person("asker", role), make_person("asked", other)
    with client_for(asker, server) as client:
        response = open_it(client, direct(asked))
        if allowed:
            answered(response, 201)
        else:
            refused(response, 404, "not_found")


@pytest.mark.core
def test_somebody_out_of_reach_is_nobody(
    outsider: httpx.Client, rest: httpx.Client, pat1: Person, pat2: Person, doc1: Person, dis1: Person
) -> None:
    """What exists, what does not, and who is disabled answer alike; each refusal is an entry."""
    problems = [refused(open_it(outsider, direct(one)), 404, "not_found") for one in (pat1, doc1, dis1)]
    problems.append(refused(open_it(outsider, {"kind": "direct", "userId": str(uuid4())}), 404, "not_found"))
    problems += [
        refused(open_it(rest, clinical(pat1, pat2)), 404, "not_found"),
        refused(open_it(rest, clinical(pat2, doc1)), 404, "not_found"),
        refused(open_it(rest, direct(dis1)), 404, "not_found"),
        refused(open_it(rest, {"kind": "direct", "userId": str(SYSTEM.id)}), 404, "not_found"),
    ]
    assert same_but_for_the_request_id(*problems)
    assert len(entries("access.denied")) == len(problems)
    assert Conversation.objects.count() == 0


def test_providers_open_conversations_of_their_own_only(
    server: Server, pat1: Person, doc1: Person, doc2: Person
) -> None:
    with client_for(doc2, server) as client:
        refused(open_it(client, clinical(pat1, doc1)), 403, "forbidden")
        assert answered(open_it(client, clinical(pat1, doc2)), 201)["myRole"] == "owner"


def test_an_existing_conversation_of_others_is_not_given_away(
    server: Server, c1: str, pat1: Person, doc1: Person, doc2: Person
) -> None:
    with client_for(doc2, server) as client:
        problem = refused(open_it(client, clinical(pat1, doc1)), 403, "forbidden")
    assert c1 not in str(problem)


def test_who_has_the_right_brings_two_others_together(
    admin: httpx.Client, pat1: Person, doc1: Person, server: Server
) -> None:
    made = answered(open_it(admin, clinical(pat1, doc1)), 201)
    assert (made["myRole"], made["memberCount"]) == (None, 2)
    assert answered(open_it(admin, clinical(pat1, doc1)), 200)["id"] == made["id"]
    refused(admin.get(f"/api/v1/conversations/{made['id']}"), 404, "not_found")
    # What they are told of a conversation that is not theirs is on record, each time.
    assert [str(entry.conv) for entry in entries("conversation.viewed")] == [made["id"]] * 2


def test_staff_need_the_right_for_that(server: Server, pat1: Person, doc1: Person) -> None:
    staff = make_person("staff1", "staff", is_staff=True)
    with client_for(staff, server) as client:
        refused(open_it(client, clinical(pat1, doc1)), 403, "forbidden")
        staff.user.user_permissions.add(Permission.objects.get(codename="moderate_conversation"))
        answered(open_it(client, clinical(pat1, doc1)), 201)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "patientId"),
        ({"kind": "direct"}, "userId"),
        ({"kind": "group"}, "name"),
        ({"kind": "club"}, "kind"),
        ({"kind": "direct", "userId": "me"}, "userId"),
    ],
    ids=str,
)
def test_what_names_no_two_people_is_refused(rest: httpx.Client, body: Json, field: str | None) -> None:
    problem = refused(open_it(rest, body), 400, "unknown_field" if field is None else "invalid")
    if field is not None:
        assert field in [error["field"] for error in problem["errors"]]


def test_the_roles_have_to_be_right(server: Server, pat1: Person, doc1: Person, doc2: Person) -> None:
    with client_for(doc1, server) as client:
        problem = refused(open_it(client, clinical(doc2, doc1)), 400, "invalid")
        assert [error["field"] for error in problem["errors"]] == ["patientId"]
        problem = refused(open_it(client, {"kind": "direct", "userId": str(doc1.id)}), 400, "invalid")
        assert [error["field"] for error in problem["errors"]] == ["userId"]
        refused(open_it(client, {**clinical(pat1, doc1), "userId": str(pat1.id)}), 400, "unknown_field")


def test_with_somebody_who_was_disabled_since_the_old_one_is_there_and_no_new_one(
    rest: httpx.Client, pat1: Person, doc1: Person, c1: str
) -> None:
    accounts.disable_user(actor=SYSTEM, user=doc1.user)
    assert answered(open_it(rest, clinical(pat1, doc1)), 200)["id"] == c1
    refused(open_it(rest, direct(doc1)), 403, "forbidden")


def test_after_a_deletion_a_new_one_can_be_opened(
    rest: httpx.Client, pat1: Person, doc1: Person, c1: str, server: Server
) -> None:
    with client_for(doc1, server) as doctor:
        assert doctor.delete(f"/api/v1/conversations/{c1}").status_code == 204
    assert answered(open_it(rest, clinical(pat1, doc1)), 201)["id"] != c1


def test_without_a_record_nothing_is_opened(rest: httpx.Client, doc1: Person, log_cannot_be_written: None) -> None:
    refused(open_it(rest, direct(doc1)), 503, "audit_unavailable")
    assert Conversation.objects.count() == 0


def test_whom_one_knows_from_a_conversation_one_may_still_not_write_to_alone(
    outsider: httpx.Client, out1: Person, pat1: Person
) -> None:
    open_room(out1, pat1)
    refused(open_it(outsider, direct(pat1)), 403, "forbidden")
