"""What a member decides about a conversation for themselves."""

from datetime import datetime

import audit
from core.actor import Actor
from core.errors import FieldError, Invalid
from core.time import now
from messaging.models import Membership


def update_preferences(*, actor: Actor, subject: Membership, **wanted: bool | datetime | None) -> Membership:
    """Archive or bring back (`archived`), silence notifications (`muted`) or silence them for a time (`muted_until`).

    What is not named stays. `muted_until` mutes as well, and un-muting forgets it. A repeat changes nothing. Raises
    Invalid for a time that has passed and for one together with `muted = False`.
    """
    changes = {name: value for name, value in _settled(wanted).items() if getattr(subject, name) != value}
    if changes:
        with audit.transaction():
            Membership.objects.filter(id=subject.id).update(**changes)
            audit.record(
                "membership.updated",
                actor=actor,
                object_id=subject.user_id,
                conversation_id=subject.conversation_id,
                details={name: _plain(value) for name, value in changes.items()},
            )
    for name, value in changes.items():
        setattr(subject, name, value)
    return subject


def _settled(wanted: dict[str, bool | datetime | None]) -> dict[str, bool | datetime | None]:
    """The columns that follow from what was asked."""
    until = wanted.get("muted_until")
    if isinstance(until, datetime) and (until <= now() or wanted.get("muted") is False):
        raise Invalid(
            "Some fields are not valid.",
            errors=[FieldError("mutedUntil", "invalid", "Name a time to come, and do not un-mute with it.")],
        )
    settled = dict(wanted)
    if until is not None:
        settled["muted"] = True
    elif "muted" in wanted:
        settled["muted_until"] = None
    return settled


def _plain(value: bool | datetime | None) -> bool | str | None:
    return value.isoformat() if isinstance(value, datetime) else value
