"""What a conversation is called and how it is run: which of it each kind has, and how a change of it is stored.

Everything here happens in the transaction of a change, with the conversation's stream locked.
"""

from typing import Any

from core.errors import Conflict, FieldError, Invalid, UnknownField
from core.shapes import camel
from messaging import details, querysets
from messaging.details import Details
from messaging.models import Conversation
from messaging.models.conversation import ROOMS, Kind
from messaging.opening import clean_description

_COLUMNS = ("priority", "history", "posting_policy", "max_members", "course_id")
_OF_ROOMS = frozenset({"name", "description", "max_members", "posting_policy", "course_id"})


def change(conversation: Conversation, wanted: dict[str, Any]) -> dict[str, Any]:
    """Store what differs of `wanted`; returns that as it stands on the wire. Raises Conflict."""
    columns = {name: wanted[name] for name in _COLUMNS if name in wanted}
    columns = {name: value for name, value in columns.items() if getattr(conversation, name) != value}
    if columns.get("max_members", conversation.max_members) < conversation.max_members:
        _require_capacity(conversation, columns["max_members"])
    told = {camel(name): value for name, value in columns.items()} | _change_details(conversation, wanted)
    for name, value in columns.items():
        setattr(conversation, name, value)
    if told:
        conversation.save(update_fields=[*columns, "details", "details_revision", "updated_at"])
    return told


def recordable(changed: dict[str, Any]) -> dict[str, Any]:
    """What the audit log keeps of a change: values, but of what people wrote only that it changed."""
    return {name: "changed" if name in {"name", "description", "tags"} else value for name, value in changed.items()}


def _change_details(conversation: Conversation, wanted: dict[str, Any]) -> dict[str, Any]:
    """Seal name, description and tags anew if one of them differs; returns those that do.

    What could not be opened any more is lost with that: whoever names the room again is not held up by it.
    """
    old = details.open_details(conversation)
    new = old._replace(**_wanted_details(wanted))
    if new == old:
        return {}
    conversation.details_revision += 1
    conversation.details = details.seal_details(
        conversation.id, conversation.created_by_id, conversation.details_revision, new
    )
    if new.name != old.name:
        details.index(conversation, new.name)
    return {name: value for name, value in new._asdict().items() if value != getattr(old, name)}


def _wanted_details(wanted: dict[str, Any]) -> dict[str, Any]:
    found = {name: wanted[name] for name in Details._fields if name in wanted}
    if "description" in found:
        found["description"] = clean_description(found["description"])
    if "tags" in found:
        found["tags"] = tuple(dict.fromkeys(found["tags"]))
    return found


def require_fields(conversation: Conversation, wanted: dict[str, Any]) -> None:
    """Raises UnknownField for what this kind of conversation does not have, Invalid for what it cannot be without."""
    kind = conversation.kind
    missing = set() if kind in ROOMS else wanted.keys() & _OF_ROOMS
    if kind == Kind.DIRECT:
        missing |= wanted.keys() & {"history"}
    if missing:
        raise UnknownField(f"A {kind} conversation has no field {camel(min(missing))}.")
    if kind == Kind.COURSE and wanted.get("course_id") == "":
        error = FieldError("courseId", "required", "The room of a course names its course.")
        raise Invalid("Some fields are not valid.", errors=[error])


def _require_capacity(conversation: Conversation, most: int) -> None:
    if querysets.count_members(conversation.id) > most:
        raise Conflict("The room has more members than that.")
