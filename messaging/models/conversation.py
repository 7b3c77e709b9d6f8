"""A conversation: who it is for and what its rules are. Its numbers live in its stream, its people in memberships."""

from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core.models import UUIDModel
from core.time import now


class Kind(models.TextChoices):
    CLINICAL = "clinical"
    DIRECT = "direct"
    GROUP = "group"
    PUBLIC = "public"
    PRIVATE = "private"
    COURSE = "course"
    STUDY_GROUP = "study_group"


class History(models.TextChoices):
    """How far back somebody reads who joins later."""

    ALL = "all"
    SINCE_JOINING = "since_joining"


class PostingPolicy(models.TextChoices):
    ALL = "all"
    MODERATORS = "moderators"


ROOMS = frozenset({Kind.GROUP, Kind.PUBLIC, Kind.PRIVATE, Kind.COURSE, Kind.STUDY_GROUP})
"""Conversations that people join and leave, in which somebody is the owner."""

OPEN_ROOMS = frozenset({Kind.PUBLIC, Kind.COURSE})
"""Rooms that others may find, and join by themselves."""


TELL_NEWCOMERS = frozenset({Kind.PUBLIC, Kind.COURSE, Kind.STUDY_GROUP})
"""Rooms whose newcomers read from the beginning, unless their owner decides otherwise."""


class Priority(models.TextChoices):
    NORMAL = "normal"
    URGENT = "urgent"


def pair_key(one: UUID, other: UUID) -> str:
    """The same text for two people whoever comes first, so that a unique column can hold them to one conversation."""
    return ":".join(sorted((str(one), str(other))))


class Conversation(models.Model):
    """People who write to one another. Its id is its stream's id; every change of it takes the stream's lock first.

    At most one clinical conversation per patient and provider and one direct conversation per pair is alive. A
    deleted one keeps its rows (records are kept; retention decides when they go) and is as good as absent for readers.

    `details` are the name, description and tags, sealed under the conversation's own key (`messaging.details`), so that
    they are destroyed with it. `out_of_office_at` is when the provider's absence was last said.

    One whose keys were destroyed (`shredded_at`) is deleted too. `has_leftovers` tells that something of it was removed
    and what depends on that has not been looked through since (`messaging.removal.leftovers`).
    """

    stream = models.OneToOneField("realtime.Stream", models.PROTECT, primary_key=True, db_column="id")
    kind = models.CharField(max_length=16, choices=Kind)
    patient = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False)
    provider = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    pair_key = models.CharField(max_length=73, null=True)  # noqa: DJ001  only NULL keeps rooms out of the unique rule
    details = models.BinaryField(null=True)
    details_revision = models.PositiveIntegerField(default=0)
    course_id = models.CharField(max_length=64, blank=True, default="")
    max_members = models.PositiveSmallIntegerField(default=500)
    history = models.CharField(max_length=16, choices=History, default=History.SINCE_JOINING)
    posting_policy = models.CharField(max_length=16, choices=PostingPolicy, default=PostingPolicy.ALL)
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.NORMAL)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    out_of_office_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )

    shredded_at = models.DateTimeField(null=True)
    has_leftovers = models.BooleanField(db_default=False)

    class Meta:
        permissions = [
            ("moderate_conversation", "Can moderate conversations they are no member of"),
            ("shred_conversation", "Can destroy a conversation and its keys"),
        ]
        indexes = [
            models.Index(fields=["stream"], condition=Q(has_leftovers=True), name="conversations_with_leftovers"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="deleted_conversations"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "provider"], condition=Q(deleted_at=None), name="one_clinical_conversation_per_pair"
            ),
            models.UniqueConstraint(
                fields=["pair_key"], condition=Q(deleted_at=None), name="one_direct_conversation_per_pair"
            ),
            models.CheckConstraint(
                condition=Q(kind="clinical", patient__isnull=False, provider__isnull=False)
                | (~Q(kind="clinical") & Q(patient=None, provider=None)),
                name="clinical_conversation_has_patient_and_provider",
            ),
            models.CheckConstraint(
                condition=Q(kind="direct", pair_key__isnull=False) | (~Q(kind="direct") & Q(pair_key=None)),
                name="direct_conversation_has_a_pair",
            ),
            models.CheckConstraint(
                condition=Q(patient=None) | ~Q(patient=F("provider")), name="patient_is_not_the_provider"
            ),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="conversation_kind_is_known"),
            models.CheckConstraint(
                condition=Q(deleted_at=None, deleted_by=None) | Q(deleted_at__isnull=False, deleted_by__isnull=False),
                name="deleted_conversation_was_deleted_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(shredded_at=None) | Q(deleted_at__isnull=False, details=None),
                name="shredded_conversation_is_deleted",
            ),
        ]

    @property
    def id(self) -> UUID:
        return self.stream_id


class RoomWord(UUIDModel):
    """One word of the name of a room that others may find, as a keyed hash (`messaging.details`)."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="words", db_index=False)
    token = models.BinaryField(max_length=8)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "conversation"], name="one_token_per_word_of_a_room")]
        indexes = [models.Index(fields=["conversation"], name="room_words")]
