"""Blocking somebody, and letting them back. The other is told nothing."""

import audit
from accounts import blocks
from accounts.models import Block, User
from core.actor import Actor
from core.errors import Invalid


def block_user(*, actor: Actor, subject: User) -> None:
    """From COMMIT on the two have no presence for one another, no calls, and write nothing in a direct conversation.

    A repeat changes nothing. Raises Invalid for oneself.
    """
    if subject.id == actor.id:
        raise Invalid("Nobody blocks themselves.")
    with audit.transaction():
        _, is_new = Block.objects.get_or_create(blocker_id=actor.id, blocked=subject)
        if is_new:
            audit.record("user.blocked", actor=actor, object_id=subject.id)


def unblock_user(*, actor: Actor, subject: User) -> None:
    """Take one's own block of somebody back; one of theirs stays. A repeat changes nothing."""
    with audit.transaction():
        count, _ = blocks.of(actor.id).filter(blocked=subject).delete()
        if count:
            audit.record("user.unblocked", actor=actor, object_id=subject.id)
