"""The queue of reports: filters, search, and what its address line can be made to ask."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission

from core.time import now
from messaging.models import Report
from tests.messaging.talking import say
from tests.moderation.reports import LIST, Case, Moderator, report
from tests.people import Person

pytestmark = pytest.mark.core


@pytest.fixture
def cases(room: str, student: Person, classmate: Person, teacher: Person) -> list[Case]:
    """Of the student's messages: spam ten days ago, a threat two days ago, harassment now."""
    made = []
    for reason, days in (("spam", 10), ("threat", 2), ("harassment", 0)):
        [message] = say(student, room, reason)
        made.append(report(classmate, message["id"], reason))
        Report.objects.filter(id=made[-1].id).update(created_at=now() - timedelta(days=days))
    return made


def ids(*cases: Case) -> list[str]:
    return [str(case.id) for case in cases]


def test_who_waits_longest_comes_first(as_mod1: Moderator, cases: list[Case]) -> None:
    assert as_mod1.listed() == ids(*cases)
    assert "10 days ago" in as_mod1.get(LIST).text


def test_reports_are_filtered_by_state_reason_outcome_and_age(as_mod1: Moderator, cases: list[Case]) -> None:
    spam, threat, harassment = cases
    as_mod1.do(threat, "warned")
    assert as_mod1.listed() == ids(spam, harassment)
    assert as_mod1.listed("?state=settled") == ids(threat)
    assert as_mod1.listed("?state=all") == ids(harassment, threat, spam)
    assert as_mod1.listed("?state=all&outcome__exact=warned") == ids(threat)
    assert as_mod1.listed("?reason__exact=spam") == ids(spam)
    assert as_mod1.listed("?age=today") == ids(harassment)
    assert as_mod1.listed("?age=7") == ids(spam)
    assert as_mod1.listed("?state=all&age=1") == ids(threat, spam)
    assert as_mod1.listed("?age=400") == []


def test_a_login_name_or_an_id_finds_reports(as_mod1: Moderator, cases: list[Case], room: str) -> None:
    spam, _, _ = cases
    assert as_mod1.listed("?q=Student") == ids(*cases)
    assert as_mod1.listed("?q=stud") == as_mod1.listed("?q=classmate") == []
    assert as_mod1.listed(f"?q={spam.row.message_id}") == as_mod1.listed(f"?q={spam.id}") == ids(spam)
    assert as_mod1.listed(f"?q={room}") == as_mod1.listed(f"?q={UUID(str(spam.row.author_id))}") == ids(*cases)


@pytest.mark.parametrize(
    "query",
    [
        "evidence__startswith=x",
        "author__password__startswith=argon2",
        "message__body__isnull=0",
        "notes__body__isnull=0",
        "reporter__username=classmate",
        "reason__regex=(",
        "state__in=open",
    ],
)
def test_nothing_else_can_be_asked(as_mod1: Moderator, cases: list[Case], query: str) -> None:
    """T057, T059."""
    assert as_mod1.get(f"{LIST}?{query}").status_code == 400


@pytest.mark.parametrize("query", ["o=1", "o=-2.1", "o=9.x", "p=99", "all=1", "_popup=1", "_to_field=evidence"])
def test_no_order_or_page_shows_what_was_written(as_mod1: Moderator, case: Case, query: str) -> None:
    assert "canary" not in as_mod1.get(f"{LIST}?{query}").text


def test_forged_forms_add_and_change_nothing(as_mod1: Moderator, case: Case, mod1: Person) -> None:
    """T057: rows by `list_editable`, by the form to add one, by inlines, by actions."""
    before = Report.objects.values().get()
    rows = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": str(case.id), "form-0-state": "settled"}
    inline = {"notes-TOTAL_FORMS": 1, "notes-INITIAL_FORMS": 0, "notes-0-body": "x", "notes-0-author": str(mod1.id)}
    fields = {"reason": "spam", "state": "settled", "outcome": "dismissed"}
    as_mod1.post(LIST, _save="Save", **rows)
    as_mod1.post(LIST, action="delete_selected", _selected_action=str(case.id), post="yes")
    token = {"csrfmiddlewaretoken": as_mod1.token}
    for path in ("add/", f"{case.id}/change/", f"{case.id}/delete/"):
        assert as_mod1.post_without_token(LIST + path, **token, **inline, **fields, post="yes").status_code == 403
    assert Report.objects.values().get() == before
    assert case.row.notes.count() == 0
    mod1.user.user_permissions.set(Permission.objects.filter(content_type__app_label="messaging"))
    for path in ("add/", f"{case.id}/change/", f"{case.id}/delete/"):
        assert as_mod1.post_without_token(LIST + path, **token, **inline, **fields, post="yes").status_code == 403
    assert Report.objects.values().get() == before


@pytest.mark.parametrize("deed", ["opened", "noted", "x", "delete"])
def test_what_is_no_deed_is_not_done(as_mod1: Moderator, case: Case, deed: str) -> None:
    as_mod1.do(case, deed, 0)
    assert case.deeds == []


@pytest.mark.parametrize("version", ["", "-1", "x", "9" * 40, "١"])
def test_a_version_that_cannot_be_does_nothing(as_mod1: Moderator, case: Case, version: str) -> None:
    answer = as_mod1.do(case, "dismissed", version)
    assert answer.status_code == 200
    assert case.row.state == "open"
