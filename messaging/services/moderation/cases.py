"""A report in the hands of a moderator: found, locked, acted upon once, and what was done written down."""

from collections.abc import Callable
from uuid import UUID

import audit
from core.actor import Actor
from core.errors import Conflict, Forbidden, NotFound
from core.time import now
from messaging import moderating, querysets, rights
from messaging.models import Report, ReportAction
from messaging.models.report import Deed, Outcome, State

RIGHTS: dict[Deed, str] = {
    Deed.OPENED: rights.OPEN_EVIDENCE,
    Deed.NOTED: rights.NOTE_REPORT,
    Deed.DISMISSED: rights.DISMISS_REPORT,
    Deed.WARNED: rights.WARN_MEMBER,
    Deed.HIDDEN: rights.HIDE_MESSAGE,
    Deed.MUTED: rights.MUTE_MEMBER,
    Deed.UNMUTED: rights.MUTE_MEMBER,
    Deed.BANNED: rights.BAN_MEMBER,
    Deed.UNBANNED: rights.BAN_MEMBER,
    Deed.SUSPENDED: rights.SUSPEND_USER,
    Deed.REINSTATED: rights.SUSPEND_USER,
}

_UNVERSIONED = (Deed.OPENED, Deed.NOTED)
_GRAVITY = list(Outcome.values)

Measure = Callable[[Report], bool]
"""Does it to the world and tells whether that changed anything: what is so already is so."""


def act(actor: Actor, report_id: UUID, version: int, deed: Deed, measure: Measure) -> Report:
    """Take a measure, or a step of another kind, upon the report as the moderator has seen it; returns the report.

    Raises NotFound, Forbidden, and Conflict when somebody did something since; whatever `measure` raises undoes it all.
    """
    with audit.transaction():
        require_right(actor, report_id, deed)
        report = querysets.locked_report(actor.id, report_id)
        require_impartial(actor, report)
        if _is_repeat(actor, report, version, deed):
            return report
        if report.version != version:
            raise Conflict("Somebody has acted on this report since you looked at it. Nothing more was done.")
        if measure(report) or not report.actions.filter(deed=deed).exists():
            _settle(actor, report, deed)
            write_down(actor, report, deed)
    return report


def find(actor: Actor, report_id: UUID, deed: Deed) -> Report:
    """The report for a step that leaves it as it is."""
    require_right(actor, report_id, deed)
    report = querysets.report_for(actor.id, report_id)
    require_impartial(actor, report)
    return report


def require_right(actor: Actor, report_id: UUID, deed: Deed) -> None:
    """Raises NotFound for whoever may see no reports, Forbidden for whoever may not do this."""
    held = rights.may(actor, rights.VIEW_REPORT, RIGHTS[deed])
    if rights.VIEW_REPORT not in held:
        raise NotFound(subject_id=report_id)
    if RIGHTS[deed] not in held:
        raise Forbidden("You do not have the right to do this.", subject_id=report_id)


def require_impartial(actor: Actor, report: Report) -> None:
    moderating.can_judge(actor, report, is_party=querysets.is_party(actor.id, report))


def write_down(actor: Actor, report: Report, deed: Deed) -> None:
    """Among the report's actions and in the audit log, inside the transaction of what was done."""
    sign_outs = report.author.sign_outs if deed == Deed.SUSPENDED else None
    ReportAction.objects.create(report=report, actor_id=actor.id, deed=deed, sign_outs=sign_outs)
    action = {Deed.OPENED: "report.opened", Deed.NOTED: "report.noted"}.get(deed, "report.acted")
    audit.record(
        action,
        actor=actor,
        object_id=report.id,
        conversation_id=report.conversation_id,
        reason=deed.value,
        details={"message": report.message_id, "user": report.author_id},
    )


def _settle(actor: Actor, report: Report, deed: Deed) -> None:
    """What undoes a measure leaves the outcome as it was: the actions tell the rest."""
    report.version += 1
    if deed in Outcome.values:
        if report.state == State.OPEN:
            report.state, report.settled_by_id, report.settled_at = State.SETTLED, actor.id, now()
        report.outcome = max(report.outcome or deed.value, deed.value, key=_GRAVITY.index)
    report.save(update_fields=["version", "state", "outcome", "settled_by", "settled_at"])


def _is_repeat(actor: Actor, report: Report, version: int, deed: Deed) -> bool:
    """Whether the same moderator has done just this: a button pressed twice, a page sent again."""
    if report.version != version + 1:
        return False
    last = report.actions.exclude(deed__in=_UNVERSIONED).order_by("-id").first()
    return last is not None and (last.actor_id, last.deed) == (actor.id, deed)
