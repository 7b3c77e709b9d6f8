"""What services tell the sockets besides events. Each acts after COMMIT, and not at all when the transaction fails.

The sockets of this process hear it first, those of the others by a poke. Best effort: in a process without sockets (a
command, the worker) nothing happens here, and an announcement can be lost with its process or on its way. What must be
true all the same is made true by `polling` and `revocation`, which look at what is committed.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from realtime.coalescing import Coalescing, Progress
from realtime.hub import hub
from realtime.pokes import pokes
from realtime.protocol import CloseCode


def followed(user_ids: Iterable[UUID], stream_id: UUID, *, first_seq: int = 1, joined_seq: int = 1) -> None:
    """These people belong to the conversation from now on: their live sockets follow it, and hear `conversation:added`.

    `first_seq` is the first number they may see; `joined_seq` the number of the `member:joined` event that brought
    them, 1 when the conversation is new.
    """
    user_ids = list(user_ids)

    def announce() -> None:
        hub.follow(user_ids, stream_id, first_seq, joined_seq)
        pokes.began()

    transaction.on_commit(announce, robust=True)


def unfollowed(user_ids: Iterable[UUID], stream_id: UUID) -> None:
    """The conversation is gone for these people: nothing more of it, and `conversation:removed`.

    A member who leaves or is removed needs no call: the durable `member:left` ends what their sockets get, exactly
    there.
    """
    _after_commit("unfollow", list(user_ids), stream_id)


def tell_users(user_ids: Iterable[UUID], event: str, data: dict[str, Any]) -> None:
    """An ephemeral event to every live socket of these people."""
    _after_commit("tell_users", list(user_ids), event, data)


def progressed(
    user_ids: Iterable[UUID], stream_id: UUID, event: str, data: dict[str, Any], *, who: UUID, seq: int
) -> None:
    """An ephemeral event to these members of the stream: somebody has got as far as `seq` in it.

    Of several within half a second of the first only the furthest is told (`coalescing`), then.
    """
    args = list(user_ids), stream_id, event, data
    progress = Progress((event, stream_id, who), seq, args)
    transaction.on_commit(partial(coalescing.put, progress), robust=True)


def typing(stream_id: UUID, user_id: UUID, is_typing: bool, head: int) -> None:
    """This person types in the stream, or has stopped; `head` was its last event when that was found permitted.

    Nothing of it is stored, so it goes out at once. What becomes of it, and when it fades, is decided in each process
    (`typists`).
    """
    _announce("hear_typing", stream_id, user_id, is_typing, head)


def typed(stream_id: UUID, user_id: UUID, head: int) -> None:
    """What they typed has been sent, as the event `head`: if they were seen typing they have stopped."""
    if hub.typists.types(stream_id, user_id):
        typing(stream_id, user_id, False, head)


def session_ended(session_id: UUID, code: int = CloseCode.SESSION_REVOKED) -> None:
    """The session was ended: its sockets hear `session:revoked` and close at once."""
    _after_commit("close_session", session_id, CloseCode(code))


def user_disabled(user_id: UUID) -> None:
    """The account was disabled: all its sockets close at once."""
    _after_commit("close_user", user_id, CloseCode.ACCOUNT_DISABLED)


def chose(user_id: UUID, session_id: UUID, status: str) -> None:
    """This person chose what to be on that device: its sockets say so from now on, in whatever process they are."""
    _after_commit("chose", user_id, session_id, status)


def described(user_id: UUID) -> None:
    """This person says something else of themselves: who subscribed to them hears it."""
    _after_commit("described", user_id)


def keys_destroyed(conversation_id: UUID) -> None:
    """Keys of this conversation were destroyed: no process keeps any in memory. Called after COMMIT."""
    _announce("forget_keys", conversation_id)


def _after_commit(what: str, *args: Any) -> None:
    # Robust: the change has happened, a failing announcement must not look like a failing change.
    transaction.on_commit(partial(_announce, what, *args), robust=True)


def _announce(what: str, *args: Any) -> None:
    """`what` is an entry point of the hub, here and in the other processes."""
    getattr(hub, what)(*args)
    pokes.announce(what, *args)


coalescing = Coalescing(partial(_announce, "tell_members"))
"""That of this process."""
