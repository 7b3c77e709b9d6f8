"""EncryptedTextField, on the model that has most of them: text in Python and forms, ciphertext bound to its row in the
database (T090, T091)."""

import copy
import pickle
from typing import Any

import pytest
from django import forms
from django.contrib.admin.utils import display_for_field
from django.core import serializers
from django.core.exceptions import FieldError, ValidationError
from django.db import connection, models
from django.db.models import F
from django.db.models.functions import Upper
from django.test.utils import CaptureQueriesContext, isolate_apps

from accounts.models import User
from core.ids import uuid7
from core.models import UUIDModel
from encryption.fields import EncryptedTextField, Sealed
from encryption.formats import Undecryptable

pytestmark = pytest.mark.core

TABLE = User._meta.db_table
CLINICAL = "K<3.5 and Na>145 & <john@hosp.org>\r\n\N{RIGHT-TO-LEFT OVERRIDE}é"


def make_ada(**fields: Any) -> User:
    return User.objects.create(**{"username": "ada", "display_name": "Ada", "email": "ada@hosp.example", **fields})


def column(user: User, name: str) -> bytes | None:
    """What stands in the table."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{name}" FROM "{TABLE}" WHERE username = %s', [user.username])  # noqa: S608 - constants
        value = cursor.fetchone()[0]
    return None if value is None else bytes(value)


def put(user: User, name: str, value: bytes | None) -> None:
    """Write a column as somebody with the database alone would."""
    with connection.cursor() as cursor:
        cursor.execute(f'UPDATE "{TABLE}" SET "{name}" = %s WHERE username = %s', [value, user.username])  # noqa: S608
        assert cursor.rowcount == 1


def still_sealed(user: User) -> set[str]:
    return {name for name, value in user.__dict__.items() if isinstance(value, Sealed)}


# Text in, text out


@pytest.mark.parametrize("text", ["Ada", "", CLINICAL, "ü" * 5000, None])
def test_text_comes_back_as_it_was_saved(text: str | None) -> None:
    ada = make_ada(out_of_office=text)
    assert ada.out_of_office == text
    assert User.objects.get(pk=ada.pk).out_of_office == text


def test_the_table_holds_ciphertext_only() -> None:
    ada = make_ada()
    stored = column(ada, "display_name")
    assert stored is not None
    assert stored[:2] == b"\1\1"
    assert b"Ada" not in stored


def test_nothing_is_stored_as_nothing() -> None:
    ada = make_ada(out_of_office=None)
    assert column(ada, "out_of_office") is None


def test_every_save_seals_what_was_read_or_set_anew() -> None:
    ada = make_ada()
    before = column(ada, "display_name")
    ada.save()
    assert column(ada, "display_name") != before
    assert User.objects.get(pk=ada.pk).display_name == "Ada"


def test_what_was_never_read_is_saved_as_it_was() -> None:
    """So that saving another column neither costs anything nor hides that a value was damaged."""
    ada = make_ada()
    before = column(ada, "display_name")
    User.objects.get(pk=ada.pk).save()
    assert column(ada, "display_name") == before


# Every way Django loads and stores


def test_many_rows_are_stored_at_once() -> None:
    User.objects.bulk_create(User(username=f"user{n}", display_name=f"User {n}") for n in range(5))
    names = {user.username: user.display_name for user in User.objects.filter(username__startswith="user")}
    assert names == {f"user{n}": f"User {n}" for n in range(5)}


def test_only_the_named_field_is_saved() -> None:
    ada = make_ada()
    ada.display_name, ada.email = "Augusta", "augusta@hosp.example"
    ada.save(update_fields=["display_name"])
    stored = User.objects.get(pk=ada.pk)
    assert (stored.display_name, stored.email) == ("Augusta", "ada@hosp.example")


def test_a_deferred_field_is_loaded_when_it_is_read() -> None:
    make_ada()
    for ada in (User.objects.defer("display_name").get(username="ada"), User.objects.only("email").get(username="ada")):
        with CaptureQueriesContext(connection) as one:
            assert ada.display_name == "Ada"
            assert ada.display_name == "Ada"
        assert len(one) == 1


def test_a_deferred_field_is_left_alone_by_save() -> None:
    make_ada()
    ada = User.objects.only("username").get(username="ada")
    ada.save()
    assert "display_name" in ada.get_deferred_fields()
    assert User.objects.get(username="ada").display_name == "Ada"


def test_a_row_is_read_again_from_the_database() -> None:
    ada = make_ada()
    other = User.objects.get(pk=ada.pk)
    other.display_name = "Augusta"
    other.save()
    ada.refresh_from_db()
    assert ada.display_name == "Augusta"


def test_a_value_is_opened_only_when_it_is_read() -> None:
    ada = make_ada()
    loaded = User.objects.get(pk=ada.pk)
    assert "display_name" in still_sealed(loaded)
    assert loaded.display_name == "Ada"
    assert "display_name" not in still_sealed(loaded)


def test_a_loaded_row_can_be_copied_and_pickled() -> None:
    loaded = User.objects.get(pk=make_ada().pk)
    assert copy.deepcopy(loaded).display_name == "Ada"
    assert pickle.loads(pickle.dumps(loaded)).display_name == "Ada"  # noqa: S301 - made in this line


def test_values_are_sealed_and_open_with_their_row() -> None:
    ada = make_ada()
    row_id, sealed = User.objects.values_list("id", "display_name").get(pk=ada.pk)
    field = User._meta.get_field("display_name")
    assert isinstance(field, EncryptedTextField)
    assert repr(sealed).startswith("<Sealed, ")
    assert field.open(row_id, sealed) == "Ada"
    with pytest.raises(Undecryptable):
        field.open(uuid7(), sealed)
    with pytest.raises(TypeError):
        field.open(row_id, "Ada")


# Altered and moved


def test_an_altered_value_is_refused_when_it_is_read_and_spoils_nothing_else() -> None:
    ada = make_ada()
    stored = column(ada, "display_name")
    assert stored is not None
    put(ada, "display_name", stored[:-1] + bytes([stored[-1] ^ 1]))
    loaded = User.objects.get(pk=ada.pk)
    assert loaded.email == "ada@hosp.example"
    with pytest.raises(Undecryptable):
        _ = loaded.display_name


def test_a_value_moved_to_another_column_is_refused() -> None:
    ada = make_ada()
    put(ada, "display_name", column(ada, "email"))
    with pytest.raises(Undecryptable):
        _ = User.objects.get(pk=ada.pk).display_name


def test_values_exchanged_between_rows_are_refused() -> None:
    ada, eve = make_ada(), make_ada(username="eve", display_name="Eve")
    adas, eves = column(ada, "display_name"), column(eve, "display_name")
    put(ada, "display_name", eves)
    put(eve, "display_name", adas)
    for row_id in (ada.pk, eve.pk):
        with pytest.raises(Undecryptable):
            _ = User.objects.get(pk=row_id).display_name


def test_a_row_copied_under_another_id_is_refused_before_it_is_stored() -> None:
    """Django's way to copy a row; stored as it is, the value could never be read."""
    make_ada()
    loaded = User.objects.get(username="ada")
    loaded.pk, loaded.username, loaded._state.adding = uuid7(), "copy", True
    with pytest.raises(Undecryptable):
        loaded.save()
    assert not User.objects.filter(username="copy").exists()


# What cannot work is refused


@pytest.mark.parametrize(
    "condition",
    [
        {"display_name": "Ada"},
        {"display_name__exact": b"Ada"},
        {"display_name__icontains": "A"},
        {"display_name__in": ["Ada"]},
        {"display_name": None},
        {"display_name__gt": ""},
        {"display_name__length": 3},
        {"display_name__length__gt": 3},
        {"display_name": F("email")},
    ],
    ids=str,
)
def test_a_lookup_by_the_text_is_refused(condition: dict[str, Any]) -> None:
    with pytest.raises(FieldError, match="only isnull"):
        User.objects.filter(**condition).exists()
    with pytest.raises(FieldError, match="only isnull"):
        User.objects.exclude(**condition).exists()


def test_whether_there_is_a_text_may_be_asked() -> None:
    make_ada(out_of_office=None)
    assert User.objects.filter(username="ada", display_name__isnull=False, out_of_office__isnull=True).exists()
    assert not User.objects.filter(username="ada", display_name__isnull=True).exists()


@pytest.mark.parametrize("value", ["clear text", b"clear text", Upper("username"), F("email")], ids=str)
def test_an_update_without_rows_is_refused(value: Any) -> None:
    """It would write one seal, or clear text, into many rows."""
    ada = make_ada()
    before = column(ada, "display_name")
    with pytest.raises(FieldError, match="sealed for one row"):
        User.objects.update(display_name=value)
    assert column(ada, "display_name") == before


def test_an_update_to_nothing_is_possible() -> None:
    ada = make_ada()
    User.objects.update(display_name=None)
    assert User.objects.get(pk=ada.pk).display_name is None


def test_a_bulk_update_is_refused() -> None:
    ada = make_ada()
    with pytest.raises(FieldError, match="sealed for one row"):
        User.objects.bulk_update([ada], ["display_name"])


def test_a_fixture_neither_holds_nor_brings_clear_text() -> None:
    ada = make_ada()
    with pytest.raises(FieldError, match="not serialised"):
        serializers.serialize("json", [ada])
    fixture = (
        f'[{{"model": "accounts.user", "pk": "{uuid7()}", "fields": {{"username": "eve", "display_name": "Eve"}}}}]'
    )
    with pytest.raises(FieldError, match="sealed for one row"):
        next(serializers.deserialize("json", fixture)).save()


# Forms and declarations


def test_a_form_shows_and_stores_text() -> None:
    make_ada()
    form = forms.modelform_factory(User, fields=["display_name", "email"])(
        {"display_name": "Augusta", "email": ""}, instance=User.objects.get(username="ada")
    )
    assert form.initial == {"display_name": "Ada", "email": "ada@hosp.example"}
    assert isinstance(form.fields["display_name"], forms.CharField)
    assert set(form.changed_data) == {"display_name", "email"}
    form.save()
    stored = User.objects.get(username="ada")
    assert (stored.display_name, stored.email) == ("Augusta", None)


def test_a_text_that_is_too_long_is_refused_by_validation() -> None:
    field: EncryptedTextField[str, str] = EncryptedTextField(max_length=3, blank=True)
    assert field.clean("Ada", None) == "Ada"
    with pytest.raises(ValidationError):
        field.clean("Adas", None)


def test_the_admin_can_show_it() -> None:
    assert display_for_field(make_ada().display_name, User._meta.get_field("display_name"), "-") == "Ada"


@isolate_apps("encryption")
def test_declarations_that_cannot_work_are_found_by_the_checks() -> None:
    class Unique(UUIDModel):
        text = EncryptedTextField(unique=True)

        class Meta:
            app_label = "encryption"

    class Numbered(models.Model):
        text: EncryptedTextField[str, str] = EncryptedTextField()

        class Meta:
            app_label = "encryption"

    assert [error.id for error in Unique._meta.get_field("text").check()] == ["encryption.E003"]
    assert [error.id for error in Numbered._meta.get_field("text").check()] == ["encryption.E004"]
    assert User._meta.get_field("email").check() == []


def test_a_migration_names_the_field_by_its_place() -> None:
    _, path, args, kwargs = EncryptedTextField(max_length=10, null=True).deconstruct()
    assert (path, [*args], kwargs) == ("encryption.fields.EncryptedTextField", [], {"max_length": 10, "null": True})
