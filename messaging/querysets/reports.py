"""Reports, as moderators may see them. A report about oneself is not there for whoever looks."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from core.errors import NotFound
from messaging.models import Membership, Report
from messaging.models.report import State


def reports_for(user_id: UUID) -> QuerySet[Report]:
    """Every report but those about this person, without the sealed evidence."""
    return Report.objects.exclude(author=user_id).defer("evidence")


def report_for(user_id: UUID, report_id: UUID) -> Report:
    """One of them with its people and conversation; raises NotFound."""
    people = ("author", "reporter", "settled_by", "conversation")
    found = Report.objects.exclude(author=user_id).select_related(*people).filter(id=report_id).first()
    if found is None:
        raise NotFound(subject_id=report_id)
    return found


def locked_report(user_id: UUID, report_id: UUID) -> Report:
    """The same, kept from other moderators until the end of the transaction.

    Always before any stream: whoever holds a stream never waits for a report.
    """
    found = Report.objects.select_for_update(no_key=True).exclude(author=user_id).only("id")
    if found.filter(id=report_id).first() is None:
        raise NotFound(subject_id=report_id)
    return report_for(user_id, report_id)


def is_party(user_id: UUID, report: Report) -> bool:
    """Whether this person is or ever was in the conversation that the report is about."""
    return Membership.objects.filter(conversation=report.conversation_id, user=user_id).exists()


def party_to(user_id: UUID) -> Q:
    """Of a queryset of reports: those this person made, or of conversations they ever belonged to."""
    stays = Membership.objects.filter(conversation=OuterRef("conversation"), user=user_id)
    return Q(Exists(stays)) | Q(reporter=user_id)


def other_reports(user_id: UUID, report: Report, most: int) -> list[Report]:
    """What else was reported about this message and its author, the newest first."""
    others = reports_for(user_id).filter(author=report.author_id).exclude(id=report.id)
    return list(others.order_by("-created_at")[:most])


def open_reports_for(user_id: UUID) -> QuerySet[Report]:
    """Those that wait for moderators like this one."""
    return reports_for(user_id).filter(state=State.OPEN)
