"""Looking at a report: everything about it but what anybody wrote. That somebody looked is recorded."""

from dataclasses import dataclass, field
from uuid import UUID

from audit.writer import EntryDraft, writer
from core.actor import Actor
from core.errors import Forbidden, NotFound
from messaging import moderating, querysets, rights
from messaging.models import Membership, Message, Report, ReportAction
from messaging.models.report import Deed
from messaging.services.moderation.possible import possible

_MOST_OTHERS = 10


@dataclass(frozen=True)
class Overview:
    """A report as a moderator finds it.

    `stay` is the author's present or last one in the conversation. `possible` are the deeds that make sense now and
    that this moderator may do; `objection` is why they may judge nothing here, if that is so.
    """

    report: Report
    message: Message | None
    stay: Membership | None
    members: int
    actions: list[ReportAction]
    notes: int
    others: list[Report]
    objection: str = ""
    possible: frozenset[Deed] = field(default_factory=frozenset)


def view_report(*, actor: Actor, report_id: UUID) -> Overview:
    """The report with what stands around it; raises NotFound for whoever may see none, and for one about oneself."""
    if not rights.may(actor, rights.VIEW_REPORT):
        raise NotFound(subject_id=report_id)
    report = querysets.report_for(actor.id, report_id)
    overview = _overview(actor, report)
    draft = EntryDraft("report.viewed", actor, object_id=report.id, conversation_id=report.conversation_id)
    writer.submit(draft).result()
    return overview


def record_list_viewed(*, actor: Actor) -> None:
    """Somebody looked at the queue: who reported whom stands there."""
    writer.submit(EntryDraft("reports.viewed", actor)).result()


def _overview(actor: Actor, report: Report) -> Overview:
    message = Message.objects.filter(id=report.message_id).defer("body").first()
    stay = querysets.last_stays(report.conversation_id, [report.author_id]).get(report.author_id)
    actions = list(report.actions.select_related("actor").order_by("id"))
    objection = _objection(actor, report)
    return Overview(
        report=report,
        message=message,
        stay=stay,
        members=len(querysets.user_ids_of(report.conversation_id)),
        actions=actions,
        notes=report.notes.count(),
        others=querysets.other_reports(actor.id, report, _MOST_OTHERS),
        objection=objection,
        possible=frozenset() if objection else possible(actor, report, message, stay, actions),
    )


def _objection(actor: Actor, report: Report) -> str:
    try:
        moderating.can_judge(actor, report, is_party=querysets.is_party(actor.id, report))
    except Forbidden as refused:
        return refused.detail
    return ""
