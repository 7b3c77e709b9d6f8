"""A model field whose column holds only ciphertext.

    display_name = EncryptedTextField(max_length=150, blank=True)

Each value is sealed under the organisation's field key for one row and one column (`app.model.column`), so that a value
copied to another row or column does not open. The names are part of the seal: renaming the model or the column needs a
migration that seals anew.
"""

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from uuid import UUID

from django import forms
from django.core import checks
from django.core.exceptions import FieldError
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.query_utils import DeferredAttribute

from encryption.keyring import keyring

# What may be assigned and what is read, as django-stubs spells it; Django's own Field takes no parameters.
_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)

if TYPE_CHECKING:

    class _TypedField(models.Field[_ST, _GT]):
        _pyi_private_set_type: str
        _pyi_private_get_type: str

else:

    class _TypedField(models.Field):
        def __class_getitem__(cls, types):
            return cls


class Sealed:
    """A value as it stands in the column. Shows nothing of itself but its size."""

    __slots__ = ("blob",)

    def __init__(self, blob: bytes) -> None:
        self.blob = blob

    def __repr__(self) -> str:
        return f"<Sealed, {len(self.blob)} bytes>"


class _OpenedWhenRead(DeferredAttribute):
    """Opens the value when the attribute is first read: a page of rows costs nothing for names it does not show, and a
    damaged value spoils only itself."""

    field: "EncryptedTextField[Any, Any]"

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__.get(self.field.attname, self)
        if value is self:
            value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            value = instance.__dict__[self.field.attname] = self.field.open(instance.pk, value)
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        # Without a setter Python would read the instance's dictionary before it asks __get__.
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(_TypedField[_ST, _GT]):
    """Text that is encrypted at rest: `str` in Python and forms, bytes in the database.

    The model's primary key is a UUID that exists before the row is saved. Reading a value that was altered or moved
    raises `Undecryptable`. Works with save, bulk_create, only, defer, update_fields and refresh_from_db. FieldError for
    what cannot work, because every seal is different and is made for one row: lookups other than `isnull` (keep a
    `keyed_hash` beside it to find equal values), `QuerySet.update`, `bulk_update`, fixtures.
    """

    description = "Encrypted text"
    descriptor_class = _OpenedWhenRead

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.max_length is not None:
            self.validators.append(MaxLengthValidator(self.max_length))

    # Sealing and opening.

    @property
    def place(self) -> str:
        """The column its values are bound to: `app.model.column`."""
        return f"{self.model._meta.label_lower}.{self.column}"

    def seal(self, row_id: UUID, text: str) -> Sealed:
        """`text` for this column of that row."""
        return Sealed(keyring().seal_field(self.place, row_id, text))

    def open(self, row_id: UUID, sealed: object) -> str:
        """The text of a `Sealed` from that row, such as `values()` returns; Undecryptable when it is not from there."""
        if not isinstance(sealed, Sealed):
            raise TypeError(f"{self} opens what comes from its column, not {type(sealed).__name__}.")
        return keyring().open_field(self.place, row_id, sealed.blob)

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        value = model_instance.__dict__.get(self.attname)
        if isinstance(value, Sealed) and not add:
            return value  # Loaded and never read: it goes back as it came.
        text = getattr(model_instance, self.attname)
        return None if text is None else self.seal(model_instance.pk, str(text))

    # Between Python and the database.

    def get_internal_type(self) -> str:
        return "BinaryField"

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if isinstance(value, Sealed):
            return value.blob
        return None if value is None else self._refuse_write()

    def get_placeholder(self, value: Any, compiler: Any, connection: BaseDatabaseWrapper) -> str:
        # Django asks with what it is about to write. SQL expressions come by only here: they would write clear text.
        return "%s" if value is None or isinstance(value, bytes) else self._refuse_write()

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else self._refuse_lookup()

    def get_transform(self, lookup_name: str) -> Any:
        self._refuse_lookup()

    def value_to_string(self, obj: models.Model) -> str:
        raise FieldError(f"{self} is not serialised: a fixture would hold it in clear.")

    def _refuse_write(self) -> NoReturn:
        raise FieldError(f"{self} is sealed for one row: use save() or bulk_create(), not update() or a fixture.")

    def _refuse_lookup(self) -> NoReturn:
        raise FieldError(f"{self} is encrypted: only isnull can be asked of it.")

    # Between Python and forms.

    def to_python(self, value: Any) -> str | None:
        return value if value is None or isinstance(value, str) else str(value)

    def formfield(self, *args: Any, **kwargs: Any) -> forms.Field | None:
        defaults: dict[str, Any] = {"max_length": self.max_length}
        if self.null:
            defaults["empty_value"] = None
        return super().formfield(*args, **{**defaults, **kwargs})

    # Declarations that cannot work are found by `manage.py check`.

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *self._check_uniqueness(), *self._check_row_id()]

    def _check_uniqueness(self) -> list[checks.CheckMessage]:
        if not self.unique:
            return []
        return [
            checks.Error(
                "Equal texts are sealed differently, so uniqueness cannot be had.", obj=self, id="encryption.E003"
            )
        ]

    def _check_row_id(self) -> list[checks.CheckMessage]:
        if isinstance(self.model._meta.pk, models.UUIDField):
            return []
        return [
            checks.Error(
                "The model's primary key must be a UUID made before it is saved.", obj=self, id="encryption.E004"
            )
        ]
