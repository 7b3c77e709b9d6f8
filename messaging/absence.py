"""Notes that a provider is away: whoever writes to them meanwhile gets their note as a message of the system.

Asked for by the writer after a send, and said after its COMMIT, once a day in each conversation.
"""

from datetime import timedelta
from uuid import UUID

import audit
from core.errors import InvalidText
from core.time import now
from messaging import querysets
from messaging.models import Conversation
from messaging.services.system import post_system_message
from realtime import streams

OFTEN = timedelta(days=1)


def answer_for_the_absent(conversation_id: UUID) -> None:
    """Say in a clinical conversation that its provider is away, in their own words.

    Does nothing when it was said within a day, when the provider has no note any more, and when the conversation is
    gone; so a repeat does nothing either.
    """
    with audit.transaction():
        streams.lock([conversation_id])
        conversation = querysets.clinical_conversation(conversation_id)
        note = None if conversation is None else _note_due(conversation)
        if conversation is None or conversation.provider_id is None or note is None:
            return
        try:
            post_system_message(conversation_id, note, about=[conversation.provider_id])
        except InvalidText:
            return  # A note of nothing but markup: there is nothing to say, and trying again changes nothing.
        conversation.out_of_office_at = now()
        conversation.save(update_fields=["out_of_office_at"])


def _note_due(conversation: Conversation) -> str | None:
    """The provider's note, if they have one and it is to be said again."""
    last = conversation.out_of_office_at
    if conversation.provider is None or (last is not None and last > now() - OFTEN):
        return None
    return conversation.provider.out_of_office
