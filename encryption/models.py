"""The vault: wrapped keys, in tables of their own so that they can be backed up apart. And the one row of facts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, reduce
from operator import or_
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models import Exists, OuterRef, Q

from core.ids import uuid7
from core.models import UUIDModel
from core.time import now
from encryption.formats import (
    AUDIT_KEY_TAG,
    DATA_KEY_RECORD,
    FIELD_KEY_TAG,
    OTHER_KEY_RECORD,
    RECORD_BYTES,
    WRAPPED_BYTES,
    data_key_aad,
    other_key_aad,
)

_KEY_ID_LENGTH = 64


class Installation(models.Model):
    """What identifies this installation: exactly one row, made by the first migration.

    `org` is bound into every sealed value outside a conversation and into every wrapped key: with another `org` none
    of them opens. `epoch` tells clients that event numbers they remember belong to this database. Neither changes.

    `shreds_applied` is the position in the ledger (`Shred`) up to which this database has carried out what follows from
    it. It is not in the vault: after a restore it is as old as the data, and the ledger is not.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    org = models.UUIDField(default=uuid7, editable=False)
    epoch = models.UUIDField(default=uuid4, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    shreds_applied = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        db_table = "parley_installation"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="parley_installation_one_row")]


@cache
def installation() -> Installation:
    """The one row, read once per process; `installation.cache_clear()` reads it again.

    Raises ImproperlyConfigured when it is missing: nothing makes another, because nothing sealed before would open.
    """
    row = Installation.objects.first()
    if row is None:
        raise ImproperlyConfigured("The database has no installation row: run `manage.py migrate`, or restore the row.")
    return row


class DataKeyState(models.TextChoices):
    ACTIVE = "active", "seals new values in its period"
    RETIRED = "retired", "opens, and seals edits of what it sealed"
    SHREDDED = "shredded", "destroyed"


class DataKeyQuerySet(models.QuerySet["DataKey"]):
    def newest_of(self, conversations: Iterable[UUID]) -> "DataKeyQuerySet":
        """The key with the highest epoch of each conversation that has one."""
        newer = DataKey.objects.filter(conversation=OuterRef("conversation"), epoch__gt=OuterRef("epoch"))
        return self.filter(~Exists(newer), conversation__in=conversations)

    def of_epochs(self, epochs: Iterable[tuple[UUID, int]]) -> "DataKeyQuerySet":
        """The keys of exactly these conversations and epochs."""
        conversations: dict[int, list[UUID]] = defaultdict(list)
        for conversation, epoch in epochs:
            conversations[epoch].append(conversation)
        wanted = [Q(epoch=epoch, conversation__in=those) for epoch, those in conversations.items()]
        return self.filter(reduce(or_, wanted, Q(pk__in=[])))


class DataKey(UUIDModel):
    """A conversation's data key for one period, wrapped by a master key.

    Epochs count 1, 2, 3 … in each conversation. A shredded key keeps its row, so that its texts are known to be gone
    rather than damaged, and loses its blob.
    """

    conversation = models.UUIDField(editable=False)
    epoch = models.PositiveIntegerField(editable=False)
    period = models.CharField(max_length=10, editable=False)
    kek_id = models.CharField(max_length=_KEY_ID_LENGTH, editable=False)
    blob = models.BinaryField(max_length=RECORD_BYTES, null=True)
    state = models.CharField(max_length=8, choices=DataKeyState, default=DataKeyState.ACTIVE)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = DataKeyQuerySet.as_manager()

    record_type = DATA_KEY_RECORD

    class Meta:
        db_table = "vault_data_key"
        # For which master keys are needed, and what is still wrapped under one, among millions of rows.
        indexes = [
            models.Index(fields=["kek_id", "id"], condition=Q(blob__isnull=False), name="vault_data_key_wrapped_by")
        ]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "epoch"], name="vault_data_key_epoch"),
            models.CheckConstraint(condition=Q(epoch__gte=1), name="vault_data_key_epoch_from_1"),
            models.CheckConstraint(
                condition=Q(state=DataKeyState.SHREDDED, blob__isnull=True)
                | Q(state__in=[DataKeyState.ACTIVE, DataKeyState.RETIRED], blob__isnull=False),
                name="vault_data_key_shredded_or_there",
            ),
        ]

    def seals_in(self, period: str) -> bool:
        """Whether new values of `period` are sealed under this key.

        A later period needs a new key. An earlier one does not: another process' clock may be ahead of ours, and taking
        turns would make a key for every message. The same keeps the present key when KEY_EPOCH is made longer.
        """
        return self.state == DataKeyState.ACTIVE and period <= self.period

    def bound_to(self, kek_id: str) -> bytes:
        """What its wrapped record is bound to under that master key."""
        return data_key_aad(installation().org, self.conversation, self.epoch, kek_id)


class OrganisationKeyPurpose(models.TextChoices):
    AUDIT = "ak", "details of audit entries"
    FIELDS = "sk", "model fields and keyed hashes"

    @property
    def tag(self) -> str:
        """The tag its wrapped record is bound to."""
        return {self.AUDIT: AUDIT_KEY_TAG, self.FIELDS: FIELD_KEY_TAG}[self]


class OrganisationKey(models.Model):
    """A key of the whole organisation, wrapped by a master key; made once."""

    purpose = models.CharField(primary_key=True, max_length=2, choices=OrganisationKeyPurpose, editable=False)
    kek_id = models.CharField(max_length=_KEY_ID_LENGTH, editable=False)
    blob = models.BinaryField(max_length=RECORD_BYTES)
    created_at = models.DateTimeField(default=now, editable=False)

    record_type = OTHER_KEY_RECORD

    class Meta:
        db_table = "vault_organisation_key"

    def bound_to(self, kek_id: str) -> bytes:
        """What its wrapped record is bound to under that master key."""
        return other_key_aad(OrganisationKeyPurpose(self.purpose).tag, installation().org, None, kek_id)


class Shred(UUIDModel):
    """One entry of the shred ledger: keys of a conversation were destroyed, those of one epoch or (NULL) all of them.

    Positions count 1, 2, 3 …; `mac` covers the whole row (`encryption.shredding`). Kept for ever, in the vault: whoever
    restores an older copy of the data finds out here what must not come back.
    """

    position = models.PositiveIntegerField(unique=True, editable=False)
    conversation = models.UUIDField(editable=False)
    epoch = models.PositiveIntegerField(null=True, editable=False)
    reason = models.CharField(max_length=16, editable=False)
    at = models.DateTimeField(editable=False)
    kek_id = models.CharField(max_length=_KEY_ID_LENGTH, editable=False)
    mac = models.BinaryField(max_length=32)

    class Meta:
        db_table = "vault_shred"
        indexes = [models.Index(fields=["conversation"], name="vault_shred_conversation")]


FINGERPRINT_BYTES = 8


class Canary(models.Model):
    """What the vault knows of one master key, so that another key under the same id is recognised before it does harm.

    Written when the id is first used. `fingerprint` is derived from the key and tells nothing of it; `sealed` is a
    constant that opens only under that key and in this installation. A retired key wraps nothing ever again.
    """

    key_id = models.CharField(primary_key=True, max_length=_KEY_ID_LENGTH, editable=False)
    fingerprint = models.BinaryField(max_length=FINGERPRINT_BYTES)
    sealed = models.BinaryField(max_length=WRAPPED_BYTES)
    created_at = models.DateTimeField(default=now, editable=False)
    retired_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "vault_canary"
        verbose_name_plural = "canaries"


def wrapping_key_ids(database: str = DEFAULT_DB_ALIAS) -> set[str]:
    """Ids of the master keys that the vault of `database` needs; none before its tables exist."""
    return {
        key_id
        for model in (DataKey, OrganisationKey)
        if is_there(model, database)
        for key_id in _wrapping(model._default_manager.using(database).exclude(blob=None))
    }


def is_there(model: type[models.Model], database: str = DEFAULT_DB_ALIAS) -> bool:
    """Whether the table exists already: some things run before, or while, the database is migrated."""
    return model._meta.db_table in connections[database].introspection.table_names()


def _wrapping(rows: "models.QuerySet[Any]") -> Iterator[str]:
    """The different ids, each by one step in the index: `DISTINCT` would read every row."""
    ids, last = rows.order_by("kek_id").values_list("kek_id", flat=True), ""
    while (found := ids.filter(kek_id__gt=last).first()) is not None:
        yield (last := found)
