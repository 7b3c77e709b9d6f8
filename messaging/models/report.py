"""A report: somebody asks moderators to look at a message, and what became of that."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core.models import UUIDModel
from core.time import now
from messaging.models.conversation import Conversation
from messaging.models.message import Message


class Reason(models.TextChoices):
    SPAM = "spam"
    HARASSMENT = "harassment"
    THREAT = "threat"
    SELF_HARM = "self_harm"
    PRIVACY = "privacy"
    OTHER = "other"


class State(models.TextChoices):
    OPEN = "open"
    SETTLED = "settled"


class Outcome(models.TextChoices):
    """How a report was settled, the gravest last: of several measures the gravest counts."""

    DISMISSED = "dismissed"
    WARNED = "warned"
    HIDDEN = "hidden"
    MUTED = "muted"
    BANNED = "banned"
    SUSPENDED = "suspended"


class Deed(models.TextChoices):
    """What a moderator did with a report."""

    OPENED = "opened", "opened the evidence"
    NOTED = "noted", "wrote a note"
    DISMISSED = "dismissed", "dismissed the report"
    WARNED = "warned", "warned the person"
    HIDDEN = "hidden", "hid the message"
    MUTED = "muted", "muted the person in the conversation"
    UNMUTED = "unmuted", "let the person speak there again"
    BANNED = "banned", "banned the person from the conversation"
    UNBANNED = "unbanned", "lifted the ban"
    SUSPENDED = "suspended", "suspended the account"
    REINSTATED = "reinstated", "reinstated the account"


class Report(UUIDModel):
    """One person's report of one message, which `author` wrote in `conversation`.

    `evidence` is a sealed copy of the message as it was then, and of its neighbours where the reporter asked for that:
    editing or deleting it afterwards takes nothing away. It is sealed under the conversation's key, bound to this row
    and to the reporter. The reporter's own words are part of it. `conversation` and `author` are those of the message,
    which may be gone before the report is.

    Settled is what a measure was taken upon, or what was dismissed. `version` counts what moderators did to it: who
    acts on an older one has not seen what the others did.
    """

    message = models.ForeignKey(Message, models.DO_NOTHING, related_name="reports", db_index=False, db_constraint=False)
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="reports", db_index=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="reports", db_index=False)
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(max_length=16, choices=Reason)
    evidence = models.BinaryField()
    created_at = models.DateTimeField("reported", default=now, editable=False)
    state = models.CharField(max_length=7, choices=State, default=State.OPEN)
    outcome = models.CharField(max_length=9, choices=Outcome, blank=True, default="")
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    settled_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("open_evidence", "Can open the evidence of a report"),
            ("note_report", "Can write notes about a report"),
            ("dismiss_report", "Can dismiss a report"),
            ("hide_message", "Can hide a reported message"),
            ("warn_member", "Can warn somebody who was reported"),
            ("mute_member", "Can mute somebody who was reported in that conversation"),
            ("ban_member", "Can ban somebody who was reported from that conversation"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["message", "reporter"], name="one_report_per_person_and_message"),
            models.CheckConstraint(condition=Q(reason__in=Reason.values), name="report_reason_is_known"),
            models.CheckConstraint(
                condition=Q(state="open", outcome="", settled_by=None, settled_at=None)
                | Q(
                    state="settled",
                    outcome__in=Outcome.values,
                    settled_by__isnull=False,
                    settled_at__isnull=False,
                ),
                name="settled_report_was_settled_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "created_at"], name="reports_in_turn"),
            models.Index(fields=["author"], name="reports_about_somebody"),
            models.Index(fields=["conversation"], name="reports_of_a_conversation"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ReportNote(UUIDModel):
    """What a moderator wrote about a report, for other moderators.

    `body` is sealed under the key that seals the evidence, bound to this row and its author: who quotes the evidence in
    a note quotes it into something that is destroyed together with it.
    """

    report = models.ForeignKey(Report, models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    body = models.BinaryField()
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.id)


class ReportAction(UUIDModel):
    """Somebody did something with a report: one row each time, never changed.

    `sign_outs` is, of a suspension, the person's own number (`User.sign_outs`) from then on: while it is the same,
    nobody has disabled them a second time, for another reason.
    """

    report = models.ForeignKey(Report, models.CASCADE, related_name="actions")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    deed = models.CharField(max_length=10, choices=Deed)
    at = models.DateTimeField(default=now, editable=False)
    sign_outs = models.PositiveIntegerField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(deed__in=Deed.values), name="report_deed_is_known")]

    def __str__(self) -> str:
        return str(self.id)
