"""What reads take from the database: plain rows, because a page of fifty model objects costs more than its query."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from attachments.models import Attachment
from core.time import now
from messaging.models.conversation import History


def first_seq(history: str, joined_seq: int) -> int:
    """Where what somebody may see begins, who joined at `joined_seq`."""
    return 1 if history == History.ALL else joined_seq


class MessageRow(NamedTuple):
    """A message with what its quote needs. The fields are in the order of `MESSAGE_FIELDS`."""

    id: UUID
    conversation_id: UUID
    seq: int
    client_message_id: str | None
    sender_id: UUID
    type: str
    format: str
    priority: str
    body: bytes
    created_at: datetime
    revision: int = 0
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    expires_at: datetime | None = None
    pinned_at: datetime | None = None
    thread_root_id: UUID | None = None
    patient_record_id: UUID | None = None
    forwarded_sender_id: UUID | None = None
    forwarded_at: datetime | None = None
    mentions_all: bool = False
    mentions_some: bool = False
    has_thread: bool = False
    has_reactions: bool = False
    has_files: bool = False
    reply_to_id: UUID | None = None
    reply_seq: int | None = None
    reply_sender_id: UUID | None = None
    reply_type: str | None = None
    reply_body: bytes | None = None
    reply_revision: int | None = None
    reply_deleted_at: datetime | None = None
    reply_expires_at: datetime | None = None

    @property
    def is_gone(self) -> bool:
        """Whether it was deleted, or has expired, which is the same to everybody from that moment on."""
        return self.deleted_at is not None or (self.expires_at is not None and self.expires_at <= now())

    def quoting(self, quoted: "MessageRow") -> "MessageRow":
        """The same message as a reply to `quoted`."""
        return self._replace(
            reply_to_id=quoted.id,
            reply_seq=quoted.seq,
            reply_sender_id=quoted.sender_id,
            reply_type=quoted.type,
            reply_body=quoted.body,
            reply_revision=quoted.revision,
            reply_deleted_at=quoted.deleted_at,
            reply_expires_at=quoted.expires_at,
        )

    def quoted(self) -> "MessageRow | None":
        """The message this one quotes, as far as opening it needs; None when it quotes none."""
        if self.reply_to_id is None or self.reply_sender_id is None or self.reply_type is None:
            return None
        return self._replace(
            id=self.reply_to_id,
            sender_id=self.reply_sender_id,
            type=self.reply_type,
            body=self.reply_body or b"",
            revision=self.reply_revision or 0,
            deleted_at=self.reply_deleted_at,
            expires_at=self.reply_expires_at,
        )


MESSAGE_FIELDS = (
    "id",
    "conversation_id",
    "seq",
    "client_message_id",
    "sender_id",
    "type",
    "format",
    "priority",
    "body",
    "created_at",
    "revision",
    "edited_at",
    "deleted_at",
    "expires_at",
    "pinned_at",
    "thread_root_id",
    "patient_record_id",
    "forwarded_sender_id",
    "forwarded_at",
    "mentions_all",
    "mentions_some",
    "has_thread",
    "has_reactions",
    "has_files",
    "reply_to_id",
    "reply_to__seq",
    "reply_to__sender_id",
    "reply_to__type",
    "reply_to__body",
    "reply_to__revision",
    "reply_to__deleted_at",
    "reply_to__expires_at",
)


class Extras(NamedTuple):
    """What stands about a message in other tables, the same for every reader."""

    mentions: tuple[UUID, ...] = ()
    reactions: tuple[tuple[str, tuple[UUID, ...]], ...] = ()
    """Each emoji and who used it, in the order of the first of each."""
    thread_count: int = 0
    files: tuple[Attachment, ...] = ()
    """Those there are, in the order of their ids; which of them are shown, and in which order, the body says."""


NO_EXTRAS = Extras()


class Stay(NamedTuple):
    """A member as the status of messages needs them. The fields are in the order of `STAY_FIELDS`; `left_seq` is
    the annotation `querysets.stays.ended_seq`."""

    user_id: UUID
    is_active: bool
    joined_seq: int
    left_seq: int | None
    delivered_seq: int
    read_seq: int


STAY_FIELDS = ("user_id", "user__is_active", "joined_seq", "ended_seq", "delivered_seq", "read_seq")


class Reached(NamedTuple):
    """When the last of those who got as far as a message had it, and when the last of those who read it had read it."""

    delivered_at: datetime | None
    read_at: datetime | None


class Receipt(NamedTuple):
    """Where the watermarks of somebody stand, and when each first got as far as the message that this is about."""

    user_id: UUID
    delivered_seq: int
    read_seq: int
    delivered_at: datetime | None
    read_at: datetime | None


class Seat(NamedTuple):
    """A sender's stay with what posting depends on. The fields are in the order of `SEAT_FIELDS`."""

    role: str
    is_muted: bool
    joined_seq: int
    is_active: bool
    posting_policy: str
    history: str
    kind: str
    user_role: str
    patient_id: UUID | None
    is_blocked: bool
    """Of a direct conversation: one of the two has blocked the other."""
    has_absent_provider: bool
    """Of a clinical conversation: somebody else is its provider, who has left a note that they are away."""

    @property
    def first_seq(self) -> int:
        return first_seq(self.history, self.joined_seq)


SEAT_FIELDS = (
    "role",
    "is_muted",
    "joined_seq",
    "user__is_active",
    "conversation__posting_policy",
    "conversation__history",
    "conversation__kind",
    "user__role",
    "conversation__patient_id",
    "blocked",
    "has_absent_provider",
)


SYSTEM_SEAT = Seat(
    role="owner",
    is_muted=False,
    joined_seq=1,
    is_active=True,
    posting_policy="all",
    history=History.ALL,
    kind="",
    user_role="bot",
    patient_id=None,
    is_blocked=False,
    has_absent_provider=False,
)
"""Where the system sits, which is no member of anything."""


class Sight(NamedTuple):
    """What one member sees of a conversation: the events from `first_seq` on, of which there are `head_seq`."""

    conversation_id: UUID
    kind: str
    first_seq: int
    head_seq: int
    stays: tuple[Stay, ...]


class ConversationRow(NamedTuple):
    """A conversation as one person sees it. What is theirs alone is None when they are no member."""

    id: UUID
    kind: str
    details: bytes | None
    details_revision: int
    patient_id: UUID | None
    provider_id: UUID | None
    course_id: str
    max_members: int
    history: str
    posting_policy: str
    priority: str
    created_by_id: UUID
    created_at: datetime
    updated_at: datetime
    head_seq: int
    active_at: datetime
    member_count: int
    unread_count: int
    mention_count: int
    last_message_id: UUID | None
    role: str | None
    archived: bool | None
    muted: bool | None
    muted_until: datetime | None


class Counts(NamedTuple):
    """What a member has not read of a conversation: so many messages, so many of them that mention the member."""

    unread: int
    mentions: int


CONVERSATION_FIELDS = (
    "pk",
    "kind",
    "details",
    "details_revision",
    "patient_id",
    "provider_id",
    "course_id",
    "max_members",
    "history",
    "posting_policy",
    "priority",
    "created_by_id",
    "created_at",
    "updated_at",
    "stream__head_seq",
    "active_at",
    "member_count",
    "unread_count",
    "mention_count",
    "last_message_id",
    "mine__role",
    "mine__archived",
    "mine__muted",
    "mine__muted_until",
)
