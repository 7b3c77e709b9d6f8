"""What those to the right hand over when the server starts: people, records and conversations are not known here.

from retention import wiring
wiring.conversations_of = …
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from uuid import UUID

from django.db.models import QuerySet

from core.actor import Actor

Targets = QuerySet[Any, UUID]
"""Ids of people, or of patient records, as a query that has not been asked."""


def _not_wired(*args: object) -> NoReturn:
    """Stands where something has yet to be handed over: nothing is removed while nobody knows what is held."""
    raise RuntimeError("this function of retention.wiring has not been handed over")


conversations_of: Callable[[str, Targets], QuerySet[Any, UUID]] = _not_wired
"""("user" or "patient_record", ids of such) → the ids of every conversation that they are in: of a person each one they
ever had a stay in, of a record each one with a message linked to it. As a query of one column, `conversation_id`, that
others are made of (`values_list("conversation_id", flat=True)`). By messaging."""

is_there: Callable[[str, UUID], bool] = _not_wired
"""("user", "patient_record" or "conversation", id) → whether there is such a row, deleted or not. By messaging."""

may: Callable[[Actor, str], bool] = _not_wired
"""Whether the actor has this permission at this moment (`retention.place_hold`). By messaging, which has the groups."""

scope_values: Mapping[str, frozenset[str]] = {}
"""The values that a field of `core.retention.Scope` can have, where they are known: a policy that names another is
refused. By messaging: conversation_kind, message_type, state."""
