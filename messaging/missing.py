"""What is said instead of 404 to somebody who knows that there was something."""

from core.actor import Actor
from core.errors import AppError, NotFound, Shredded
from messaging import querysets


def explain_missing(actor: Actor, error: NotFound) -> AppError:
    """Shredded (410) for a conversation that was destroyed while they were a member, and for what they saw of it;
    everybody else is told that there is nothing. Handed to `core.doors`."""
    ids = {id_ for id_ in (error.subject_id, error.conversation_id) if id_ is not None}
    if ids and querysets.shredded_places(actor.id, ids):
        return Shredded("This conversation has been destroyed.")
    return error
