"""Whoever walks through the whole admin finds nothing that anybody wrote: no superuser either, by no page, filter,
search, order or history."""

import re

import pytest
from django.contrib import admin
from django.db.models import BinaryField, Model
from django.http import HttpRequest
from django.test import Client

from audit.admin_base import LookingAdmin
from encryption.fields import EncryptedTextField
from messaging.models import Message, Report
from retention.models import Run
from tests.admin.conftest import PLANTED, World
from tests.admin.looking import list_of, page_of, registered, shown, signed_in, staff, walk
from tests.people import Person

pytestmark = pytest.mark.core

WORDS = ("canary", "canary in a text", "canary of a room", "canary.txt", "canary-1", "canary-of-a-client", "harass")


def addresses(world: World) -> list[str]:
    """Of every registered model: its list in every order it could have, its search, a row with all its pages."""
    found = []
    for model in registered():
        found += [f"{list_of(model)}?o={n}" for n in range(1, 6)]
        found += [f"{list_of(model)}?q={word}" for word in WORDS]
        if (row := world.rows.get(model)) is not None:
            assert isinstance(row, Model)
            base = page_of(row).removesuffix("change/")
            found += [base + page for page in ("change/", "history/", "delete/", "change/?_popup=1")]
    return found


def test_a_superuser_finds_nothing_that_anybody_wrote(world: World, superuser: Client) -> None:
    """T056."""
    pages = walk(superuser, *addresses(world))
    # What was searched for stands in the box, and in the links of its own page.
    told = {address: text for address, text in pages.items() if "q=" not in address}
    assert [address for address, text in told.items() if PLANTED in text] == []
    for row in world.rows.values():
        assert isinstance(row, Model)
        assert page_of(row) in pages


@pytest.mark.thorough
@pytest.mark.parametrize(("group", "seen"), [("moderators", Report), ("compliance", Message), ("operators", Run)])
def test_nor_does_any_group(world: World, group: str, seen: type[Model]) -> None:
    pages = walk(signed_in(staff("walker", group)))
    assert page_of(seen._default_manager.all()[0]) in pages
    assert [address for address, text in pages.items() if PLANTED in text] == []


@pytest.mark.thorough
@pytest.mark.parametrize("word", WORDS)
def test_no_search_finds_anything_by_what_was_written(world: World, superuser: Client, word: str) -> None:
    for model in registered():
        text = shown(superuser, f"{list_of(model)}?q={word}")
        assert not re.search(rf'href="{list_of(model)}[^/"?]+/change/', text), model


@pytest.mark.thorough
def test_no_filter_is_offered_or_allowed_beside_those_that_are_listed(world: World, superuser: Client) -> None:
    """T059: a lookup on a hidden column would give it away one character at a time."""
    for model in registered():
        for field in model._meta.get_fields():
            for lookup in ("", "__startswith", "__regex", "__isnull", "__gt"):
                query = f"{field.name}{lookup}"
                if _is_offered(model, query):
                    continue
                answer = superuser.get(f"{list_of(model)}?{query}=a")
                assert answer.status_code in {400, 403}, f"{model.__name__}?{query}"


def _is_offered(model: type[Model], query: str) -> bool:
    return bool(admin.site._registry[model].lookup_allowed(query, "a", HttpRequest()))


def test_pages_that_show_metadata_read_no_column_that_is_encrypted(world: World) -> None:
    """What never leaves the database cannot end up on a page by mistake."""
    for model in registered():
        pages = admin.site._registry[model]
        if not isinstance(pages, LookingAdmin) or not pages.columns:
            continue
        read = {name.partition("__")[0] for name in pages.columns}
        sealed = {
            field.name for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField | BinaryField)
        }
        assert not sealed & read, model
        assert not sealed & {*pages.list_display, *pages.facts}, model
        # A column that leads to another row would have all of that row read.
        relations = {field.name for field in model._meta.concrete_fields if field.is_relation}
        assert not relations & {*pages.list_display, *pages.facts}, model


def test_a_row_is_called_by_its_id(world: World) -> None:
    for row in world.rows.values():
        assert PLANTED not in f"{row} {row!r}"


def test_people_are_searched_through_no_back_door(superuser: Client, adm1: Person) -> None:
    answer = superuser.get("/admin/autocomplete/?app_label=messaging&model_name=membership&field_name=user&term=adm")
    assert answer.status_code == 403
