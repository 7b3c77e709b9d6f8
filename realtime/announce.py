"""What services tell the sockets besides events. Each acts after COMMIT, and not at all when the transaction fails.

Best effort: in a process without sockets (a command, the worker) nothing happens here, and an announcement can be lost
with its process. What must be true all the same is made true by the sweep (`revocation`) and by what is committed.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from realtime.hub import hub
from realtime.protocol import CloseCode


def followed(user_ids: Iterable[UUID], stream_id: UUID, *, first_seq: int = 1, joined_seq: int = 0) -> None:
    """These people belong to the conversation from now on: their live sockets follow it, and hear `conversation:added`.

    `first_seq` is the first number they may see; `joined_seq` the number of the `member:joined` event that brought
    them, 0 when the conversation is new.
    """
    _after_commit(partial(hub.follow, list(user_ids), stream_id, first_seq, joined_seq))


def unfollowed(user_ids: Iterable[UUID], stream_id: UUID) -> None:
    """The conversation is gone for these people: nothing more of it, and `conversation:removed`.

    A member who leaves or is removed needs no call: the durable `member:left` ends what their sockets get, exactly
    there.
    """
    _after_commit(partial(hub.unfollow, list(user_ids), stream_id))


def tell_users(user_ids: Iterable[UUID], event: str, data: dict[str, Any]) -> None:
    """An ephemeral event to every live socket of these people."""
    _after_commit(partial(hub.tell_users, list(user_ids), event, data))


def tell_stream(stream_id: UUID, event: str, data: dict[str, Any]) -> None:
    """An ephemeral event to every live socket that follows the stream."""
    _after_commit(partial(hub.tell_stream, stream_id, event, data))


def session_ended(session_id: UUID, code: int = CloseCode.SESSION_REVOKED) -> None:
    """The session was ended: its sockets hear `session:revoked` and close at once."""
    _after_commit(partial(hub.close_session, session_id, CloseCode(code)))


def user_disabled(user_id: UUID) -> None:
    """The account was disabled: all its sockets close at once."""
    _after_commit(partial(hub.close_user, user_id, CloseCode.ACCOUNT_DISABLED))


def _after_commit(action: Callable[[], None]) -> None:
    # Robust: the change has happened, a failing announcement must not look like a failing change. Not the action
    # itself: Django asks a failed callback for its name, which a partial has not.
    transaction.on_commit(lambda: action(), robust=True)
