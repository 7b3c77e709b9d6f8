"""Suspending an account and reinstating it."""

from uuid import UUID

from accounts.models import User
from accounts.services import disable_user, enable_user
from core.actor import Actor
from core.errors import Conflict
from messaging import moderating
from messaging.models import Report
from messaging.models.report import Deed
from messaging.services.moderation.cases import act
from messaging.services.moderation.possible import is_suspended


def suspend_user(*, actor: Actor, report_id: UUID, version: int) -> Report:
    """From COMMIT on the person can do nothing: no sign-in, no request, and their sockets close at once.

    Raises Forbidden for staff with rights, superusers and bots; Conflict when they are disabled already: whoever did
    that has reasons of their own, and this report must not become the one upon which they are reinstated.
    """

    def suspend(report: Report) -> bool:
        moderating.can_suspend(actor, report.author)
        if not User.objects.select_for_update(no_key=True).get(pk=report.author_id).is_active:
            raise Conflict("Their account is disabled already.")
        report.author = disable_user(actor=actor, user=report.author)
        return True

    return act(actor, report_id, version, Deed.SUSPENDED, suspend)


def reinstate_user(*, actor: Actor, report_id: UUID, version: int) -> Report:
    """They can sign in again; nothing else that was done is undone.

    Raises Conflict unless they are suspended upon this report: who was disabled for another reason, or once more
    since, stays so.
    """

    def reinstate(report: Report) -> bool:
        moderating.can_suspend(actor, report.author)
        if not is_suspended(report.author, list(report.actions.order_by("id"))):
            raise Conflict("They are not suspended upon this report.")
        report.author = enable_user(actor=actor, user=report.author)
        return True

    return act(actor, report_id, version, Deed.REINSTATED, reinstate)
