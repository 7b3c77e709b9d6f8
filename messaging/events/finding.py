"""How the subject of what is asked is found: through what the actor may see, else NotFound."""

from core.actor import Actor
from core.shapes import Data
from messaging import policies, querysets
from messaging.models import Conversation, Membership
from messaging.rows import MessageRow


def message(actor: Actor, clean: Data) -> MessageRow:
    return querysets.visible_message(actor.id, clean.pop("message_id"))


def membership(actor: Actor, clean: Data) -> Membership:
    return querysets.membership_of(actor.id, clean.pop("conversation_id"))


def desk(actor: Actor, clean: Data) -> policies.Desk:
    return querysets.desk_of(actor.id, clean.pop("conversation_id"))


def room_to_join(actor: Actor, clean: Data) -> Conversation:
    return querysets.room_to_join(actor, clean.pop("conversation_id"))


def pair(actor: Actor, clean: Data) -> policies.Pair:
    return querysets.pair_of(actor.id, clean.pop("conversation_id"), clean.pop("user_id"))


def removal(actor: Actor, clean: Data) -> policies.Removal:
    return querysets.removal_of(actor, clean.pop("conversation_id"))


def oneself(actor: Actor, clean: Data) -> Actor:
    return actor
