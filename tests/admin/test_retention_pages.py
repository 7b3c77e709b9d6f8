"""Retention in the admin: policies with a look ahead, holds whose reason is for compliance, runs with their counts."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client

from audit.models import Entry
from core.actor import SYSTEM
from core.retention import Scope
from core.time import now
from messaging.models import Message
from retention import engine
from retention.models import By, LegalHold, Policy, Run
from retention.services import create_policy
from tests.admin.looking import list_of, listed, page_of, shown, signed_in, staff
from tests.messaging.rooms import room_of
from tests.messaging.talking import say
from tests.people import Person

pytestmark = pytest.mark.core

MADE = {"rule": "messaging.messages", "days": "30"}
ADD = "/admin/retention/policy/add/"


@pytest.fixture
def as_officer(officer: Person) -> Client:
    return signed_in(officer)


@pytest.fixture
def old(teacher: Person, student: Person) -> str:
    """A room with three messages of a hundred days ago; its id."""
    room = room_of(teacher, student)
    say(teacher, room, "one", "two", "three")
    Message.objects.update(created_at=now() - timedelta(days=100))
    return room


def numbers(text: str) -> list[int]:
    """What a preview says: rows and files now, rows and files then."""
    return [int(one) for one in re.findall(r'<td class="number">(\d+)</td>', text)]


def test_a_policy_is_made_after_a_look_at_what_it_would_remove(as_officer: Client, officer: Person, old: str) -> None:
    seen = as_officer.post(ADD, MADE).content.decode()
    assert numbers(seen) == [0, 0, 3, 0]
    assert Policy.objects.count() == 0
    assert not Entry.objects.filter(action="policy.changed").exists()
    as_officer.post(ADD, {**MADE, "confirmed": "1"})
    policy = Policy.objects.get()
    assert (policy.rule, policy.days, policy.created_by) == ("messaging.messages", 30, officer.id)
    assert Entry.objects.get(action="policy.changed").object == policy.pk
    assert engine.dry_run("messaging.messages").counts[0].rows == 3
    assert Message.objects.count() == 3


def test_the_form_says_what_counts_without_a_policy_and_the_look_ahead_what_is_meant(as_officer: Client) -> None:
    text = shown(as_officer, ADD)
    periods = text.partition('id="periods"')[2]
    assert "2557 days" in periods
    assert "voice: 1096 days" in periods
    assert "in course, group, private, public, study_group: 365 days" in periods
    assert "kind of conversation, course, type of message, state" in periods
    asked = {**MADE, "conversation_kind": "clinical", "message_type": "voice"}
    seen = as_officer.post(ADD, asked).content.decode()
    assert "<p>Messages, kind of conversation clinical, type of message voice: kept for 30 days.</p>" in seen
    as_officer.post(ADD, {**asked, "confirmed": "1"})
    assert "Without this policy and any other: 1096 days." in shown(as_officer, page_of(Policy.objects.get()))


def test_a_person_is_held_by_their_login_name_which_the_list_shows(as_officer: Client, pat1: Person) -> None:
    asked = {"target_kind": "user", "target_id": f" {pat1.username.upper()} ", "reason": "A lawsuit."}
    as_officer.post("/admin/retention/legalhold/add/", asked)
    assert LegalHold.objects.get().target_id == pat1.id
    assert f'<td class="field-person">{pat1.username}</td>' in shown(as_officer, list_of(LegalHold))
    for kind, typed in (("conversation", pat1.username), ("user", "nobody"), ("user", "\x00")):
        page = as_officer.post("/admin/retention/legalhold/add/", {**asked, "target_kind": kind, "target_id": typed})
        assert "errorlist" in page.content.decode()
    assert LegalHold.objects.count() == 1


def test_a_policy_is_changed_and_taken_away_the_same_way(as_officer: Client, officer: Person, old: str) -> None:
    policy = create_policy(actor=officer.actor, rule="messaging.messages", days=30)
    address = page_of(policy)
    assert numbers(as_officer.post(address, {"days": "200"}).content.decode()) == [3, 0, 0, 0]
    assert Policy.objects.get().days == 30
    as_officer.post(address, {"days": "200", "confirmed": "1"})
    assert Policy.objects.get().days == 200
    as_officer.post(address, {"days": "", "confirmed": "1"})
    assert Policy.objects.get().days is None
    gone = address.replace("change/", "delete/")
    assert numbers(shown(as_officer, gone)) == [0, 0, 0, 0]
    assert Policy.objects.exists()
    as_officer.post(gone, {"confirmed": "1"})
    assert not Policy.objects.exists()
    reasons = Entry.objects.filter(action="policy.changed").order_by("id").values_list("reason", flat=True)
    assert list(reasons) == ["created", "changed", "changed", "removed"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rule": "audit.details", "days": "10"}, "at least"),
        ({"rule": "core.tasks", "days": "10"}, "Select a valid choice"),
        ({"rule": "accounts.sessions", "days": "10", "conversation_kind": "group"}, "not told apart by this"),
        ({"rule": "messaging.messages", "days": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_no_policy_may_say_is_refused(as_officer: Client, given: dict[str, str], said: str) -> None:
    for confirmed in ({}, {"confirmed": "1"}):
        text = as_officer.post(ADD, {**given, **confirmed}).content.decode()
        assert said in text
        assert "Before anything changes" not in text
    assert not Policy.objects.exists()


def test_the_same_policy_twice_is_refused(as_officer: Client, officer: Person) -> None:
    create_policy(actor=officer.actor, rule="messaging.messages", days=30)
    text = as_officer.post(ADD, {**MADE, "confirmed": "1"}).content.decode()
    assert "has a policy for exactly that already" in text


def test_operators_see_policies_and_runs_and_change_none(operator: Person, officer: Person) -> None:
    policy = create_policy(actor=officer.actor, rule="messaging.messages", days=30)
    client = signed_in(operator)
    assert listed(client, Policy) == [str(policy.pk)]
    assert "See what would change" not in shown(client, page_of(policy))
    for address in (ADD, page_of(policy), page_of(policy).replace("change/", "delete/")):
        assert client.post(address, {**MADE, "confirmed": "1"}).status_code == 403
    assert Policy.objects.get().days == 30
    assert client.get(list_of(LegalHold)).status_code == 403


def test_a_hold_is_placed_and_its_reason_is_shown_to_compliance_each_time_recorded(
    as_officer: Client, officer: Person, pat1: Person
) -> None:
    asked = {"target_kind": "user", "target_id": str(pat1.id), "reason": "A lawsuit.", "case_id": "AZ 7/26"}
    page = as_officer.post("/admin/retention/legalhold/add/", asked, follow=True).content.decode()
    hold = LegalHold.objects.get()
    assert (hold.reason, hold.case_id, hold.placed_by) == ("A lawsuit.", "AZ 7/26", officer.id)
    assert "A lawsuit." not in page
    assert "AZ 7/26" not in page
    why = page_of(hold).replace("change/", "why/")
    assert as_officer.get(why).headers["Location"] == page_of(hold)
    for times in (1, 2):
        text = as_officer.post(why).content.decode()
        assert "A lawsuit." in text
        assert "AZ 7/26" in text
        assert Entry.objects.filter(action="hold.viewed", object=hold.pk, actor=officer.id).count() == times


def test_a_hold_is_lifted(as_officer: Client, officer: Person, pat1: Person) -> None:
    asked = {"target_kind": "user", "target_id": str(pat1.id), "reason": "A lawsuit."}
    as_officer.post("/admin/retention/legalhold/add/", asked)
    hold = LegalHold.objects.get()
    lift = page_of(hold).replace("change/", "lift/")
    assert as_officer.get(lift).headers["Location"] == page_of(hold)
    as_officer.post(lift)
    assert LegalHold.objects.get().lifted_by == officer.id
    assert Entry.objects.get(action="hold.lifted").object == hold.pk
    assert "Lift this hold" not in shown(as_officer, page_of(hold))


def test_what_does_not_exist_is_not_held(as_officer: Client, old: str) -> None:
    asked = {"target_kind": "user", "target_id": old, "reason": "A lawsuit."}
    assert "errorlist" in as_officer.post("/admin/retention/legalhold/add/", asked).content.decode()
    assert not LegalHold.objects.exists()


def test_a_hold_is_opened_by_nobody_without_the_right(officer: Person, pat1: Person) -> None:
    as_officer = signed_in(officer)
    asked = {"target_kind": "user", "target_id": str(pat1.id), "reason": "A lawsuit."}
    as_officer.post("/admin/retention/legalhold/add/", asked)
    hold = LegalHold.objects.get()
    client = signed_in(staff("looker", rights=("retention.view_legalhold",)))
    assert "Show why" not in shown(client, page_of(hold))
    for deed in ("why", "lift"):
        assert client.post(page_of(hold).replace("change/", f"{deed}/")).status_code == 403
    assert LegalHold.objects.get().lifted_at is None
    assert not Entry.objects.filter(action="hold.viewed").exists()


def test_runs_show_what_went_and_what_would_go(operator: Person, officer: Person, old: str) -> None:
    create_policy(actor=officer.actor, rule="messaging.messages", days=30)
    client = signed_in(operator)
    before = shown(client, "/admin/retention/run/preview/")
    assert 3 in numbers(before)
    assert Message.objects.count() == 3
    engine.apply(By.COMMAND)
    run = Run.objects.get()
    assert listed(client, Run) == [str(run.pk)]
    page = shown(client, page_of(run))
    assert '<th scope="row">Messages</th><td class="number">3</td>' in page
    assert sum(numbers(shown(client, "/admin/retention/run/preview/"))) == 0


def test_the_page_of_a_message_says_how_long_it_is_kept_and_why(old: str) -> None:
    reader = signed_in(staff("reader", rights=("messaging.view_message",)))
    message = Message.objects.filter(conversation=UUID(old), type="text")[0]
    assert "Messages: 365 days, the rule&#x27;s own period; no policy speaks of it." in shown(reader, page_of(message))
    general = create_policy(actor=SYSTEM, rule="messaging.messages", days=900)
    rooms = Scope(conversation_kind="group", state="living")
    wanted = create_policy(actor=SYSTEM, rule="messaging.messages", scope=rooms, days=800)
    text = shown(reader, page_of(message))
    assert f"Messages: 800 days, says the policy {wanted.id} for conversation_kind group, state living." in text
    assert f"The policy {general.id} for everything (900 days) is less specific." in text
