"""Looking at a report shows nothing that anybody wrote; opening the evidence does, and is recorded each time."""

import re
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group, Permission

from core.sql import stored as column
from messaging.models import Conversation, Membership, Report, ReportNote
from messaging.services import shred_conversation
from tests.messaging.rooms import room_of
from tests.messaging.talking import entries, entry_details, say
from tests.moderation.conftest import SECRET, WORRY
from tests.moderation.reports import LIST, Case, Moderator, make_moderator, report
from tests.people import Person, make_person

pytestmark = pytest.mark.core

Browse = Callable[[Person], Moderator]


def test_a_moderator_sees_everything_but_what_was_written(as_mod1: Moderator, mod1: Person, case: Case) -> None:
    assert as_mod1.listed() == [str(case.id)]
    page = as_mod1.look(case)
    assert "canary" not in page + as_mod1.get(LIST).text
    for shown in ("student", "classmate", "harassment", "a group of 3 people", str(case.row.message_id)):
        assert shown in page
    assert [entry.object for entry in entries("report.viewed", mod1)] == [case.id]
    assert len(entries("reports.viewed", mod1)) == 2
    assert entries("report.opened") == []


def test_opening_shows_the_evidence_once_and_is_recorded_each_time(
    as_mod1: Moderator, mod1: Person, case: Case
) -> None:
    for count in (1, 2):
        answer = as_mod1.open(case)
        assert answer.status_code == 200
        assert SECRET in answer.text
        assert WORRY in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert "canary" not in as_mod1.look(case)
        opened = entries("report.opened", mod1)
        assert [(entry.object, entry.conv) for entry in opened] == [(case.id, case.row.conversation_id)] * count
    assert entry_details(opened[0]) == {"message": str(case.row.message_id), "user": str(case.row.author_id)}
    assert case.deeds == [("mod1", "opened")] * 2
    assert case.row.state == "open"


def test_it_is_opened_by_a_post_only(as_mod1: Moderator, case: Case) -> None:
    answer = as_mod1.get(f"{LIST}{case.id}/evidence/")
    assert answer.url.path == f"{LIST}{case.id}/change/"
    assert "canary" not in answer.text
    assert case.deeds == []


def test_a_post_from_elsewhere_opens_nothing(as_mod1: Moderator, case: Case) -> None:
    answer = as_mod1.post_without_token(f"{LIST}{case.id}/evidence/")
    assert answer.status_code == 403
    assert "canary" not in answer.text
    assert case.deeds == []


def test_without_a_record_nothing_is_shown(as_mod1: Moderator, case: Case, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("log_cannot_be_written")
    answer = as_mod1.open(case)
    assert answer.status_code == 503
    assert "canary" not in answer.text


def test_what_was_written_is_shown_as_text(as_mod1: Moderator, room: str, student: Person, classmate: Person) -> None:
    """T065: the admin escapes; tags are taken out when it is stored."""
    [message] = say(student, room, "K<3.5 and Na>145 & <b>bold</b> </script><\u202eimg src=x onerror=alert(1)>")
    answer = as_mod1.open(report(classmate, message["id"], note="a<b & c>d")).text
    assert "K&lt;3.5 and Na&gt;145 &amp; bold" in answer
    assert "a&lt;b &amp; c&gt;d" in answer
    assert "<img" not in answer


def test_neighbours_are_shown_in_their_order_with_who_wrote_them(
    as_mod1: Moderator, room: str, teacher: Person, student: Person, classmate: Person
) -> None:
    say(teacher, room, "before")
    [message] = say(student, room, "the one")
    say(teacher, room, "behind")
    text = as_mod1.open(report(classmate, message["id"], context=True)).text
    places = [text.index(f">{words}</p>") for words in ("before", "the one", "behind")]
    assert places == sorted(places)
    assert "Ines Dupont (teacher)" in text
    assert text.count("report-line reported") == 1


def test_evidence_that_was_altered_is_not_shown(
    as_mod1: Moderator, mod1: Person, case: Case, tamper: Callable[..., int]
) -> None:
    blob = bytearray(bytes(Report.objects.get(id=case.id).evidence))
    blob[-1] ^= 1
    assert tamper("UPDATE messaging_report SET evidence = %s WHERE id = %s", [bytes(blob), column(case.id)]) == 1
    answer = as_mod1.open(case)
    assert answer.status_code == 200
    assert "cannot be opened" in answer.text
    assert "canary" not in answer.text
    assert len(entries("report.opened", mod1)) == 1
    assert [(entry.object, entry.reason) for entry in entries("report.unreadable", mod1)] == [(case.id, "evidence")]


def test_a_note_that_was_altered_is_not_shown(
    as_mod1: Moderator, mod1: Person, case: Case, tamper: Callable[..., int]
) -> None:
    as_mod1.note(case, "canary-of-a-note")
    blob = bytearray(bytes(ReportNote.objects.get(report=case.id).body))
    blob[-1] ^= 1
    tamper("UPDATE messaging_reportnote SET body = %s WHERE report_id = %s", [bytes(blob), column(case.id)])
    assert "This note cannot be opened any more." in as_mod1.open(case).text
    assert [(entry.object, entry.reason) for entry in entries("report.unreadable", mod1)] == [(case.id, "note")]


def test_what_was_destroyed_with_its_conversation_is_not_opened(
    as_mod1: Moderator, case: Case, adm1: Person, room: str
) -> None:
    as_mod1.note(case, "canary-of-a-note")
    shred_conversation(actor=adm1.actor, subject=Conversation.objects.get(pk=UUID(room)), reason="request")
    answer = as_mod1.open(case)
    assert "The key of this conversation was destroyed" in answer.text
    assert "This note cannot be opened any more." in answer.text
    assert "canary" not in answer.text
    assert "The key of this content has been destroyed." in as_mod1.note(case, "another").text


# --- Who may not ------------------------------------------------------------------------------------------------------


def test_a_superuser_opens_nothing_by_being_one(browse: Browse, adm1: Person, case: Case) -> None:
    admin = browse(adm1)
    page = admin.look(case)
    assert "To be a superuser is not enough" in page
    assert "Open the evidence" not in page
    answer = admin.open(case)
    assert "You do not have the right to do this." in answer.text
    assert "canary" not in answer.text
    assert case.deeds == []
    assert [entry.object for entry in entries("access.denied", adm1)] == [case.id]
    adm1.user.groups.add(Group.objects.get(name="moderators"))
    assert SECRET in admin.open(case).text


def test_staff_without_the_right_to_see_reports_see_none(browse: Browse, case: Case) -> None:
    """T057."""
    clerk = make_person("clerk", "staff", is_staff=True)
    admin = browse(clerk)
    for address in (LIST, case.address, f"{case.address}../history/"):
        assert admin.get(address).status_code == 403
    answer = admin.open(case)
    assert "canary" not in answer.text
    assert len(entries("access.denied", clerk)) == 4
    assert "Reports" not in admin.get("/admin/").text


def test_to_see_reports_is_not_to_open_them(browse: Browse, case: Case) -> None:
    viewer = make_person("viewer", "staff", is_staff=True)
    viewer.user.user_permissions.add(Permission.objects.get(codename="view_report"))
    admin = browse(viewer)
    assert admin.offered(case) == set()
    assert "Open the evidence" not in admin.look(case)
    assert "canary" not in admin.open(case).text
    assert "do not have the right" in admin.note(case, "a note").text
    for deed in ("dismissed", "hidden", "warned", "muted", "banned", "suspended"):
        assert "do not have the right" in admin.do(case, deed).text
    assert case.deeds == []
    assert case.row.state == "open"


def test_who_is_part_of_the_conversation_does_not_judge(
    browse: Browse, room: str, student: Person, classmate: Person, teacher: Person
) -> None:
    insider = make_moderator("insider")
    shared = room_of(teacher, student, classmate, insider)
    [message] = say(student, shared, SECRET)
    case = report(classmate, message["id"])
    admin = browse(insider)
    page = admin.look(case)
    assert "You are part of this conversation" in page
    assert "classmate" not in page, "who reported is nobody's business there"
    assert admin.offered(case) == set()
    assert "canary" not in admin.open(case).text
    assert "leave it to another moderator" in admin.do(case, "dismissed", 0).text
    assert "leave it to another moderator" in admin.note(case, "a note").text
    assert case.deeds == []


def test_nobody_settles_what_they_reported(browse: Browse, room: str, student: Person) -> None:
    reporter = make_moderator("reporter")
    stay = Membership.objects.create(conversation_id=room, user=reporter.user)
    [message] = say(student, room, SECRET)
    case = report(reporter, message["id"])
    Membership.objects.filter(id=stay.id).delete()
    admin = browse(reporter)
    assert "You reported this yourself" in admin.look(case)
    assert "canary" not in admin.open(case).text
    assert "You reported this yourself" in admin.do(case, "dismissed", 0).text
    assert case.row.state == "open"


def test_a_report_about_oneself_is_not_there(browse: Browse, room: str, classmate: Person, teacher: Person) -> None:
    """T055: what somebody may not see answers like what does not exist."""
    accused = make_moderator("accused")
    shared = room_of(teacher, accused, classmate)
    [message] = say(accused, shared, SECRET)
    case, random = report(classmate, message["id"]), Case(uuid4())
    admin = browse(accused)
    assert admin.listed("?state=all") == []
    assert admin.listed(f"?state=all&q={case.id}") == []

    def answers(which: Case) -> list[str]:
        texts = [admin.get(which.address).text, admin.open(which).text, admin.note(which, "a").text]
        texts += [admin.do(which, deed, 0).text for deed in ("dismissed", "hidden", "suspended")]
        return [_plain(text, which) for text in texts]

    assert answers(case) == answers(random)
    assert case.deeds == []


def _plain(page: str, case: Case) -> str:
    page = page.replace(str(case.id), "ID")
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", page)
