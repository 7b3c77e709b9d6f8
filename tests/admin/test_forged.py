"""Requests that no page of the admin sends: rows by inline forms and editable lists, actions, deletions."""

from collections.abc import Mapping

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.test import Client

from audit.models import Entry
from tests.admin.conftest import World
from tests.admin.looking import list_of, page_of, registered, signed_in, staff
from tests.people import Person

pytestmark = pytest.mark.core

_LOGS = {"audit.Entry", "audit.Detail", "audit.Seal", "audit.Burst", "sessions.Session"}
"""What being refused writes."""


def everything() -> dict[str, list[str]]:
    """Every row of every table, but for those that record the attempt."""
    models = [model for model in apps.get_models() if model._meta.label not in _LOGS]
    return {model._meta.label: sorted(map(repr, model._default_manager.values_list())) for model in models}


def forged(model: type[Model], row: Model | None) -> Mapping[str, object]:
    """A form as Django would take it: of a row, of an editable list, and of rows in line for every relation."""
    fields: dict[str, object] = {
        **{field.name: "1" for field in model._meta.concrete_fields},
        "form-TOTAL_FORMS": "2",
        "form-INITIAL_FORMS": "1",
        "form-MIN_NUM_FORMS": "0",
        "form-MAX_NUM_FORMS": "9",
        **{f"form-{n}-{field.name}": "1" for n in range(2) for field in model._meta.concrete_fields},
        "_save": "Save",
        "post": "yes",
    }
    if row is not None:
        fields |= {"form-0-id": str(row.pk), "_selected_action": str(row.pk), "action": "delete_selected"}
    for relation in model._meta.related_objects:
        prefix = relation.get_accessor_name() or f"{relation.related_model._meta.model_name}_set"
        fields |= {f"{prefix}-TOTAL_FORMS": "1", f"{prefix}-INITIAL_FORMS": "0", f"{prefix}-0-id": ""}
        fields |= {f"{prefix}-0-{field.name}": "1" for field in relation.related_model._meta.concrete_fields}
    return fields


def attempts(client: Client, model: type[Model], row: Model | None) -> dict[str, int]:
    """The answers to all of them, by address."""
    places = [list_of(model), f"{list_of(model)}add/"]
    if row is not None:
        base = page_of(row).removesuffix("change/")
        places += [f"{base}{page}/" for page in ("change", "delete", "end", "lift", "why", "retry", "evidence", "note")]
    return {place: client.post(place, forged(model, row)).status_code for place in places}


def test_staff_without_a_right_are_refused_everywhere_and_no_row_is_made(world: World, clerk: Person) -> None:
    """T057. What no address is answers 404 to them too; the reports' own refusals lead away from them."""
    client, before = signed_in(clerk), everything()
    for model in registered():
        row = world.rows.get(model)
        assert row is None or isinstance(row, Model)
        statuses = attempts(client, model, row)
        assert set(statuses.values()) <= {302, 403, 404}, statuses
        assert statuses[list_of(model)] == statuses[f"{list_of(model)}add/"] == 403
        if row is not None:
            assert statuses[page_of(row)] == 403
            assert client.get(page_of(row)).status_code == 403
        assert client.get(list_of(model)).status_code == 403
    assert everything() == before
    refused = Entry.objects.filter(actor=clerk.id)
    assert set(refused.values_list("action", flat=True)) == {"access.denied"}


def test_who_may_look_may_only_look(world: World) -> None:
    """T057: the right to see each model, and no other."""
    looker = staff("looker", rights=tuple(f"{m._meta.app_label}.view_{m._meta.model_name}" for m in registered()))
    client, before = signed_in(looker), everything()
    for model in registered():
        row = world.rows.get(model)
        assert row is None or isinstance(row, Model)
        statuses = attempts(client, model, row)
        assert statuses[f"{list_of(model)}add/"] == 403, model
        if row is not None:
            assert statuses[page_of(row)] == 403, model
            assert statuses[page_of(row).replace("change/", "delete/")] == 403, model
            assert client.get(page_of(row)).status_code == 200, model
    assert everything() == before


def test_not_even_a_superuser_adds_changes_or_deletes_what_has_no_form(world: World, superuser: Client) -> None:
    """T057."""
    before = everything()
    for model in registered():
        if model._meta.label in {"accounts.User", "retention.LegalHold", "retention.Policy"}:
            continue  # These have forms, behind which services decide.
        row = world.rows.get(model)
        assert row is None or isinstance(row, Model)
        assert superuser.post(f"{list_of(model)}add/", forged(model, row)).status_code == 403, model
        superuser.post(list_of(model), forged(model, row))
        if row is not None:
            for page in ("change/", "delete/"):
                answer = superuser.post(page_of(row).replace("change/", page), forged(model, row))
                assert answer.status_code == 403, (model, page)
    assert everything() == before


def test_forms_that_there_are_take_no_rows_in_line(world: World, superuser: Client) -> None:
    """T057: what belongs to no field of the form is passed over."""
    before = everything()
    for label in ("accounts.User", "retention.LegalHold", "retention.Policy"):
        model = apps.get_model(label)
        row = world.rows.get(model)
        assert row is None or isinstance(row, Model)
        assert superuser.post(f"{list_of(model)}add/", forged(model, row)).status_code == 200, label
        superuser.post(list_of(model), forged(model, row))
    assert everything() == before


def test_no_list_is_edited_and_no_page_has_rows_in_line() -> None:
    for model in registered():
        pages = admin.site._registry[model]
        assert not pages.list_editable
        assert not pages.inlines


def test_there_is_no_way_from_a_row_to_a_page_about_it(world: World, clerk: Person) -> None:
    """Django has one for every kind of rows there is, for whoever is signed in."""
    browser = signed_in(clerk)
    for kind in ContentType.objects.all():
        for row in ("x", "1", "%00", str(clerk.id)):
            assert browser.get(f"/admin/r/{kind.pk}/{row}/").status_code == 404


def test_nothing_is_done_for_a_page_of_somebody_else(world: World, adm1: Person) -> None:
    """Without the token of a form of ours (CSRF), whoever is signed in."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(adm1.user)
    before = everything()
    for model in registered():
        row = world.rows.get(model)
        assert row is None or isinstance(row, Model)
        statuses = attempts(client, model, row)
        assert set(statuses.values()) <= {302, 403, 404}, statuses
        assert all(
            status == 403 for place, status in statuses.items() if place.endswith(("add/", "change/", "delete/"))
        )
    assert everything() == before
