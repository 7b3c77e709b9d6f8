"""Somebody is erased: their name is nowhere, their words are gone, numbers and counts stay, and the log is whole."""

from datetime import timedelta
from io import StringIO
from uuid import UUID, uuid4

import httpx
import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

import audit
from accounts import services
from accounts.models import Block, LoginSession, NameToken, PatientRecord, RefreshToken, TotpDevice, User
from accounts.services import placeholder_of
from attachments.models import Attachment
from attachments.storage import ObjectGone, object_store
from attachments.sweeping import remove_gone
from audit.models import Detail, Entry
from audit.verify import verify
from core.actor import SYSTEM, Actor
from core.errors import Conflict, Forbidden, LegalHold
from core.jobs import run_due
from core.models import Task
from core.time import now, wire_time
from messaging import recounting
from messaging.erasing import erase_what_they_said
from messaging.models import Membership, Mention, Message, Reaction
from messaging.services import send_system_message
from realtime.models import Stream
from retention.services import lift_hold
from tests.live import Server
from tests.messaging.conftest import c1, doctor, patient
from tests.messaging.files import PICTURE, send_files, upload
from tests.messaging.marks import marked
from tests.messaging.rooms import add, members, open_direct, promote, role_of, room_of
from tests.messaging.talking import API, answered, contents, entries, page, refused, send
from tests.messaging.test_react import react
from tests.people import PASSWORD, Person, anonymous_client, client_for, make_person, open_clinical
from tests.readable import readable
from tests.retention.running import hold
from tests.sockets import connect

__all__ = ["c1", "doctor", "patient"]

pytestmark = pytest.mark.core

NAME = "Quirin Zweistein"
LOGIN = "quirin77"
WORDS = "marzipan at midnight"
NOTE = "gone fishing in Narvik"


@pytest.fixture
def quirin(database: None) -> Person:
    """Somebody with everything that a student can have."""
    person = make_person(LOGIN, "student", display_name=NAME, email=f"{LOGIN}@example.org")
    person.user.custom_status, person.user.out_of_office = NOTE, NOTE
    person.user.save()
    services.start_session(user=person.user, address="192.0.2.7", user_agent="Quirinphone 12")
    return person


@pytest.fixture
def friend(database: None) -> Person:
    return make_person("friend", "student", display_name="Frieda Ohm")


@pytest.fixture
def officer(database: None) -> Person:
    """Staff who may erase people, as members of the group do."""
    person = make_person("officer", "staff", is_staff=True)
    person.user.groups.add(Group.objects.get(name="compliance"))
    return person


def erased(person: Person, *options: str) -> str:
    out = StringIO()
    call_command("erase_person", person.username, "--yes", *options, stdout=out)
    return out.getvalue()


def worked() -> None:
    """A worker has done what the erasure asked for."""
    Task.objects.exclude(name="messaging.erase_person").delete()
    run_due()
    assert not Task.objects.exclude(state="done").exists()


def test_the_name_is_nowhere_and_counts_stay(server: Server, quirin: Person, friend: Person) -> None:
    """T156: messages, edits, reactions, receipts, mentions, files, sessions, presence, blocks, events, the log."""
    room = room_of(friend, name="Room of two")
    enemy = make_person("enemy", "student")
    services.block_user(actor=quirin.actor, subject=enemy.user)
    services.update_profile(actor=quirin.actor, user=quirin.user, changes={"display_name": f"{NAME} II"})
    with client_for(friend, server) as other, client_for(quirin, server) as own:
        answered(add(other, room, quirin), 201)
        first = send(other, room, "Hello.", mentions=[str(quirin.id)])
        theirs = [send(own, room, f"{WORDS} {number}") for number in range(3)]
        answered(own.patch(f"{API}/messages/{theirs[0]['id']}", json={"content": f"{WORDS} again"}))
        file = send_files(own, room, upload(quirin, room, name="quirin77-cv.pdf"))["attachments"][0]["id"]
        waiting = upload(quirin, room, thumbnail=b"small", **PICTURE)
        answered(react(own, first["id"], "👍"))
        marked(own, room, "read", first["seq"])
        answered(own.put(f"{API}/me/presence", json={"status": "busy", "customStatus": NOTE}))
        before = answered(other.get(f"{API}/conversations/{room}"))
        assert NAME.lower() in readable()
        assert WORDS in readable()
        assert LOGIN in readable()

        with connect(server, quirin.token) as socket, connect(server, friend.token) as listening:
            told = erased(quirin)
            assert socket.closed_with() == 4403
            assert listening.next_event("message:deleted")["data"]["content"] is None
        assert "4 messages, 1 reactions, 2 files" in told
        assert str(quirin.id) in told

        found = readable()
        for word in (NAME.lower(), "zweistein", LOGIN, WORDS, NOTE.lower(), "quirinphone", "example.org"):
            assert word not in found, word

        after = answered(other.get(f"{API}/conversations/{room}"))
        assert (after["memberCount"], after["headSeq"] > before["headSeq"]) == (2, True)
        shown = {one["id"]: one for one in page(other, room)["results"]}
        for message in theirs:
            tombstone = shown[message["id"]]
            assert (tombstone["seq"], tombstone["senderId"]) == (message["seq"], str(quirin.id))
            assert (tombstone["isDeleted"], tombstone["content"], tombstone["attachments"]) == (True, None, [])
        assert (shown[first["id"]]["content"], shown[first["id"]]["reactions"]) == ("Hello.", [])
        assert shown[first["id"]]["mentions"] == [str(quirin.id)]
        [member] = [one for one in members(other, room) if one["userId"] == str(quirin.id)]
        assert (member["username"], member["displayName"]) == (placeholder_of(quirin.id), None)
        events = answered(other.get(f"{API}/conversations/{room}/events", params={"limit": 200}))["results"]
        [joined] = [e for e in events if e["event"] == "member:joined" and e["data"]["userId"] == str(quirin.id)]
        assert (joined["data"]["username"], joined["data"]["displayName"]) == (placeholder_of(quirin.id), None)

    assert Mention.objects.filter(user=quirin.id).count() == 1
    assert Membership.objects.get(user=quirin.id).read_seq == first["seq"]
    for model in (Block, NameToken, RefreshToken):
        assert not any(str(quirin.id) in repr(list(row)) for row in model.objects.values_list())
    assert not Reaction.objects.filter(user=quirin.id).exists()
    assert not LoginSession.objects.filter(user=quirin.id, ip_h__isnull=False).exists()
    assert not LoginSession.objects.filter(user=quirin.id, revoked_at=None).exists()
    keys = list(Attachment.objects.filter(id__in=[file, waiting]).values_list("storage_key", flat=True))
    remove_gone()
    assert not Attachment.objects.filter(owner=quirin.id).exists()
    for key in keys:
        with pytest.raises(ObjectGone):
            object_store().size(key)
    assert recounting.verify().problems == []
    worked()


def test_the_log_is_whole_and_its_details_about_them_are_gone(quirin: Person, friend: Person, server: Server) -> None:
    """T157: the chain holds; what the details said of the person nobody can read, what they say of others stays."""
    room = room_of(friend, name="Room of two")
    with client_for(quirin, server) as own, client_for(friend, server) as other:
        answered(add(other, room, quirin), 201)
        send(own, room, WORDS)
    services.update_profile(actor=quirin.actor, user=quirin.user, changes={"language": "de"})
    services.update_profile(actor=friend.actor, user=friend.user, changes={"language": "de"})
    hold_on_them = hold("user", quirin.id)
    lift_hold(actor=SYSTEM, hold=hold_on_them)
    about = [one for one in entries("user.updated") if one.object == quirin.id]
    held = entries("hold.placed")
    others = [one for one in entries("user.updated") if one.object == friend.id]
    assert Detail.objects.filter(entry__in=[one.id for one in [*about, *held, *others]]).count() == 3

    erased(quirin)
    gone = {one.object for one in entries("detail.erased") if one.object is not None}
    assert {one.id for one in [*about, *held]} <= gone
    assert not {one.id for one in others} & gone
    assert not Detail.objects.filter(entry__in=gone).exists()
    assert Entry.objects.filter(id__in=gone).count() == len(gone)
    [entry] = entries("user.erased")
    assert (entry.object, entry.outcome) == (quirin.id, "allow")
    with pytest.raises(DatabaseError, match="stay for six years"), transaction.atomic():
        Detail.objects.filter(entry=others[0].id).delete()  # of which no entry says that they went
    report = verify()
    assert (report.problems, report.details_erased) == ([], len(gone))


def test_a_medical_record_stays_unless_it_is_asked_for(
    server: Server, pat1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client, doc1: Person
) -> None:
    """The law keeps it; the patient's account and the link to it go."""
    record = services.create_patient_record(
        actor=doc1.actor, subject=doc1.actor, mrn="MRN 4711", name="Paula Quint", user_id=pat1.id
    )
    clinical = send(patient, c1, "K<3.5 and Na>145")
    direct = open_direct(doc1, pat1)
    private = send(patient, direct, WORDS)
    told = erased(pat1)
    assert "1 messages" in told
    assert answered(doctor.get(f"{API}/messages/{clinical['id']}"))["content"] == "K<3.5 and Na>145"
    assert answered(doctor.get(f"{API}/messages/{private['id']}"))["isDeleted"]
    record.refresh_from_db()
    assert (record.user_id, record.mrn, record.name) == (None, "MRN 4711", "Paula Quint")
    assert User.objects.get(id=pat1.id).display_name is None
    assert User.objects.get(id=pat1.id).records_erased is False


def test_with_records_it_goes_too(
    pat1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client, doc1: Person
) -> None:
    record = services.create_patient_record(
        actor=doc1.actor, subject=doc1.actor, mrn="MRN 4711", name="Paula Quint", user_id=pat1.id
    )
    clinical = send(patient, c1, "K<3.5 and Na>145")
    answer = send(doctor, c1, "Take potassium.")
    erased(pat1, "--with-records")
    assert answered(doctor.get(f"{API}/messages/{clinical['id']}"))["isDeleted"]
    assert answered(doctor.get(f"{API}/messages/{answer['id']}"))["content"] == "Take potassium."
    assert PatientRecord.objects.get(id=record.id).user_id is None
    found = readable()
    assert "quint" not in found
    assert "4711" not in found
    assert "na>145" not in found
    assert verify().problems == []


@pytest.mark.parametrize("whole", [True, False], ids=["with records", "without"])
def test_what_the_server_said_for_them_goes_with_what_they_said(
    server: Server, pat1: Person, patient: httpx.Client, whole: bool
) -> None:
    """T156: their absence note is their words, and a cover says their name; what others have of both stays."""
    provider = make_person("quirin-md", "provider", display_name=f"Dr. {NAME}")
    other = make_person("other-md", "provider", display_name="Dr. Olga Ohm")
    theirs, another = open_clinical(pat1, provider), open_clinical(pat1, other)
    until = wire_time(now() + timedelta(days=2))
    with client_for(provider, server) as own, client_for(other, server) as colleague:
        answered(own.patch(f"{API}/me", json={"outOfOffice": NOTE}))
        answered(colleague.patch(f"{API}/me", json={"outOfOffice": "Back in May."}))
        answered(add(own, theirs, other, until=until), 201)
        answered(add(colleague, another, provider, until=until), 201)
    send_system_message(conversation_id=UUID(theirs), content="K<3.5 and Na>145")
    for conversation in (theirs, another):
        send(patient, conversation, "Hello?")
    run_due()
    said = [page(patient, conversation)["results"] for conversation in (theirs, another)]
    assert [[bool(one["content"]) for one in shown] for shown in said] == [[True] * 4, [True] * 3]
    erased(provider, *(["--with-records"] if whole else []))
    then = [contents(page(patient, conversation)["results"]) for conversation in (theirs, another)]
    if whole:
        assert then == [[None, "K<3.5 and Na>145", "Hello?", None], [None, "Hello?", "Back in May."]]
        assert "zweistein" not in readable()
        assert NOTE.lower() not in readable()
    else:
        assert then == [[one["content"] for one in shown] for shown in said]
    assert verify().problems == []
    assert recounting.verify().problems == []


def test_a_room_that_they_alone_owned_gets_another_owner(server: Server, quirin: Person, friend: Person) -> None:
    """Else nobody could rename it, let anybody in or remove anybody."""
    second = make_person("second", "student")
    alone, shared = room_of(quirin, second, friend), room_of(quirin, second, friend)
    promote(friend, alone, "moderator")
    promote(second, shared, "owner")
    direct, empty = open_direct(quirin, friend), room_of(quirin)
    erased(quirin)
    assert [role_of(one, alone) for one in (friend, second)] == ["owner", "member"]
    assert [role_of(one, shared) for one in (friend, second)] == ["member", "owner"]
    assert (role_of(friend, direct), role_of(quirin, empty)) == ("member", "owner")
    with client_for(friend, server) as other:
        answered(other.patch(f"{API}/conversations/{alone}", json={"name": "Ours"}))
        shown = {one["userId"]: one["role"] for one in members(other, alone)}
    heads = Stream.objects.get(id=alone).head_seq
    erased_again(quirin)
    assert shown[str(friend.id)] == "owner"
    assert Stream.objects.get(id=alone).head_seq == heads
    assert recounting.verify().problems == []


def test_what_would_go_is_said_first(quirin: Person, friend: Person, server: Server) -> None:
    room = room_of(friend, quirin)
    with client_for(quirin, server) as own:
        send(own, room, WORDS)
    out = StringIO()
    call_command("erase_person", LOGIN, stdout=out)
    assert "1 messages in 1 conversations would be erased" in out.getvalue()
    assert "Add --yes" in out.getvalue()
    assert User.objects.get(id=quirin.id).username == LOGIN
    assert WORDS in readable()


def test_a_repeat_takes_up_what_is_left(quirin: Person, friend: Person, server: Server) -> None:
    room = room_of(friend, quirin)
    with client_for(quirin, server) as own:
        send(own, room, WORDS)
    services.erase_user(actor=SYSTEM, user=quirin.user)  # and then the process dies
    assert WORDS in readable()
    worked()
    assert WORDS not in readable()
    services.erase_user(actor=SYSTEM, user=User.objects.get(id=quirin.id))
    assert len(entries("user.erased")) == 1
    out = StringIO()
    call_command("erase_person", str(quirin.id), "--yes", stdout=out)
    assert "0 messages" in out.getvalue()


def test_nobody_signs_in_afterwards_and_the_name_is_free(server: Server, quirin: Person) -> None:
    token = quirin.token
    erased(quirin)
    with anonymous_client(server) as client:
        for name in (LOGIN, placeholder_of(quirin.id)):
            answer = client.post(f"{API}/auth/token", json={"username": name, "password": PASSWORD})
            refused(answer, 401, "unauthenticated")
    with client_for(token, server) as own:
        assert own.get(f"{API}/me").status_code == 401
    with pytest.raises(Conflict):
        services.enable_user(actor=SYSTEM, user=User.objects.get(id=quirin.id))
    assert make_person(LOGIN, "student").id != quirin.id


@pytest.mark.parametrize("kind", ["user", "conversation"])
def test_a_hold_forbids_it(server: Server, quirin: Person, friend: Person, officer: Person, kind: str) -> None:
    """T154: 409 legal_hold, and nothing has changed."""
    room = room_of(friend, quirin)
    with client_for(quirin, server) as own:
        send(own, room, WORDS)
    placed = hold(kind, quirin.id if kind == "user" else room)
    with pytest.raises(LegalHold):
        services.erase_user(actor=officer.actor, user=quirin.user)
    with pytest.raises(CommandError, match="legal_hold list"):
        erased(quirin)
    fresh = User.objects.get(id=quirin.id)
    assert (fresh.username, fresh.is_active, fresh.erased_at) == (LOGIN, True, None)
    assert WORDS in readable()
    assert not entries("user.erased")
    lift_hold(actor=SYSTEM, hold=placed)
    erased(quirin)
    assert WORDS not in readable()


def test_a_hold_on_their_patient_record_forbids_it(pat1: Person, doc1: Person, c1: str) -> None:
    record = services.create_patient_record(
        actor=doc1.actor, subject=doc1.actor, mrn="MRN 4711", name="Paula Quint", user_id=pat1.id
    )
    hold("patient_record", record.id)
    with pytest.raises(LegalHold):
        services.erase_user(actor=SYSTEM, user=pat1.user)


def test_a_hold_that_comes_between_keeps_what_is_there(server: Server, quirin: Person, friend: Person) -> None:
    """The account went; the conversation stays until the hold is lifted, and the job says so."""
    held, free = room_of(friend, quirin), room_of(friend, quirin)
    with client_for(quirin, server) as own:
        send(own, held, WORDS)
        send(own, free, "lemonade in spring")
    services.erase_user(actor=SYSTEM, user=quirin.user)
    placed = hold("conversation", held)
    with pytest.raises(LegalHold):
        erase_what_they_said(quirin.id)
    assert WORDS in readable()
    assert "lemonade" not in readable()
    lift_hold(actor=SYSTEM, hold=placed)
    assert erase_what_they_said(quirin.id).messages == 1
    assert WORDS not in readable()


def details_about(person: Person) -> set[UUID]:
    """The entries about somebody whose details can still be read."""
    about = Entry.objects.filter(object=person.id).values("id")
    return set(Detail.objects.filter(entry__in=about).values_list("entry", flat=True))


@pytest.mark.parametrize("kind", ["user", "conversation"])
def test_it_waits_for_as_long_as_a_hold_lasts_and_ends_by_itself(
    server: Server, quirin: Person, friend: Person, kind: str
) -> None:
    """T154: placed between the account's end and the worker's turn, and lifted after longer than tasks are tried."""
    room = room_of(friend, quirin)
    with client_for(quirin, server) as own:
        send(own, room, WORDS)
    services.update_profile(actor=quirin.actor, user=quirin.user, changes={"language": "de"})
    Task.objects.all().delete()
    services.erase_user(actor=SYSTEM, user=quirin.user)
    services.erase_user(actor=SYSTEM, user=User.objects.get(id=quirin.id))
    placed = hold(kind, quirin.id if kind == "user" else room)
    kept = details_about(quirin)
    assert kept
    for _ in range(12):
        run_due()
        [waiting] = Task.objects.exclude(state="done")
        assert (waiting.name, waiting.state, waiting.run_at > now()) == ("messaging.erase_person", "waiting", True)
        assert details_about(quirin) == kept
        assert WORDS in readable()
        Task.objects.filter(id=waiting.id).update(run_at=now())
    with pytest.raises(CommandError, match="legal_hold list"):
        erased_again(quirin)
    lift_hold(actor=SYSTEM, hold=placed)
    run_due()
    assert not Task.objects.exclude(state="done").exists()
    assert WORDS not in readable()
    assert details_about(quirin) == set()


def test_a_hold_on_them_keeps_what_names_them_in_the_log(quirin: Person) -> None:
    """Also where the entry is about something else, as the hold itself, and they never were in any conversation."""
    services.erase_user(actor=SYSTEM, user=quirin.user)
    placed = hold("user", quirin.id)
    [told] = entries("hold.placed")
    with pytest.raises(LegalHold):
        erase_what_they_said(quirin.id)
    assert Detail.objects.filter(entry=told.id).exists()
    lift_hold(actor=SYSTEM, hold=placed)
    erase_what_they_said(quirin.id)
    assert not Detail.objects.filter(entry=told.id).exists()


def erased_again(person: Person) -> None:
    call_command("erase_person", str(person.id), "--yes", stdout=StringIO())


def test_a_hold_on_somebody_else_keeps_what_the_log_says_of_both(quirin: Person, officer: Person) -> None:
    """What the officer did to them is evidence of what the officer did; the rest goes."""
    theirs, other = (_recorded_of(quirin, actor) for actor in (officer.actor, quirin.actor))
    placed = hold("user", officer.id)
    with pytest.raises(CommandError, match="The account is erased, and what no legal hold covers"):
        erased(quirin)
    assert details_about(quirin) & {theirs, other} == {theirs}
    assert User.objects.get(id=quirin.id).username == placeholder_of(quirin.id)
    lift_hold(actor=SYSTEM, hold=placed)
    erased_again(quirin)
    assert details_about(quirin) == set()
    assert verify().problems == []


def _recorded_of(person: Person, actor: Actor) -> UUID:
    with audit.transaction():
        audit.record("user.updated", actor=actor, object_id=person.id, details={"fields": ["display_name"]})
    return entries("user.updated")[-1].id


def test_it_takes_a_permission(quirin: Person, friend: Person, officer: Person, adm1: Person) -> None:
    clerk = make_person("clerk", "staff", is_staff=True)
    for nobody in (friend, clerk):
        with pytest.raises(Forbidden):
            services.erase_user(actor=nobody.actor, user=quirin.user)
    for somebody in (officer, adm1):
        with pytest.raises(Forbidden):  # oneself
            services.erase_user(actor=somebody.actor, user=somebody.user)
        with pytest.raises(Forbidden):  # a superuser, whoever asks
            services.erase_user(actor=somebody.actor, user=make_superuser())
    with pytest.raises(Forbidden):
        services.erase_user(actor=adm1.actor, user=User.objects.get(id=SYSTEM.id))
    assert User.objects.filter(erased_at__isnull=False).count() == 0
    assert services.erase_user(actor=officer.actor, user=quirin.user).username == placeholder_of(quirin.id)


def make_superuser() -> User:
    found = User.objects.find("other-root")
    return found or make_person("other-root", "staff", is_staff=True, is_superuser=True).user


def test_staff_lose_their_rights_and_their_app(adm1: Person) -> None:
    clerk = make_person("clerk", "staff", is_staff=True, display_name="Clara Kern")
    clerk.user.groups.add(Group.objects.get(name="moderators"))
    TotpDevice.objects.create(user=clerk.user, secret="JBSWY3DPEHPK3PXP", confirmed=True)
    services.erase_user(actor=adm1.actor, user=clerk.user)
    fresh = User.objects.get(id=clerk.id)
    assert (fresh.is_staff, list(fresh.groups.all()), fresh.is_active) == (False, [], False)
    assert not TotpDevice.objects.exists()


def test_the_superuser_is_refused_by_the_command_too(adm1: Person) -> None:
    with pytest.raises(CommandError, match="Superusers"):
        erased(adm1)
    with pytest.raises(CommandError, match="nobody of that name"):
        call_command("erase_person", str(uuid4()), "--yes")


def test_the_job_leaves_people_alone_who_were_not_erased(server: Server, quirin: Person, friend: Person) -> None:
    room = room_of(friend, quirin)
    with client_for(quirin, server) as own:
        send(own, room, WORDS)
    erase_what_they_said(UUID(str(quirin.id)))
    assert Message.objects.filter(sender=quirin.id, deleted_at=None).exists()
