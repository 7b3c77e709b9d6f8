"""Who may judge a report, and whom a measure may be about. Pure: each policy raises Forbidden or returns.

That somebody has the right at all is asked before (`messaging.rights`), and a report about oneself is not there.
"""

from uuid import UUID

from accounts.models import User
from accounts.policies import has_rights
from core.actor import SYSTEM_ID, Actor
from core.errors import Forbidden
from messaging.models import Report
from messaging.models.conversation import ROOMS


def can_judge(actor: Actor, report: Report, *, is_party: bool) -> None:
    """Nobody settles a case of their own: what they reported, or what was said where they are, or were, themselves."""
    if report.reporter_id == actor.id:
        raise Forbidden("You reported this yourself: leave it to another moderator.", subject_id=report.id)
    if is_party:
        raise Forbidden("You are part of this conversation: leave it to another moderator.", subject_id=report.id)


def can_take_measures(actor: Actor, author: User) -> None:
    """Warn, mute, ban: upon others who are there, and not upon those who may undo it."""
    _require_somebody_else(actor, author.id)
    if author.erased_at is not None:
        raise Forbidden("Whoever wrote this was erased.", subject_id=author.id)
    if author.is_superuser:
        raise Forbidden("Superusers are a matter for another superuser, under People.", subject_id=author.id)


def can_suspend(actor: Actor, author: User) -> None:
    """Suspend and reinstate: people without rights of their own. Staff are disabled under People, by superusers."""
    can_take_measures(actor, author)
    if has_rights(author):
        raise Forbidden("Staff and bots are not suspended here: superusers disable them, under People.")


def can_ban(kind: str) -> None:
    """From rooms. The two of a direct or clinical conversation stay in it: there one mutes or suspends."""
    if kind not in ROOMS:
        raise Forbidden("Nobody is banned from a conversation of two: mute or suspend them.")


def _require_somebody_else(actor: Actor, author_id: UUID) -> None:
    if author_id == actor.id:
        raise Forbidden("Nobody judges themselves.", subject_id=author_id)
    if author_id == SYSTEM_ID:
        raise Forbidden("The server's own user stays as it is.", subject_id=author_id)
