"""The log in the admin site: those who may look at it look, and that is recorded; nobody changes it there."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from audit.models import Entry
from audit.verbs import verbs
from tests.audit.people import record_some
from tests.people import Person, make_person

pytestmark = pytest.mark.core

LIST = "/admin/audit/entry/"


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


def shown(client: Client, query: str = "") -> list[str]:
    """The ids of the entries on the page."""
    answer = client.get(LIST + query)
    assert answer.status_code == 200
    return re.findall(r'href="/admin/audit/entry/([0-9a-f-]{36})/change/', answer.content.decode())


@pytest.fixture
def auditor() -> Person:
    """Staff with the one permission that this takes."""
    person = make_person("auditor1", "staff", is_staff=True)
    person.user.user_permissions.add(Permission.objects.get(codename="view_entry"))
    return person


def test_a_superuser_sees_the_entries_the_newest_first_and_that_is_recorded(adm1: Person) -> None:
    entries = record_some(3)
    client = signed_in(adm1)
    assert shown(client)[:3] == [str(entry.id) for entry in reversed(entries)]
    [viewed] = Entry.objects.filter(action="audit.viewed")
    assert (viewed.actor, viewed.actor_role, viewed.object) == (adm1.id, "staff", None)


def test_looking_at_one_entry_is_recorded_too_and_shows_no_details(adm1: Person) -> None:
    [entry] = record_some(1, details=True)
    answer = signed_in(adm1).get(f"{LIST}{entry.id}/change/")
    assert answer.status_code == 200
    assert str(entry.object) in answer.content.decode()
    assert b"number" not in answer.content
    assert Entry.objects.get(action="audit.viewed").object == entry.id


def test_staff_need_the_permission(auditor: Person) -> None:
    [entry] = record_some(1)
    assert shown(signed_in(auditor))[0] == str(entry.id)
    other = make_person("clerk1", "staff", is_staff=True)
    client = signed_in(other)
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{entry.id}/change/").status_code == 403
    assert [entry.action for entry in Entry.objects.filter(actor=other.id)] == ["access.denied"] * 2


@pytest.mark.parametrize("address", ["add/", "{id}/change/", "{id}/delete/"])
def test_nobody_changes_anything(address: str, adm1: Person) -> None:
    [entry] = record_some(1)
    before = set(Entry.objects.values_list())
    answer = signed_in(adm1).post(LIST + address.format(id=entry.id), {"outcome": "deny", "post": "yes"})
    assert answer.status_code == 403
    after = set(Entry.objects.values_list())
    assert before < after  # the refusal itself
    assert len(after) == len(before) + 1


def test_no_action_can_be_run_on_entries(adm1: Person) -> None:
    [entry] = record_some(1)
    signed_in(adm1).post(LIST, {"action": "delete_selected", "_selected_action": str(entry.id), "post": "yes"})
    assert Entry.objects.filter(id=entry.id).exists()


def test_an_id_finds_its_entry_and_what_is_about_it(adm1: Person) -> None:
    first, second = record_some(2)
    client = signed_in(adm1)
    assert shown(client, f"?q={first.id}") == [str(first.id)]
    assert shown(client, f"?q={second.object}") == [str(second.id)]
    assert set(shown(client, f"?q={first.actor}")) == {str(first.id), str(second.id)}
    assert shown(client, "?q=anything") == []


def test_the_list_says_who_did_what_and_a_login_name_finds_it(adm1: Person, auditor: Person) -> None:
    client = signed_in(auditor)
    [entry] = record_some(1)
    client.get(LIST)
    text = client.get(LIST).content.decode()
    assert 'auditor1 <span class="quiet">staff</span>' in text
    assert f'{entry.actor} <span class="quiet">patient</span>' in text  # Who has no name here is an id.
    assert '<span class="">changed a user</span> <span class="quiet code">user.updated</span>' in text
    assert (
        f'<a href="?q={entry.object}" title="{entry.object}" class="page-short">…{str(entry.object)[-12:]}</a>' in text
    )
    looked = {str(one) for one in Entry.objects.filter(actor=auditor.id).values_list("id", flat=True)}
    assert set(shown(client, "?q=Auditor1")) == looked
    assert shown(client, "?q=nobody") == []


def test_the_filter_has_the_words_of_the_list_and_keeps_what_else_is_asked(adm1: Person) -> None:
    [entry] = record_some(1)
    text = signed_in(adm1).get(f"{LIST}?q={entry.actor}&outcome__exact=allow&action=user.updated").content.decode()
    form = text.partition('class="page-filter">')[2].partition("</form>")[0]
    assert '<option value="user.updated" selected>changed a user (user.updated)</option>' in form
    assert f'<input type="hidden" name="q" value="{entry.actor}">' in form
    assert '<input type="hidden" name="outcome__exact" value="allow">' in form
    assert form.count("<option") == len(verbs) + 1
    assert str(entry.id) in shown(signed_in(adm1), "?action=")


def test_what_was_refused_is_marked(adm1: Person) -> None:
    client = signed_in(make_person("clerk1", "staff", is_staff=True))
    assert client.get(LIST).status_code == 403
    text = signed_in(adm1).get(LIST).content.decode()
    assert '<span class="refused">was refused</span>' in text


def test_a_verb_finds_its_entries(adm1: Person) -> None:
    entries = record_some(2)
    client = signed_in(adm1)
    assert set(shown(client, "?action=user.updated")) == {str(entry.id) for entry in entries}
    assert shown(client, "?action=message.deleted") == []
