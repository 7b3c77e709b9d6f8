"""The log as tables. Entries, seals and details are only ever appended: triggers refuse everything else, and in
production the server's database role cannot do anything else."""

from typing import Any

from django.db import models
from django.db.models import Q

from core.ids import uuid7
from encryption.keyring import keyring


class Outcome(models.TextChoices):
    ALLOW = "allow", "done"
    DENY = "deny", "refused"


class Entry(models.Model):
    """Somebody did something to something, or was refused it. No text or name of anybody stands here in the clear.

    The columns are the fields of the canonical text (`audit.canonical`) and its mac. Ids are plain: an entry outlives
    what it speaks of.
    """

    v = models.PositiveSmallIntegerField()
    id = models.UUIDField(primary_key=True)
    ts = models.DateTimeField("time")
    actor = models.UUIDField()
    actor_role = models.CharField(max_length=16, blank=True)
    session = models.UUIDField(null=True)
    ip_h = models.BinaryField("keyed hash of the address", max_length=32, null=True)
    action = models.CharField(max_length=40)
    object = models.UUIDField(null=True)
    object_h = models.BinaryField("SHA-256 of what was stored", max_length=32, null=True)
    conv = models.UUIDField("conversation", null=True)
    outcome = models.CharField(max_length=5, choices=Outcome)
    reason = models.CharField(max_length=100, blank=True)
    detail_h = models.BinaryField("SHA-256 of the details", max_length=32, null=True)
    kid = models.CharField("id of the master key", max_length=64)
    mac = models.BinaryField(max_length=32)

    class Meta:
        db_table = "audit_entry"
        verbose_name_plural = "entries"
        # What the trigger asks before details go early, and when there was a backup last. Small: of few entries only.
        indexes = [
            models.Index(fields=["object"], condition=Q(action="detail.erased"), name="audit_entry_erased_details"),
            models.Index(fields=["id"], condition=Q(action="backup.made"), name="audit_entry_backups"),
        ]


class Seal(models.Model):
    """The place of an entry in the chain: h(n) as in `audit.canonical`. `n` has no gaps."""

    n = models.BigIntegerField(primary_key=True)
    entry = models.UUIDField(unique=True)
    h = models.BinaryField(max_length=32)

    class Meta:
        db_table = "audit_seal"


class Detail(models.Model):
    """What changed, encrypted. Apart from the entry, so that it can be erased and the chain still holds."""

    entry = models.UUIDField(primary_key=True)
    salt = models.BinaryField(max_length=16)
    ciphertext = models.BinaryField()

    class Meta:
        db_table = "audit_detail"

    def payload(self) -> dict[str, Any]:
        """The details as they were recorded. Raises Undecryptable when they were altered or belong elsewhere."""
        return keyring().open_audit_detail(self.entry, bytes(self.ciphertext))


class Burst(models.Model):
    """How often somebody was refused in one minute: the log's one counter, gone when the minute has been written.

    Triggers let it only count up, and go only when an entry names its `id` or every refusal has an entry of its own.
    """

    pk = models.CompositePrimaryKey("actor", "minute")
    id = models.UUIDField(default=uuid7, unique=True)
    actor = models.UUIDField()
    minute = models.DateTimeField()
    actor_role = models.CharField(max_length=16, blank=True)
    count = models.PositiveIntegerField()

    class Meta:
        db_table = "audit_burst"


class Shortage(models.Model):
    """While this row is there the database's disk is full, and what room there is belongs to the log (`audit.reserve`).
    There is never a second one. `tried_at` is when somebody last tried to fill the reserve again."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    since = models.DateTimeField()
    tried_at = models.DateTimeField()

    class Meta:
        db_table = "audit_shortage"
