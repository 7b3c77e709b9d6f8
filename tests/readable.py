"""Everything that this database would tell somebody who has its keys, as one text: every column, and what is sealed."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model

from audit.models import Detail
from core.errors import Shredded
from encryption.fields import EncryptedTextField
from encryption.formats import Undecryptable
from messaging import querysets
from messaging.bodies import open_body
from messaging.details import open_details
from messaging.models import Conversation, Message, MessageEdit
from realtime import streams
from realtime.models import Event


def readable() -> str:
    return "\n".join(_everything()).lower()


def _everything() -> Iterator[str]:
    for model in apps.get_models():
        if model._meta.app_label != "contenttypes" and model._meta.label != "auth.Permission":
            yield from _columns(model)
    for event in Event.objects.filter(body__isnull=False):
        yield repr(streams.open_body(event))
    for row in querysets.messages_by_id(Message.objects.values_list("id", flat=True)).values():
        if row.body:
            yield from _opened(row)
            for edit in MessageEdit.objects.filter(message=row.id):
                yield from _opened(row._replace(body=bytes(edit.body), revision=edit.revision))
    for conversation in Conversation.objects.all():
        yield repr(open_details(conversation))
    for detail in Detail.objects.all():
        yield repr(detail.payload())


def _opened(row: Any) -> Iterator[str]:
    try:
        yield repr(open_body(row))
    except (Shredded, Undecryptable):
        return


def _columns(model: type[Model]) -> Iterator[str]:
    for row in model._default_manager.all():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedTextField):
                yield str(getattr(row, field.attname))
            else:
                value = row.__dict__.get(field.attname)
                yield str(bytes(value)) if isinstance(value, memoryview) else str(value)
