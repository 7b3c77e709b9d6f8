"""The groups of staff are what the list says, in every installation."""

import pytest
from django.contrib.auth.models import Group
from django.db import connection

from messaging import rights
from tests.people import Person, make_person

pytestmark = pytest.mark.core


def has(name: str) -> set[str]:
    permissions = Group.objects.get(name=name).permissions.select_related("content_type")
    return {f"{one.content_type.app_label}.{one.codename}" for one in permissions}


def test_migrations_have_made_what_the_list_says() -> None:
    assert {group.name: has(group.name) for group in Group.objects.all()} == {
        name: set(listed) for name, listed in rights.GROUPS.items()
    }


def test_to_make_them_again_changes_nothing_and_mends_what_was_changed() -> None:
    Group.objects.get(name="moderators").permissions.clear()
    rights.make_groups(connection.alias)
    test_migrations_have_made_what_the_list_says()


def test_only_moderators_open_evidence() -> None:
    assert [name for name, listed in rights.GROUPS.items() if rights.OPEN_EVIDENCE in listed] == ["moderators"]


def test_superusers_have_every_right_but_to_open_evidence(adm1: Person) -> None:
    every = {right for listed in rights.GROUPS.values() for right in listed}
    assert rights.may(adm1.actor, *every) == every - {rights.OPEN_EVIDENCE}
    adm1.user.groups.add(Group.objects.get(name="moderators"))
    assert rights.may(adm1.actor, *every) == every


def test_who_is_disabled_or_no_staff_has_no_rights(mod1: Person) -> None:
    assert rights.may(mod1.actor, rights.VIEW_REPORT, "audit.view_entry") == {rights.VIEW_REPORT}
    type(mod1.user).objects.filter(id=mod1.id).update(is_active=False)
    assert rights.may(mod1.actor, rights.VIEW_REPORT) == frozenset()
    helper = make_person("helper1", "staff")
    helper.user.groups.add(Group.objects.get(name="moderators"))
    assert rights.may(helper.actor, rights.VIEW_REPORT) == frozenset()
