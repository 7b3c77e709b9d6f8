"""Which deeds a moderator is offered: those that make sense now and that they may do. The services decide again."""

from collections.abc import Callable, Sequence

from accounts.models import User
from core.actor import Actor
from core.errors import Forbidden
from messaging import moderating, rights
from messaging.models import Membership, Message, Report, ReportAction
from messaging.models.conversation import ROOMS
from messaging.models.report import Deed, State
from messaging.services.moderation.cases import RIGHTS

_SUSPENSIONS = (Deed.SUSPENDED, Deed.REINSTATED)


def possible(
    actor: Actor,
    report: Report,
    message: Message | None,
    stay: Membership | None,
    actions: Sequence[ReportAction],
) -> frozenset[Deed]:
    """Of a report that the actor may judge. `stay` is the author's last one, `actions` what was done so far."""
    deeds = {Deed.OPENED, Deed.NOTED}
    if report.state == State.OPEN:
        deeds.add(Deed.DISMISSED)
    if message is not None and message.deleted_at is None:
        deeds.add(Deed.HIDDEN)
    if _permits(moderating.can_take_measures, actor, report.author):
        deeds |= _about_their_stay(report, stay)
        if Deed.WARNED not in {action.deed for action in actions}:
            deeds.add(Deed.WARNED)
    if _permits(moderating.can_suspend, actor, report.author):
        deeds |= _about_their_account(report.author, actions)
    held = rights.may(actor, *{RIGHTS[deed] for deed in deeds})
    return frozenset(deed for deed in deeds if RIGHTS[deed] in held)


def is_suspended(author: User, actions: Sequence[ReportAction]) -> bool:
    """Whether the account is disabled because it was suspended here, and for no reason that came later. `actions` in
    their order."""
    last = [action for action in actions if action.deed in _SUSPENSIONS][-1:]
    here = [(action.deed, action.sign_outs) for action in last]
    return not author.is_active and here == [(Deed.SUSPENDED, author.sign_outs)]


def _about_their_stay(report: Report, stay: Membership | None) -> set[Deed]:
    if stay is None or report.conversation.deleted_at is not None:
        return set()
    deeds = set()
    if report.conversation.kind in ROOMS:
        deeds.add(Deed.UNBANNED if stay.is_blocked else Deed.BANNED)
    if stay.left_seq is None:
        deeds.add(Deed.UNMUTED if stay.is_muted else Deed.MUTED)
    return deeds


def _about_their_account(author: User, actions: Sequence[ReportAction]) -> set[Deed]:
    if author.is_active:
        return {Deed.SUSPENDED}
    return {Deed.REINSTATED} if is_suspended(author, actions) else set()


def _permits(policy: Callable[[Actor, User], None], actor: Actor, author: User) -> bool:
    try:
        policy(actor, author)
    except Forbidden:
        return False
    return True
