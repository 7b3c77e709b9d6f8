"""A file: a row with its sealed description and its wrapped key, and an object in the storage that holds ciphertext."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core.models import UUIDModel


class Status(models.TextChoices):
    """Only a clean file can be sent or downloaded. Clients never see `uploading` and `failed`: such a file is not there
    yet, or never will be."""

    UPLOADING = "uploading"
    SCANNING = "scanning"
    CLEAN = "clean"
    INFECTED = "infected"
    UNSCANNABLE = "unscannable"
    FAILED = "failed"


SHOWN = (Status.SCANNING, Status.CLEAN, Status.INFECTED, Status.UNSCANNABLE)


class Attachment(UUIDModel):
    """The row comes before the object, so that nothing lies in the storage of which no row knows.

    `record` is the file's description (`attachments.details`): name, type, size and whatever else is told of it, sealed
    under the conversation's key. `file_key` is the key of the object, wrapped by that of `epoch`. Storage keys are
    random and say nothing; `thumbnail_key` is None where no thumbnail can lie. `message_id` is the one message the file
    was sent with, None until then. `gone_at` tells when it was discarded, or its message deleted: from then on it
    is not there for anybody, and a job removes the objects.
    """

    conversation_id = models.UUIDField(editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False)
    status = models.CharField(max_length=11, choices=Status, default=Status.UPLOADING)
    epoch = models.PositiveIntegerField(editable=False)
    file_key = models.BinaryField(max_length=61)
    record = models.BinaryField(null=True)
    record_revision = models.PositiveIntegerField(default=0)
    storage_key = models.CharField(max_length=32, unique=True, editable=False)
    thumbnail_key = models.CharField(max_length=32, null=True)  # noqa: DJ001  NULLs never collide, blanks would
    message_id = models.UUIDField(null=True)
    scanner = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(editable=False)
    scanned_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "file"
        indexes = [
            models.Index(fields=["message_id"], name="attachment_message", condition=Q(message_id__isnull=False)),
            # What jobs look for: rows that are not settled, and objects that are to be removed.
            models.Index(
                fields=["created_at"],
                name="attachment_unsettled",
                condition=Q(message_id__isnull=True) | Q(status=Status.SCANNING),
            ),
            models.Index(fields=["gone_at"], name="attachment_gone", condition=Q(gone_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return str(self.id)
