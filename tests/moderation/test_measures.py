"""What moderators do upon a report: it happens to the message or the person, once, and stands in the log."""

from collections.abc import Callable
from uuid import UUID

import httpx
import pytest
from django.contrib.auth.models import Permission

from accounts.services import disable_user, enable_user, erase_user
from core.sql import stored as column
from messaging.models import Conversation, Membership, Message, Report
from messaging.services import send_system_message
from retention.services import place_hold
from tests.live import Server
from tests.messaging.rooms import promote, role_of, room_of, stay_of
from tests.messaging.talking import API, answered, entries, page, post, refused, say
from tests.moderation.conftest import SECRET
from tests.moderation.reports import LIST, Case, Moderator, report
from tests.people import Person, client_for, make_person
from tests.sockets import connect

pytestmark = pytest.mark.core

Browse = Callable[[Person], Moderator]


def acted(moderator: Person) -> list[str]:
    """What the log says this moderator did upon reports, in order."""
    return [entry.reason for entry in entries("report.acted", moderator)]


# --- Hide -------------------------------------------------------------------------------------------------------------


def test_hiding_takes_the_message_from_everybody_and_keeps_the_evidence(
    as_mod1: Moderator, mod1: Person, case: Case, room: str, teacher: Person, server: Server
) -> None:
    with connect(server, teacher.token) as socket, client_for(teacher, server) as client:
        assert "is hidden from everybody" in as_mod1.do(case, "hidden").text
        event = socket.next_event("message:deleted")
        assert (event["data"]["isDeleted"], event["data"]["content"]) == (True, None)
        [shown] = page(client, room)["results"]
        assert (shown["isDeleted"], shown["content"]) == (True, None)
    row = case.row
    assert (row.state, row.outcome, row.settled_by_id) == ("settled", "hidden", mod1.id)
    [entry] = entries("message.deleted", mod1)
    assert (entry.object, entry.conv) == (row.message_id, UUID(room))
    assert acted(mod1) == ["hidden"]
    assert "hidden" not in as_mod1.offered(case)
    assert SECRET in as_mod1.open(case).text


def test_what_its_sender_deleted_meanwhile_is_not_deleted_twice(
    as_mod1: Moderator, mod1: Person, case: Case, student: Person, server: Server
) -> None:
    with client_for(student, server) as client:
        answered(client.delete(f"{API}/messages/{case.row.message_id}"))
    as_mod1.do(case, "hidden")
    assert len(entries("message.deleted")) == 1
    assert case.row.outcome == "hidden"


def test_a_legal_hold_wins_over_hiding(as_mod1: Moderator, mod1: Person, case: Case, adm1: Person, room: str) -> None:
    place_hold(actor=adm1.actor, target_kind="conversation", target_id=UUID(room), reason="a case", case_id="1")
    answer = as_mod1.do(case, "hidden")
    assert "It cannot be deleted now." in answer.text
    assert Message.objects.get(id=case.row.message_id).deleted_at is None
    assert (case.row.state, case.deeds, acted(mod1)) == ("open", [], [])


def test_what_retention_removed_cannot_be_hidden_and_its_evidence_opens(
    as_mod1: Moderator, case: Case, tamper: Callable[..., int]
) -> None:
    assert tamper("DELETE FROM messaging_message WHERE id = %s", [column(case.row.message_id)]) == 1
    assert "removed by retention" in as_mod1.look(case)
    assert "hidden" not in as_mod1.offered(case)
    assert "The message is not there any more." in as_mod1.do(case, "hidden").text
    assert SECRET in as_mod1.open(case).text
    as_mod1.do(case, "warned")
    assert case.row.outcome == "warned"


# --- Warn -------------------------------------------------------------------------------------------------------------


def test_a_warning_arrives_as_a_message_of_the_server(
    as_mod1: Moderator, mod1: Person, case: Case, student: Person, server: Server
) -> None:
    with connect(server, student.token) as socket, client_for(student, server) as client:
        as_mod1.do(case, "warned", text="Please be kind: K<3.5")
        event = socket.next_event("message:new")
        assert event["data"]["type"] == "system"
        assert "reported as harassment" in event["data"]["content"]
        assert "Please be kind: K<3.5" in event["data"]["content"]
        assert "classmate" not in event["data"]["content"]
        channel = event["conversationId"]
        refused(post(client, channel, "But why?"), 403, "forbidden")
        assert [one["id"] for one in answered(client.get(f"{API}/conversations?kind=direct"))["results"]] == [channel]
    assert case.row.outcome == "warned"
    assert [(entry.object, entry.conv) for entry in entries("member.warned", mod1)] == [
        (student.id, case.row.conversation_id)
    ]
    assert entries("message.created", mod1) == []


def test_warnings_of_two_reports_come_in_one_conversation(
    as_mod1: Moderator, case: Case, room: str, student: Person, teacher: Person
) -> None:
    [message] = say(student, room, "another")
    other = report(teacher, message["id"], "spam")
    for one in (case, other):
        as_mod1.do(one, "warned")
        assert "warned" not in as_mod1.offered(one)
    warnings = Message.objects.filter(type="system", conversation__kind="direct")
    assert warnings.count() == 2
    assert warnings.values("conversation").distinct().count() == 1


def test_a_warning_that_is_too_long_is_refused(as_mod1: Moderator, case: Case) -> None:
    assert "1,000 characters" in as_mod1.do(case, "warned", text="x" * 1001).text
    assert case.deeds == []


# --- Mute and ban -----------------------------------------------------------------------------------------------------


def test_who_is_muted_writes_there_no_more_until_a_moderator_lets_them(
    as_mod1: Moderator, mod1: Person, case: Case, room: str, student: Person, server: Server
) -> None:
    with client_for(student, server) as client:
        as_mod1.do(case, "muted")
        refused(post(client, room, "again"), 403, "forbidden")
        assert as_mod1.offered(case) >= {"unmuted"}
        assert "muted" not in as_mod1.offered(case)
        as_mod1.do(case, "unmuted")
        answered(post(client, room, "thank you"), 201)
    assert acted(mod1) == ["muted", "unmuted"]
    assert [entry.object for entry in entries("member.updated", mod1)] == [student.id] * 2
    assert case.row.outcome == "muted"


def test_the_patient_of_a_clinical_conversation_is_muted_too(
    as_mod1: Moderator, c1: str, pat1: Person, doc1: Person, patient: httpx.Client
) -> None:
    [message] = say(pat1, c1, SECRET)
    case = report(doc1, message["id"], "threat")
    assert "banned" not in as_mod1.offered(case)
    assert "Nobody is banned from a conversation of two" in as_mod1.do(case, "banned").text
    as_mod1.do(case, "muted")
    refused(post(patient, c1, "again"), 403, "forbidden")


def test_who_left_cannot_be_muted_but_banned(
    as_mod1: Moderator, mod1: Person, case: Case, room: str, student: Person, server: Server
) -> None:
    with client_for(student, server) as client:
        client.post(f"{API}/conversations/{room}/leave")
    assert "muted" not in as_mod1.offered(case)
    assert "not in this conversation any more" in as_mod1.do(case, "muted").text
    as_mod1.do(case, "banned")
    assert stay_of(student, room).is_blocked
    assert len(entries("member.removed")) == 0
    assert len(entries("member.banned", mod1)) == 1


def test_who_is_banned_is_out_at_once_until_the_ban_is_lifted(
    as_mod1: Moderator, mod1: Person, student: Person, classmate: Person, teacher: Person, server: Server
) -> None:
    room = room_of(teacher, student, classmate, kind="public")
    [message] = say(student, room, SECRET)
    case = report(classmate, message["id"], "spam")
    with client_for(student, server) as client:
        as_mod1.do(case, "banned")
        refused(client.get(f"{API}/conversations/{room}"), 404, "not_found")
        refused(client.post(f"{API}/conversations/{room}/join"), 404, "not_found")
        as_mod1.do(case, "unbanned")
        assert client.post(f"{API}/conversations/{room}/join").is_success
    assert acted(mod1) == ["banned", "unbanned"]
    for verb in ("member.banned", "member.unbanned", "member.removed"):
        assert [entry.object for entry in entries(verb, mod1)] == [student.id]


def test_a_room_whose_only_owner_is_banned_gets_another(
    as_mod1: Moderator, student: Person, classmate: Person, teacher: Person
) -> None:
    for expected, others in (("moderator", (classmate, teacher)), ("longest", (classmate,))):
        room = room_of(student, *others)
        if expected == "moderator":
            promote(teacher, room, "moderator")
        [message] = say(student, room, expected)
        as_mod1.do(report(classmate, message["id"]), "banned")
        assert role_of(teacher if expected == "moderator" else classmate, room) == "owner"
        assert role_of(student, room) is None


def test_the_new_owner_can_write_and_is_no_program(
    as_mod1: Moderator, student: Person, classmate: Person, teacher: Person
) -> None:
    """A member who is not muted comes before a moderator who is; with nobody else left a muted one may write again."""
    for others, expected in (((teacher, classmate), classmate), ((teacher,), teacher)):
        room = room_of(student, make_person(f"bot{len(others)}", "bot"), *others)
        promote(teacher, room, "moderator")
        here = Membership.objects.filter(conversation=UUID(room))
        here.filter(user=teacher.id).update(is_muted=True)
        [message] = say(student, room, "out")
        reporter = teacher
        as_mod1.do(report(reporter, message["id"]), "banned")
        assert role_of(expected, room) == "owner"
        assert not here.get(user=expected.id).is_muted


def test_an_owner_with_another_owner_is_just_banned(
    as_mod1: Moderator, student: Person, classmate: Person, teacher: Person
) -> None:
    room = room_of(student, classmate, teacher)
    promote(teacher, room, "owner")
    [message] = say(student, room, SECRET)
    as_mod1.do(report(classmate, message["id"]), "banned")
    assert (role_of(teacher, room), role_of(classmate, room)) == ("owner", "member")


def test_in_a_deleted_conversation_nobody_is_muted(
    as_mod1: Moderator, case: Case, room: str, teacher: Person, server: Server
) -> None:
    with client_for(teacher, server) as client:
        assert client.delete(f"{API}/conversations/{room}").is_success
    assert as_mod1.offered(case).isdisjoint({"muted", "banned"})
    assert "no such conversation" in as_mod1.do(case, "muted").text
    as_mod1.do(case, "hidden")
    assert case.row.outcome == "hidden"


# --- Suspend ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["patient", "provider", "student", "instructor"])
@pytest.mark.parametrize("place", ["owner", "moderator", "member"])
def test_anybody_is_suspended_whatever_they_are_in_the_conversation(
    as_mod1: Moderator, mod1: Person, classmate: Person, server: Server, role: str, place: str
) -> None:
    person = make_person("somebody", role)
    room = room_of(make_person("owner", "staff"), person, classmate)
    promote(person, room, place)
    [message] = say(person, room, SECRET)
    case = report(classmate, message["id"])
    with connect(server, person.token) as socket, client_for(person, server) as client:
        assert "The account is suspended" in as_mod1.do(case, "suspended").text
        assert socket.closed_with(1.0) == 4403
        refused(client.get(f"{API}/conversations"), 401, "token_revoked")
    assert [entry.object for entry in entries("user.disabled", mod1)] == [person.id]
    assert [entry.reason for entry in entries("session.ended", mod1)] == ["disabled"]


def test_who_was_suspended_is_reinstated_by_any_moderator(
    as_mod1: Moderator, browse: Browse, mod2: Person, case: Case, student: Person, server: Server
) -> None:
    as_mod1.do(case, "suspended")
    other = browse(mod2)
    assert "reinstated" in other.offered(case)
    assert "can sign in again" in other.do(case, "reinstated").text
    student.user.refresh_from_db()
    assert student.user.is_active
    assert [entry.object for entry in entries("user.enabled", mod2)] == [student.id]
    assert case.row.outcome == "suspended"
    assert "suspended" in other.offered(case)


def test_who_was_disabled_for_another_reason_is_not_reinstated_here(
    as_mod1: Moderator, case: Case, student: Person
) -> None:
    type(student.user).objects.filter(id=student.id).update(is_active=False)
    assert as_mod1.offered(case).isdisjoint({"suspended", "reinstated"})
    assert "not suspended upon this report" in as_mod1.do(case, "reinstated").text
    student.user.refresh_from_db()
    assert not student.user.is_active


def test_who_was_disabled_for_another_reason_is_not_suspended_to_be_reinstated(
    as_mod1: Moderator, case: Case, student: Person, adm1: Person
) -> None:
    """A page from before, or a forged request: else a moderator would undo what a superuser did."""
    disable_user(actor=adm1.actor, user=student.user)
    assert "disabled already" in as_mod1.do(case, "suspended").text
    assert "not suspended upon this report" in as_mod1.do(case, "reinstated").text
    student.user.refresh_from_db()
    assert not student.user.is_active
    assert case.row.state == "open"


def test_who_was_disabled_once_more_since_stays_so(
    as_mod1: Moderator, case: Case, student: Person, adm1: Person
) -> None:
    as_mod1.do(case, "suspended")
    enable_user(actor=adm1.actor, user=student.user)
    assert "reinstated" not in as_mod1.offered(case)
    disable_user(actor=adm1.actor, user=student.user)
    assert as_mod1.offered(case).isdisjoint({"suspended", "reinstated"})
    assert "not suspended upon this report" in as_mod1.do(case, "reinstated").text
    student.user.refresh_from_db()
    assert not student.user.is_active


def test_without_the_right_to_suspend_nobody_is_suspended(browse: Browse, case: Case, student: Person) -> None:
    helper = make_person("helper", "staff", is_staff=True)
    helper.user.user_permissions.set(
        Permission.objects.filter(codename__in=["view_report", "hide_message", "change_user"])
    )
    admin = browse(helper)
    assert admin.offered(case) == {"hidden"}
    assert "do not have the right" in admin.do(case, "suspended").text
    student.user.refresh_from_db()
    assert student.user.is_active
    assert [entry.object for entry in entries("access.denied", helper)] == [case.id]


@pytest.mark.parametrize("author", ["staff", "rights", "superuser"])
def test_staff_and_superusers_are_not_suspended_here(
    as_mod1: Moderator, browse: Browse, adm1: Person, teacher: Person, classmate: Person, author: str
) -> None:
    more = {"staff": {}, "rights": {"is_staff": True}, "superuser": {"is_staff": True, "is_superuser": True}}[author]
    person = make_person("somebody", "staff", **more)
    room = room_of(teacher, person, classmate)
    [message] = say(person, room, SECRET)
    case = report(classmate, message["id"])
    upon_people = {"warned", "muted", "banned", "suspended"}
    possible = upon_people & as_mod1.offered(case)
    assert possible == (set() if author == "superuser" else {"warned", "muted", "banned"})
    for admin in (as_mod1, browse(adm1)):
        for deed in upon_people - possible:
            admin.do(case, deed, case.row.version)
    person.user.refresh_from_db()
    assert (person.user.is_active, case.deeds) == (True, [])
    assert "The message is hidden" in as_mod1.do(case, "hidden").text


def test_the_server_itself_is_not_judged(as_mod1: Moderator, c1: str, pat1: Person, doc1: Person) -> None:
    message = send_system_message(conversation_id=UUID(c1), content="An alert.")
    case = report(pat1, message["id"], "spam")
    assert as_mod1.offered(case) == {"dismissed", "hidden"}
    assert "stays as it is" in as_mod1.do(case, "suspended").text
    assert case.deeds == []


# --- Dismiss, notes, several ------------------------------------------------------------------------------------------


def test_upon_who_was_erased_nothing_can_be_done(as_mod1: Moderator, case: Case, student: Person, adm1: Person) -> None:
    """The report stays, and its message can be hidden; nothing new is made for the account."""
    erase_user(actor=adm1.actor, user=student.user)
    conversations = Conversation.objects.count()
    assert as_mod1.offered(case) == {"hidden", "dismissed"}
    for deed in ("warned", "muted", "banned", "suspended"):
        assert "was erased" in as_mod1.do(case, deed).text
    assert Conversation.objects.count() == conversations
    assert case.deeds == []


def test_a_report_is_dismissed_and_nobody_is_told(
    as_mod1: Moderator, mod1: Person, case: Case, student: Person, classmate: Person, server: Server
) -> None:
    with connect(server, student.token) as one, connect(server, classmate.token) as other:
        assert "was dismissed" in as_mod1.do(case, "dismissed").text
        one.nothing_arrives()
        other.nothing_arrives()
    assert (case.row.state, case.row.outcome) == ("settled", "dismissed")
    assert acted(mod1) == ["dismissed"]
    assert as_mod1.listed() == []
    assert as_mod1.listed("?state=settled") == [str(case.id)]


def test_the_gravest_of_several_measures_is_the_outcome(as_mod1: Moderator, mod1: Person, case: Case) -> None:
    for deed in ("hidden", "suspended", "warned"):
        as_mod1.do(case, deed)
    assert case.row.outcome == "suspended"
    assert acted(mod1) == ["hidden", "suspended", "warned"]
    assert "cannot be dismissed" in as_mod1.do(case, "dismissed").text
    assert case.deeds == [("mod1", "hidden"), ("mod1", "suspended"), ("mod1", "warned")]


def test_what_was_dismissed_may_still_be_acted_upon(as_mod1: Moderator, case: Case) -> None:
    as_mod1.do(case, "dismissed")
    as_mod1.do(case, "hidden")
    assert case.row.outcome == "hidden"


def test_notes_are_sealed_and_shown_with_the_evidence_only(
    as_mod1: Moderator, mod1: Person, browse: Browse, mod2: Person, case: Case
) -> None:
    answer = as_mod1.note(case, "canary-of-a-note <b>K<3.5</b>")
    assert "The note was added" in answer.text
    assert "canary" not in answer.text
    assert "1 note" in answer.text
    assert b"canary" not in bytes(case.row.notes.get().body)
    opened = browse(mod2).open(case).text
    assert "canary-of-a-note K&lt;3.5" in opened
    assert [(entry.object, entry.reason) for entry in entries("report.noted", mod1)] == [(case.id, "noted")]
    assert case.deeds == [("mod1", "noted"), ("mod2", "opened")]
    assert case.row.state == "open"


def test_notes_that_cannot_be_kept_are_refused(as_mod1: Moderator, case: Case) -> None:
    assert "4,000 characters" in as_mod1.note(case, "x" * 4001).text
    for text in ("", "   ", "\x00"):
        assert "text" in as_mod1.note(case, text).text
    assert case.row.notes.count() == 0


def test_other_reports_about_the_same_person_are_named(
    as_mod1: Moderator, case: Case, room: str, student: Person, teacher: Person
) -> None:
    same = report(teacher, case.row.message_id, "threat")
    [message] = say(student, room, "another")
    other = report(teacher, message["id"], "spam")
    text = as_mod1.look(case)
    assert text.count("the same message") == 1
    for one in (same, other):
        assert one.address in text


def test_without_a_record_nothing_happens(
    as_mod1: Moderator, case: Case, student: Person, request: pytest.FixtureRequest
) -> None:
    version = case.row.version
    request.getfixturevalue("log_cannot_be_written")
    for deed in ("hidden", "warned", "muted", "banned", "suspended", "dismissed"):
        assert as_mod1.press(f"{LIST}{case.id}/do/{deed}/", version=version).status_code == 503
    student.user.refresh_from_db()
    assert student.user.is_active
    assert Message.objects.filter(deleted_at=None).count() == 1
    assert not Membership.objects.exclude(is_muted=False, left_seq=None).exists()
    assert (Report.objects.get().state, case.deeds) == ("open", [])
