"""Superusers put people into groups in the admin; it is recorded, and nobody else can."""

import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from audit.models import Detail
from tests.accounts.admin import PEOPLE, Admin
from tests.accounts.conftest import recorded
from tests.people import Person, make_person

pytestmark = pytest.mark.core


@pytest.fixture
def clerk(database: None) -> Person:
    return make_person("clerk", "staff", is_staff=True)


def groups_of(person: Person) -> list[str]:
    return list(User.objects.get(id=person.id).groups.order_by("name").values_list("name", flat=True))


def put(admin: Admin, person: Person, *names: str) -> str:
    chosen = [str(pk) for pk in Group.objects.filter(name__in=names).values_list("pk", flat=True)]
    return admin.post(f"{PEOPLE}{person.id}/change/", role="staff", is_staff="on", groups=chosen).text


def test_somebody_becomes_a_moderator_and_ceases_to_be_one(as_adm1: Admin, adm1: Person, clerk: Person) -> None:
    signed_in = clerk.signed_in.session_id
    put(as_adm1, clerk, "moderators", "operators")
    assert groups_of(clerk) == ["moderators", "operators"]
    [entry] = recorded("user.updated")
    assert (entry.actor, entry.object) == (adm1.id, clerk.id)
    assert Detail.objects.get(entry=entry.id).payload() == {"groups": ["moderators", "operators"]}
    assert [ended.object for ended in recorded("session.ended")] == [signed_in]
    put(as_adm1, clerk, "moderators", "operators")
    assert len(recorded("user.updated")) == 1
    put(as_adm1, clerk)
    assert groups_of(clerk) == []
    assert len(recorded("user.updated")) == 2


def test_staff_give_nobody_a_group(as_staff: Admin, clerk: Person, pat1: Person) -> None:
    for person in (clerk, pat1):
        put(as_staff, person, "moderators")
        assert groups_of(person) == []
    desk = User.objects.get(username="desk")
    put(as_staff, Person(desk), "moderators")
    assert groups_of(Person(desk)) == []


def test_who_may_not_use_the_admin_is_in_no_group(as_adm1: Admin, pat1: Person) -> None:
    """It would open nothing, and somebody would think that it does."""
    chosen = [str(Group.objects.get(name="moderators").pk)]
    page = as_adm1.post(f"{PEOPLE}{pat1.id}/change/", role="patient", groups=chosen)
    assert "Only people who may use the admin can be in a group." in page.text
    assert groups_of(pat1) == []


def test_nobody_gives_themselves_one(as_adm1: Admin, adm1: Person) -> None:
    put(as_adm1, adm1, "moderators")
    assert groups_of(adm1) == []
