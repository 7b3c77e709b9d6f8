"""A warning: a message of the server itself to one person, in a direct conversation that only the server writes in.

So it arrives through the ordinary doors, on every device, and stands in the person's own export.
"""

from uuid import UUID

import audit
from accounts.models import User
from core.actor import SYSTEM, SYSTEM_ID, Actor
from core.errors import TooLarge
from messaging import moderating, querysets
from messaging.models import Conversation, Report
from messaging.models.conversation import Kind, PostingPolicy
from messaging.models.report import Deed, Reason
from messaging.opening import Opening
from messaging.sanitizer import sanitize_content
from messaging.services.conversations import create_conversation
from messaging.services.moderation.cases import act
from messaging.services.system import post_system_message

LONGEST_ADDITION = 1000

_BREACHES = {
    Reason.SPAM: "as unwanted advertising",
    Reason.HARASSMENT: "as harassment",
    Reason.THREAT: "as a threat",
    Reason.SELF_HARM: "because somebody worries about you or others",
    Reason.PRIVACY: "because it gives away what is private",
    Reason.OTHER: "",
}


def warn(*, actor: Actor, report_id: UUID, version: int, text: str = "") -> Report:
    """Tell the author that a message of theirs was reported and found wrong; once for each report.

    `text` is what the moderator adds in their own words, without their name. Neither the reporter nor anything anybody
    wrote is in it. Raises TooLarge for more than 1,000 characters.
    """
    if len(text) > LONGEST_ADDITION:
        raise TooLarge(f"A warning has room for {LONGEST_ADDITION:,} characters of yours.")
    added = sanitize_content(text) if text.strip() else ""

    def tell(report: Report) -> bool:
        moderating.can_take_measures(actor, report.author)
        if report.actions.filter(deed=Deed.WARNED).exists():
            return False
        post_system_message(_channel_to(report.author), _wording(report, added))
        audit.record("member.warned", actor=actor, object_id=report.author_id, conversation_id=report.conversation_id)
        return True

    return act(actor, report_id, version, Deed.WARNED, tell)


def _wording(report: Report, added: str) -> str:
    as_what = _BREACHES[Reason(report.reason)]
    said = f"A message that you wrote was reported{' ' if as_what else ''}{as_what}, and a moderator has looked at it."
    return "\n\n".join(filter(None, [said, added, "Please keep to the rules of this service. This is a warning."]))


def _channel_to(person: User) -> UUID:
    """The direct conversation of this person and the server, made when needed; the person reads it and cannot write."""
    existing = querysets.conversation_between(Kind.DIRECT, SYSTEM_ID, person.id, member=person.id)
    opening = Opening(Kind.DIRECT, User.objects.get(id=SYSTEM_ID), person, existing)
    conversation_id, is_new = create_conversation(actor=SYSTEM, subject=opening)
    if is_new:
        # The server posts whatever the policy is.
        Conversation.objects.filter(pk=conversation_id).update(posting_policy=PostingPolicy.MODERATORS)
    return conversation_id
