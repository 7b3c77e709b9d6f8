"""Shapes: what goes over the wire, declared once as DRF serializers with camelCase names.

A shape describes (OpenAPI, AsyncAPI) and validates. Validation is compiled when the shape is first used: each field
becomes one function with a short way for the value clients really send; everything else goes to the DRF field itself,
so that verdicts and wording are DRF's. A compiled shape costs microseconds where a serializer costs hundreds.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.fields import empty

from core.errors import FieldError, Invalid, InvalidText, TooLarge, UnknownField
from core.ids import parse_uuid
from core.text import storable

Data = dict[str, Any]
Check = Callable[[Any], Any]


def camel(name: str) -> str:
    """`client_message_id` → `clientMessageId`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class Shape(serializers.Serializer[Any]):
    """A serializer whose fields are snake_case in Python and camelCase on the wire. It never reads or writes rows."""

    def get_fields(self) -> dict[str, Any]:
        fields = {}
        for name, field in super().get_fields().items():
            wire = camel(name)
            if wire != name and field.source is None:
                field.source = name
            if isinstance(field, serializers.ChoiceField):
                # DRF's own message repeats what somebody typed, which has no place in an error.
                field.error_messages["invalid_choice"] = f"Send one of {', '.join(map(str, field.choices))}."
            fields[wire] = field
        return fields


class TextField(serializers.CharField):
    """Text of a message: kept exactly as typed, bounded in characters and in UTF-8 bytes.

    Too long is 413 and not 400, because the text is fine and only its size is not.
    """

    def __init__(self, *, max_characters: int, max_bytes: int, **kwargs: Any) -> None:
        self.max_characters, self.max_bytes = max_characters, max_bytes
        super().__init__(trim_whitespace=False, allow_blank=True, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if not storable(data):
            raise InvalidText("The text has control characters or half of a surrogate pair.")
        if len(data) > self.max_characters or len(data.encode()) > self.max_bytes:
            raise TooLarge(f"A message has at most {self.max_characters} characters and {self.max_bytes} bytes.")
        return data


def cursor_field() -> serializers.CharField:
    """Where a page of a list begins, as the page before said. What is no cursor is told by `read_cursor`, empty too."""
    return serializers.CharField(required=False, allow_blank=True)


def validate(shape: type[Shape], data: object) -> Data:
    """The clean values of `data` by their Python names.

    Raises UnknownField for a field the shape does not have, Invalid with one entry per wrong field otherwise,
    TooLarge and InvalidText as the fields say.
    """
    return _compiled(shape)(data)


@cache
def _compiled(shape: type[Shape]) -> Callable[[object], Data]:
    fields = {name: field for name, field in shape().fields.items() if not field.read_only}
    checks = {name: (field.source or name, _check(field)) for name, field in fields.items()}
    required = frozenset(name for name, field in fields.items() if field.required)
    defaults = {f.source or n: f.default for n, f in fields.items() if not f.required and f.default is not empty}

    def run(data: object) -> Data:
        if not isinstance(data, Mapping):
            raise Invalid("The body must be a JSON object.")
        clean, errors = dict(defaults), []
        for name, value in data.items():
            if name not in checks:
                raise UnknownField(f"There is no field {name[:64]!a} here.")
            source, check = checks[name]
            try:
                clean[source] = check(value)
            except (serializers.ValidationError, DjangoValidationError) as error:
                errors += _field_errors(name, error)
        errors += [FieldError(n, "required", "This field is required.") for n in sorted(required - data.keys())]
        if errors:
            raise Invalid("Some fields are not valid.", errors=errors)
        return clean

    return run


def _check(field: serializers.Field[Any, Any, Any, Any]) -> Check:
    """One function from the wire's value to Python's, with the short way for this kind of field."""
    slow = field.run_validation
    if type(field) is serializers.UUIDField:
        return _uuid_check(slow)
    if type(field) is TextField:
        return _message_check(field)
    if type(field) is serializers.CharField:
        return _text_check(slow)
    if type(field) is serializers.IntegerField:
        return _strict(slow, int, "Send a whole number.")
    if type(field) is serializers.BooleanField:
        return _strict(slow, bool, "Send true or false.")
    return slow


def _uuid_check(slow: Check) -> Check:
    def check(value: Any) -> UUID | None:
        found = parse_uuid(value)
        if found is not None:
            return found
        if value is None:
            return slow(value)  # type: ignore[no-any-return]  # DRF decides whether null is allowed
        raise serializers.ValidationError("Must be a valid UUID.", code="invalid")

    return check


def _message_check(field: TextField) -> Check:
    """The field's own conversion holds all its rules; DRF's validators would walk through the text once more."""

    def check(value: Any) -> Any:
        return field.to_internal_value(value) if isinstance(value, str) else field.run_validation(value)

    return check


def _text_check(slow: Check) -> Check:
    def check(value: Any) -> Any:
        if isinstance(value, str) and not storable(value):
            raise InvalidText("The text has control characters or half of a surrogate pair.")
        if value is not None and not isinstance(value, str):
            raise serializers.ValidationError("Send text.", code="invalid")
        return slow(value)

    return check


def _strict(slow: Check, kind: type, message: str) -> Check:
    """JSON has numbers and booleans of its own: `"1"`, `1.0` and `true` are not whole numbers here."""

    def check(value: Any) -> Any:
        if value is not None and type(value) is not kind:
            raise serializers.ValidationError(message, code="invalid")
        return slow(value)

    return check


def _field_errors(name: str, error: serializers.ValidationError | DjangoValidationError) -> list[FieldError]:
    if isinstance(error, DjangoValidationError):
        return [FieldError(name, error.code or "invalid", message) for message in error.messages]
    return [FieldError(path, str(d.code), str(d)) for path, d in _flat(name, error.detail)]


def _flat(name: str, detail: Any) -> list[tuple[str, ErrorDetail]]:
    if isinstance(detail, dict):
        return [pair for key, inner in detail.items() for pair in _flat(f"{name}.{key}", inner)]
    if isinstance(detail, list):
        return [pair for inner in detail for pair in _flat(name, inner)]
    return [(name, detail)]
