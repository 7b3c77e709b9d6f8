"""Which policy counts, who may change one, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection, transaction

from audit.models import Detail
from core.actor import SYSTEM
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.retention import EVERYTHING, RetentionRule, Scope, rules
from core.time import now
from retention import explain
from retention.models import Policy
from retention.schedules import Planned
from retention.services import change_policy, create_policy, remove_policy
from tests.messaging.talking import entries
from tests.people import Person, make_person
from tests.retention.running import hold
from tests.retention.things import things

__all__ = ["things"]

pytestmark = [pytest.mark.core, pytest.mark.usefixtures("things")]

ROW = Scope("group", "BIO-1", "voice", "living")


def policy(days: int | None, **scope: str) -> Policy:
    return create_policy(actor=SYSTEM, rule="test.things", scope=Scope(**scope), days=days)


def days_of(scope: Scope) -> float | None:
    period = Planned(rules["test.things"], now()).keep_for(scope)
    return None if period is None else period / timedelta(days=1)


def test_without_a_policy_the_rules_own_period_counts() -> None:
    assert days_of(EVERYTHING) == 365
    assert days_of(ROW) == 180


def test_a_policy_counts_for_what_lies_in_its_scope_only() -> None:
    policy(50, conversation_kind="group")
    assert days_of(ROW) == 50
    assert days_of(ROW._replace(conversation_kind="direct")) == 180
    assert days_of(EVERYTHING) == 365


def test_one_for_everything_counts_before_the_rules_own_period() -> None:
    policy(1000)
    assert (days_of(EVERYTHING), days_of(ROW)) == (1000, 1000)


def test_for_ever_is_a_period_too() -> None:
    policy(None, course_id="BIO-1")
    assert days_of(ROW) is None
    assert Planned(rules["test.things"], now()).over(ROW) is None
    assert days_of(ROW._replace(course_id="BIO-2")) == 180


ORDER: list[dict[str, str]] = [
    {"course_id": "BIO-1", "message_type": "voice", "state": "living", "conversation_kind": "group"},
    {"course_id": "BIO-1", "message_type": "voice", "state": "living"},
    {"course_id": "BIO-1", "message_type": "voice", "conversation_kind": "group"},
    {"course_id": "BIO-1", "state": "living", "conversation_kind": "group"},
    {"message_type": "voice", "state": "living", "conversation_kind": "group"},
    {"course_id": "BIO-1", "message_type": "voice"},
    {"course_id": "BIO-1", "state": "living"},
    {"course_id": "BIO-1", "conversation_kind": "group"},
    {"message_type": "voice", "state": "living"},
    {"message_type": "voice", "conversation_kind": "group"},
    {"state": "living", "conversation_kind": "group"},
    {"course_id": "BIO-1"},
    {"message_type": "voice"},
    {"state": "living"},
    {"conversation_kind": "group"},
    {},
]
"""Every scope that the row lies in, the most specific first: by how much is named, then course, type, state, kind."""


def test_the_most_specific_wins() -> None:
    """Made in the wrong order, and taken away one after the other from the most specific on."""
    made = [policy(100 + number, **scope) for number, scope in reversed(list(enumerate(ORDER)))]
    assert Planned(rules["test.things"], now()).scopes() == [Scope(**scope) for scope in ORDER]
    for number, strongest in enumerate(reversed(made)):
        assert days_of(ROW) == 100 + number
        assert explain("test.things", **_asked(ROW)).policy == strongest
        remove_policy(actor=SYSTEM, policy=strongest)
    assert days_of(ROW) == 180


def _asked(scope: Scope) -> dict[str, str]:
    return {"kind": scope.conversation_kind, **{k: v for k, v in scope._asdict().items() if k != "conversation_kind"}}


def test_a_scope_has_one_policy_of_a_rule() -> None:
    policy(50, state="deleted")
    with pytest.raises(Conflict):
        policy(60, state="deleted")
    assert [one.days for one in Policy.objects.all()] == [50]
    assert len(entries("policy.changed")) == 1


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("rule", {"rule": "test.nothing"}),
        ("rule", {"rule": "core.tasks"}),
        ("days", {"days": 29}),
        ("days", {"days": 0}),
        ("days", {"days": -1}),
        ("days", {"days": 36_501}),
        ("conversation_kind", {"scope": Scope(conversation_kind="grup")}),
        ("message_type", {"scope": Scope(message_type="telegram")}),
        ("state", {"scope": Scope(state="undead")}),
        ("state", {"rule": "accounts.sessions", "scope": Scope(state="deleted")}),
        ("course_id", {"scope": Scope(course_id="x" * 65)}),
        ("course_id", {"scope": Scope(course_id="BIO\x001")}),
        ("course_id", {"scope": Scope(course_id=" ")}),
        ("course_id", {"scope": Scope(course_id="BIO-1 ")}),
        ("note", {"note": "x" * 501}),
        ("days", {"rule": "audit.details", "days": 2191}),
    ],
)
def test_what_no_policy_may_say(field: str, wrong: dict[str, Any]) -> None:
    """A floor, a scope that a rule has not, a word that means nothing: none is stored to be ignored later."""
    with pytest.raises(Invalid) as refusal:
        create_policy(**{"actor": SYSTEM, "rule": "test.things", "days": 100, **wrong})
    assert [error.field for error in refusal.value.errors] == [field]
    assert not Policy.objects.exists()
    assert entries("policy.changed") == []


def test_a_note_has_room_for_500_characters() -> None:
    made = create_policy(actor=SYSTEM, rule="test.things", scope=Scope(course_id="x" * 64), days=100, note="x" * 500)
    with pytest.raises(Invalid):
        change_policy(actor=SYSTEM, policy=made, days=100, note="x" * 501)
    assert Policy.objects.get().note == "x" * 500


def test_the_floor_itself_is_allowed_and_a_change_does_not_go_below_it() -> None:
    made = policy(30)
    with pytest.raises(Invalid):
        change_policy(actor=SYSTEM, policy=made, days=29)
    assert days_of(EVERYTHING) == 30


def test_a_policy_below_a_floor_that_came_later_does_not_count(things: RetentionRule) -> None:
    made = policy(40)
    Policy.objects.update(days=3)
    assert days_of(EVERYTHING) == 30
    told = explain("test.things")
    assert (told.policy, told.period) == (made, timedelta(days=30))
    assert "Nothing goes below 30 days, so that counts." in told.why


def test_the_database_holds_the_bounds_too() -> None:
    policy(40)
    for days in (0, 36_501):
        with pytest.raises(IntegrityError), transaction.atomic():
            Policy.objects.update(days=days)


def test_changes_are_recorded_with_what_was_before() -> None:
    made = policy(40, state="deleted")
    change_policy(actor=SYSTEM, policy=made, days=None, note="Asked for by the board.")
    change_policy(actor=SYSTEM, policy=made, days=None)
    remove_policy(actor=SYSTEM, policy=made)
    with pytest.raises(NotFound):
        remove_policy(actor=SYSTEM, policy=made)
    with pytest.raises(NotFound):
        change_policy(actor=SYSTEM, policy=made, days=40)
    told = entries("policy.changed")
    assert [(entry.object, entry.reason) for entry in told] == [
        (made.id, "created"),
        (made.id, "changed"),
        (made.id, "removed"),
    ]
    details = [Detail.objects.get(entry=entry.id).payload() for entry in told]
    assert [(one["before"], one.get("days", "gone"), one["state"]) for one in details] == [
        (None, 40, "deleted"),
        (40, None, "deleted"),
        (None, "gone", "deleted"),
    ]


def test_the_note_is_encrypted() -> None:
    create_policy(actor=SYSTEM, rule="test.things", days=40, note="because of Otto Utz")
    with connection.cursor() as cursor:
        cursor.execute("SELECT note FROM retention_policy")
        [stored] = cursor.fetchone()
    assert b"Otto" not in bytes(stored)
    assert Policy.objects.get().note == "because of Otto Utz"


def test_it_takes_a_permission(doc1: Person, adm1: Person) -> None:
    clerk = make_person("clerk", "staff", is_staff=True)
    for nobody in (doc1, clerk):
        with pytest.raises(Forbidden):
            create_policy(actor=nobody.actor, rule="test.things", days=40)
    made = policy(40)
    for attempt in (
        lambda: change_policy(actor=clerk.actor, policy=made, days=50),
        lambda: remove_policy(actor=clerk.actor, policy=made),
    ):
        with pytest.raises(Forbidden):
            attempt()
    clerk.user.user_permissions.add(Permission.objects.get(codename="change_policy"))
    assert change_policy(actor=clerk.actor, policy=made, days=50).days == 50
    assert change_policy(actor=adm1.actor, policy=made, days=60).days == 60
    assert [entry.actor for entry in entries("policy.changed")][1:] == [clerk.id, adm1.id]


def test_it_is_explained_in_sentences(c1: str) -> None:
    weaker, stronger = policy(60, conversation_kind="group"), policy(70, course_id="BIO-1")
    told = explain("test.things", **_asked(ROW))
    assert (told.policy, told.period) == (stronger, timedelta(days=70))
    assert told.why == (
        f"Things: 70 days, says the policy {stronger.id} for course_id BIO-1.",
        f"The policy {weaker.id} for conversation_kind group (60 days) is less specific.",
        "Nothing goes below 30 days.",
    )
    hold("conversation", c1)
    assert explain("test.things", message_type="voice").why == (
        "Things: 180 days, the rule's own period; no policy speaks of it.",
        "Nothing goes below 30 days.",
        "What is under a legal hold stays in any case; 1 in force.",
    )
    assert explain("core.tasks").why[0].startswith("Tasks that ended: 1 day, the rule's own period; no policy may")
    with pytest.raises(KeyError):
        explain("test.nothing")
