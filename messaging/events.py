"""What clients may ask of messaging and what they are told, declared once for every door."""

from typing import Any
from uuid import UUID

from core.actor import Actor
from core.doors import Receives, Sends
from core.shapes import Data
from messaging import policies, querysets, services
from messaging import serializers as shapes
from messaging.models import Membership
from messaging.opening import can_open, find_opening
from messaging.rendering import Wire, preferences_out, receipt_out
from messaging.rows import MessageRow
from messaging.services.reading import conversation_for, message_for
from messaging.writer import Sent

_MEMBERS = "the members of the conversation"

# --- What clients are told --------------------------------------------------------------------------------------------

message_new = Sends("message:new", shapes.MessageOut, durable=True, audience=_MEMBERS, summary="A message was sent.")
message_updated = Sends(
    "message:updated", shapes.MessageOut, durable=True, audience=_MEMBERS, summary="A message has another text."
)
message_deleted = Sends(
    "message:deleted", shapes.MessageOut, durable=True, audience=_MEMBERS, summary="A message has become a tombstone."
)
conversation_updated = Sends(
    "conversation:updated",
    shapes.ConversationChangedOut,
    durable=True,
    audience=_MEMBERS,
    summary="Fields of the conversation changed; only these are named.",
)
message_delivered_to = Sends(
    "message:delivered",
    shapes.WatermarkOut,
    durable=False,
    audience=_MEMBERS,
    summary="Everything up to seq has arrived at a device of this member.",
)
message_read_by = Sends(
    "message:read",
    shapes.WatermarkOut,
    durable=False,
    audience=_MEMBERS,
    summary="This member has read everything up to seq.",
)
conversation_added = Sends(
    "conversation:added",
    shapes.ConversationRefOut,
    durable=False,
    audience="who belongs to it from now on",
    summary="You belong to another conversation; its events reach you from now on.",
)
conversation_removed = Sends(
    "conversation:removed",
    shapes.ConversationRefOut,
    durable=False,
    audience="who belonged to it",
    summary="The conversation is gone for you.",
)

# --- How subjects are found and answers made --------------------------------------------------------------------------


def _message(actor: Actor, clean: Data) -> MessageRow:
    return querysets.visible_message(actor.id, clean.pop("message_id"))


def _membership(actor: Actor, clean: Data) -> Membership:
    return querysets.membership_of(actor.id, clean.pop("conversation_id"))


def _removal(actor: Actor, clean: Data) -> policies.Removal:
    return querysets.removal_of(actor, clean.pop("conversation_id"))


def _oneself(actor: Actor, clean: Data) -> Actor:
    return actor


def _as_it_is(result: Wire, actor: Actor) -> Wire:
    return result


def _sent(result: Sent, actor: Actor) -> Wire:
    return {**result.message, "duplicate": True} if result.duplicate else result.message


def _changed_message(row: MessageRow, actor: Actor) -> Wire:
    return message_for(actor, row)


def _opened(result: tuple[UUID, bool], actor: Actor) -> Wire:
    return conversation_for(actor, result[0])


def _changed_conversation(membership: Membership, actor: Actor) -> Wire:
    return conversation_for(actor, membership.conversation_id)


def _receipt(membership: Membership, actor: Actor) -> Wire:
    return receipt_out(membership)


def _preferences(membership: Membership, actor: Actor) -> Wire:
    return preferences_out(membership)


def _nothing(result: None, actor: Actor) -> dict[str, Any]:
    return {}


# --- What clients may ask: messages -----------------------------------------------------------------------------------

send = Receives(
    "message:new",
    schema=shapes.MessageIn,
    service=services.send_message,
    answer=_sent,
    reply=shapes.SentOut,
    limit="MESSAGE_NEW",
    summary="Send a message. It is stored when the reply arrives.",
)
edit = Receives(
    "message:edit",
    schema=shapes.EditIn,
    find=_message,
    permission=policies.can_change_message,
    service=services.edit_message,
    answer=_changed_message,
    reply=shapes.MessageOut,
    summary="Give a message of one's own another text.",
)
delete = Receives(
    "message:delete",
    schema=shapes.MessageIdIn,
    find=_message,
    permission=policies.can_change_message,
    service=services.delete_message,
    answer=_changed_message,
    reply=shapes.MessageOut,
    summary="Delete a message of one's own; a tombstone keeps its number.",
)
read_one = Receives(
    "message:get",
    schema=shapes.MessageIdIn,
    find=_message,
    service=services.read_message,
    answer=_as_it_is,
    reply=shapes.MessageOut,
    socket=False,
    summary="One message.",
)
history = Receives(
    "conversation:messages",
    schema=shapes.PageIn,
    service=services.read_history,
    answer=_as_it_is,
    reply=shapes.PageOut,
    summary="A page of history: before or after a number, or the newest.",
)
fill_gap = Receives(
    "conversation:events",
    schema=shapes.EventsIn,
    service=services.read_events,
    answer=_as_it_is,
    reply=shapes.EventsOut,
    summary="The durable events after a number, as sockets receive them.",
)

# --- What clients may ask: watermarks ---------------------------------------------------------------------------------

mark_delivered = Receives(
    "message:delivered",
    schema=shapes.WatermarkIn,
    find=_membership,
    service=services.mark_delivered,
    answer=_receipt,
    reply=shapes.ReceiptOut,
    limit="MESSAGE_DELIVERED",
    summary="Everything up to seq has arrived here.",
)
mark_read = Receives(
    "message:read",
    schema=shapes.WatermarkIn,
    find=_membership,
    service=services.mark_read,
    answer=_receipt,
    reply=shapes.ReceiptOut,
    limit="MESSAGE_READ",
    summary="Everything up to seq has been read.",
)
receipts = Receives(
    "conversation:receipts",
    schema=shapes.ConversationIdIn,
    find=_membership,
    service=services.read_receipts,
    answer=_as_it_is,
    reply=shapes.ReceiptsOut,
    socket=False,
    summary="How far each member has got.",
)

# --- What clients may ask: conversations ------------------------------------------------------------------------------

create = Receives(
    "conversation:create",
    schema=shapes.ConversationIn,
    find=find_opening,
    permission=can_open,
    service=services.create_conversation,
    answer=_opened,
    reply=shapes.ConversationOut,
    socket=False,
    summary="Open a conversation, or get the one there is.",
)
list_mine = Receives(
    "conversation:list",
    schema=shapes.ConversationListIn,
    find=_oneself,
    service=services.list_conversations,
    answer=_as_it_is,
    reply=shapes.ConversationsOut,
    socket=False,
    summary="One's own conversations, newest activity first.",
)
get = Receives(
    "conversation:get",
    schema=shapes.ConversationIdIn,
    find=_membership,
    service=services.read_conversation,
    answer=_as_it_is,
    reply=shapes.ConversationOut,
    socket=False,
    summary="One conversation.",
)
update = Receives(
    "conversation:update",
    schema=shapes.ConversationPatchIn,
    find=_membership,
    permission=policies.can_update_conversation,
    service=services.update_conversation,
    answer=_changed_conversation,
    reply=shapes.ConversationOut,
    socket=False,
    summary="Change a conversation for everybody in it.",
)
remove = Receives(
    "conversation:delete",
    schema=shapes.ConversationIdIn,
    find=_removal,
    permission=policies.can_delete_conversation,
    service=services.delete_conversation,
    answer=_nothing,
    socket=False,
    summary="Take a conversation away from everybody; its records are kept.",
)
set_preferences = Receives(
    "conversation:update-preferences",
    schema=shapes.PreferencesIn,
    find=_membership,
    service=services.update_preferences,
    answer=_preferences,
    reply=shapes.PreferencesOut,
    socket=False,
    summary="Archive or mute a conversation for oneself.",
)
members = Receives(
    "conversation:members",
    schema=shapes.ConversationIdIn,
    find=_membership,
    service=services.read_members,
    answer=_as_it_is,
    reply=shapes.MembersOut,
    socket=False,
    summary="Who is in a conversation.",
)
unread = Receives(
    "conversation:unread-count",
    schema=shapes.NothingIn,
    find=_oneself,
    service=services.count_unread,
    answer=_as_it_is,
    reply=shapes.UnreadOut,
    socket=False,
    summary="How much is unread.",
)
