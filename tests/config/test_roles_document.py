"""docs/roles.md says what the role permission table and the policies say: its tables are made of them.

When a rule changes, the failing test prints the table as it has to stand there.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest

from accounts import permissions
from accounts.models import Role as Person
from core.actor import Actor
from core.errors import Forbidden
from core.time import now
from messaging import policies
from messaging.models import Conversation, Membership
from messaging.models.conversation import ROOMS, Kind, PostingPolicy
from messaging.models.membership import Role
from messaging.rows import SYSTEM_SEAT, MessageRow, Seat

pytestmark = pytest.mark.no_database
DOCUMENT = Path("docs/roles.md")
SHOWN = {True: "yes", False: "–", None: ""}
PEOPLE = [role for role in Person.values if role != Person.BOT]
ME, OTHER = uuid4(), uuid4()


def table(corner: str, columns: Iterable[str], rows: Iterable[tuple[str, Iterable[bool | None]]]) -> str:
    head = [corner, *columns]
    lines = [head, ["---"] * len(head), *([name, *(SHOWN[may] for may in cells)] for name, cells in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def who_begins_with_whom() -> str:
    rows = [(role, [permissions.may_start_with(role, other) for other in Person.values]) for role in Person.values]
    return table("begins ↓ with →", Person.values, rows)


def what_a_role_may() -> str:
    rows = [
        (f"create a room: `{kind}`", [permissions.may_create_room(role, kind) for role in PEOPLE]) for kind in rooms()
    ]
    rows += [
        ("find and join public and course rooms", [permissions.may_find_rooms(role) for role in PEOPLE]),
        ("see and change patient records, link them", [role in permissions.KEEPERS_OF_RECORDS for role in PEOPLE]),
    ]
    return table("", PEOPLE, rows)


def rooms() -> list[str]:
    return [kind for kind in Kind.values if kind in ROOMS]


# --- In a conversation ------------------------------------------------------------------------------------------------


class Chair(NamedTuple):
    """One of those who are in a conversation, as far as the policies ask."""

    kind: Kind
    role: Role = Role.MEMBER
    covers: bool = False
    is_muted: bool = False

    def seat(self, policy: PostingPolicy = PostingPolicy.ALL) -> Seat:
        return SYSTEM_SEAT._replace(role=self.role, kind=self.kind, is_muted=self.is_muted, posting_policy=policy)

    def stay(self, user_id: UUID = ME) -> Membership:
        return Membership(
            conversation=Conversation(kind=self.kind),
            user_id=user_id,
            role=self.role,
            until=now() if self.covers else None,
            is_muted=self.is_muted,
        )

    def beside(self, role: Role, *, covers: bool = False) -> policies.Pair:
        """With somebody else in the same conversation."""
        return policies.Pair(self.stay(), Chair(self.kind, role, covers).stay(OTHER))


CHAIRS = {
    "clinical: provider": Chair(Kind.CLINICAL, Role.OWNER),
    "patient": Chair(Kind.CLINICAL),
    "who covers": Chair(Kind.CLINICAL, covers=True),
    "direct: both": Chair(Kind.DIRECT),
    "room: owner": Chair(Kind.GROUP, Role.OWNER),
    "moderator": Chair(Kind.GROUP, Role.MODERATOR),
    "member": Chair(Kind.GROUP),
    "muted member": Chair(Kind.GROUP, is_muted=True),
}
ACTOR = Actor(ME, Person.PROVIDER)
THEIRS = MessageRow(uuid4(), uuid4(), 1, None, OTHER, "text", "plain", "normal", b"", now())


def gives_role(chair: Chair) -> None:
    policies.can_manage_member(ACTOR, chair.beside(Role.MEMBER))
    policies.can_give_role(chair.stay())


def deletes(chair: Chair) -> None:
    stay = chair.stay()
    policies.can_delete_conversation(ACTOR, policies.Removal(stay.conversation, stay.role, False))


ACTIONS: dict[str, Callable[[Chair], object]] = {
    "write, edit what is one's own": lambda chair: policies.can_post(chair.seat()),
    "the same where only moderators write": lambda chair: policies.can_post(chair.seat(PostingPolicy.MODERATORS)),
    "react": lambda chair: policies.can_react(chair.seat()),
    "pin": lambda chair: policies.can_pin(chair.seat()),
    "delete what another wrote": lambda chair: policies.can_delete_message(THEIRS, ME, chair.seat()),
    "change name, priority, tags …": lambda chair: policies.can_update_conversation(ACTOR, chair.stay()),
    "decide how far back newcomers read": lambda chair: policies.can_decide_history(chair.stay()),
    "add people, or who covers": lambda chair: policies.can_add_members(ACTOR, chair.stay()),
    "give roles": gives_role,
    "mute or ban a member": lambda chair: policies.can_manage_member(ACTOR, chair.beside(Role.MEMBER)),
    "mute or ban a moderator": lambda chair: policies.can_manage_member(ACTOR, chair.beside(Role.MODERATOR)),
    "remove a member": lambda chair: policies.can_remove_member(ACTOR, chair.beside(Role.MEMBER)),
    "remove a moderator": lambda chair: policies.can_remove_member(ACTOR, chair.beside(Role.MODERATOR)),
    "remove who covers": lambda chair: policies.can_remove_member(ACTOR, chair.beside(Role.MEMBER, covers=True)),
    "see who was banned": lambda chair: policies.can_see_banned(chair.stay()),
    "leave": lambda chair: policies.can_leave(ACTOR, chair.stay()),
    "delete the conversation": deletes,
}


ONLY_IN = {"the same where only moderators write": ROOMS, "remove who covers": {Kind.CLINICAL}}
"""What there is in conversations of these kinds only."""


def may(action: str, chair: Chair) -> bool | None:
    if chair.kind not in ONLY_IN.get(action, Kind):
        return None
    try:
        ACTIONS[action](chair)
    except Forbidden:
        return False
    return True


def what_members_may() -> str:
    rows = [(action, [may(action, chair) for chair in CHAIRS.values()]) for action in ACTIONS]
    return table("", CHAIRS, rows)


@pytest.mark.parametrize(
    "made", [who_begins_with_whom, what_a_role_may, what_members_may], ids=lambda made: made.__name__
)
def test_the_document_has_the_table_as_the_code_has_it(made: Callable[[], str]) -> None:
    assert made() in DOCUMENT.read_text(), f"this has to stand in {DOCUMENT}:\n\n{made()}\n"
