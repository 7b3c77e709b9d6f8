"""Who of those that messages name is there to be mentioned: present members, and in a room everybody by its owner."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from messaging import querysets
from messaging.mentions import MOST, Named
from messaging.models.conversation import ROOMS
from messaging.models.membership import Role
from messaging.rows import MessageRow, Seat


class Wording(NamedTuple):
    """A message as far as mentions go: whom its text names, and whom its sender chose besides."""

    message_id: UUID
    conversation_id: UUID
    sender_id: UUID
    named: Named
    chosen: tuple[UUID, ...] = ()


class Mentions:
    """The mentions of a group of messages: one query, none when nobody is named.

    Who is no member is not mentioned and hears nothing of it; nor is a message's own sender.
    """

    def __init__(self, wordings: Sequence[Wording]) -> None:
        self._everybody = {wording.message_id for wording in wordings if wording.named.everybody}
        naming = [wording for wording in wordings if wording.named.usernames or wording.chosen]
        members = _members(naming) if naming else {}
        self._found = {wording.message_id: _mentioned(wording, members) for wording in naming}

    def of(self, message_id: UUID) -> tuple[UUID, ...]:
        """Who is mentioned in this message: those its sender chose first, then in the order of the text; at most 50."""
        return self._found.get(message_id, ())

    def mean_all(self, message_id: UUID, seat: Seat) -> bool:
        """Whether everybody is mentioned: `@all` by the owner of a room."""
        return message_id in self._everybody and seat.role == Role.OWNER and seat.kind in ROOMS

    def rows(self, row: MessageRow) -> list[dict[str, Any]]:
        """The rows of `messaging_mention` for this message."""
        return [
            {"message_id": row.id, "user_id": user_id, "conversation_id": row.conversation_id, "seq": row.seq}
            for user_id in self.of(row.id)
        ]


def _members(wordings: Sequence[Wording]) -> Mapping[UUID, Mapping[str | UUID, UUID]]:
    """By conversation: login names and ids of the members that are named or chosen somewhere in the group."""
    names = {name for wording in wordings for name in wording.named.usernames}
    chosen = {user_id for wording in wordings for user_id in wording.chosen}
    members: defaultdict[UUID, dict[str | UUID, UUID]] = defaultdict(dict)
    found = querysets.members_named({wording.conversation_id for wording in wordings}, names, chosen)
    for conversation_id, user_id, username in found:
        members[conversation_id] |= {username: user_id, user_id: user_id}
    return members


def _mentioned(wording: Wording, members: Mapping[UUID, Mapping[str | UUID, UUID]]) -> tuple[UUID, ...]:
    here = members.get(wording.conversation_id, {})
    keys: tuple[str | UUID, ...] = (*wording.chosen, *wording.named.usernames)
    found = (here[key] for key in keys if key in here)
    return tuple(islice((user_id for user_id in dict.fromkeys(found) if user_id != wording.sender_id), MOST))
