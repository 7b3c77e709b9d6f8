"""Disabling and enabling people in the admin asks first, and then does what it asked about."""

import re

import pytest

from accounts import admin as people_admin
from accounts.models import User
from core.actor import SYSTEM_ID
from tests.accounts.admin import PEOPLE, Admin
from tests.accounts.conftest import recorded
from tests.people import Person, make_user

pytestmark = pytest.mark.core


def active() -> set[str]:
    return set(User.objects.filter(is_active=True).values_list("username", flat=True))


def test_nobody_is_disabled_before_it_is_confirmed(as_adm1: Admin, doc1: Person, pat1: Person) -> None:
    page = as_adm1.choose("disable", doc1.user, pat1.user)
    assert "Disable 2 people?" in page.text
    assert "doc1 (Dr. Iris Berg), Provider" in page.text
    assert active() == {"adm1", "doc1", "pat1", "system"}
    assert "2 disabled." in as_adm1.confirm(page).text
    assert {entry.object for entry in recorded("user.disabled")} == {doc1.id, pat1.id}


def test_names_on_the_page_are_recorded_as_seen(as_adm1: Admin, doc1: Person) -> None:
    as_adm1.get(PEOPLE)
    before = len(recorded("users.viewed"))
    as_adm1.choose("disable", doc1.user)
    assert len(recorded("users.viewed")) == before + 2  # the list it was chosen from, and the page


def test_everybody_is_asked_about_but_oneself_and_the_server(
    as_adm1: Admin, adm1: Person, doc1: Person, pat1: Person, dis1: Person
) -> None:
    page = as_adm1.choose("disable", doc1.user, everybody=True)
    assert "Disable 2 people?" in page.text
    meant = set(re.findall(r'name="_selected_action" value="([^"]+)"', page.text))
    assert meant == {str(doc1.id), str(pat1.id)}
    make_user("late")
    as_adm1.confirm(page)
    assert active() == {"adm1", "late", "system"}
    assert not recorded("access.denied")


def test_everybody_cannot_be_disabled_without_their_names(as_adm1: Admin, doc1: Person) -> None:
    fields = {"action": "disable", "confirmed": "yes", "_selected_action": str(doc1.id), "select_across": "1"}
    assert "Disable 1 person?" in as_adm1.post(PEOPLE, **fields).text
    assert User.objects.get(pk=doc1.id).is_active


def test_the_page_names_some_and_counts_all(as_adm1: Admin, doc1: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_admin, "_MOST_SHOWN", 3)
    User.objects.bulk_create([User(username=f"many{n}") for n in range(6)])
    page = as_adm1.choose("disable", doc1.user, everybody=True).text
    assert "Disable 7 people?" in page
    assert "many1" in page
    assert "many2" not in page
    assert "and 4 more" in page


def test_more_than_can_be_looked_through_are_refused(
    as_adm1: Admin, doc1: Person, pat1: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_admin, "_MOST_AT_ONCE", 1)
    assert "at most 1 people at once" in as_adm1.choose("disable", doc1.user, pat1.user).text
    assert active() == {"adm1", "doc1", "pat1", "system"}


def test_enabling_asks_too(as_adm1: Admin, dis1: Person, doc1: Person) -> None:
    page = as_adm1.choose("enable", dis1.user, everybody=True)
    assert "Enable 1 person?" in page.text
    assert not User.objects.get(pk=dis1.id).is_active
    assert "1 enabled." in as_adm1.confirm(page).text
    assert active() == {"adm1", "dis1", "doc1", "system"}


def test_who_is_chosen_in_vain_is_not_asked_about(as_adm1: Admin, adm1: Person, dis1: Person) -> None:
    system = User.objects.get(pk=SYSTEM_ID)
    assert "nobody to disable among them" in as_adm1.choose("disable", adm1.user, dis1.user, system).text
    assert "nobody to enable among them" in as_adm1.choose("enable", adm1.user, system).text
