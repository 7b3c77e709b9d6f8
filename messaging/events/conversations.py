"""What clients may ask about conversations and what they are told of them."""

from core.doors import Receives, Sends
from messaging import policies, services
from messaging import serializers as shapes
from messaging.events import answers, examples, finding
from messaging.opening import can_open, find_opening

_MEMBERS = "the members of the conversation"

conversation_updated = Sends(
    "conversation:updated",
    shapes.ConversationChangedOut,
    durable=True,
    audience=_MEMBERS,
    summary="Fields of the conversation changed; only these are named.",
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

create = Receives(
    "conversation:create",
    schema=shapes.ConversationIn,
    find=find_opening,
    permission=can_open,
    service=services.create_conversation,
    answer=answers.opened,
    reply=shapes.ConversationOut,
    socket=False,
    summary="Open a conversation or get the one there is, or create a room.",
    description=(
        "`kind` decides which of the other fields there are. The roles of both decide who may begin a conversation "
        "with whom, and one's own role which rooms one may create. Between a patient and a provider: leave `kind` out "
        "for the clinical conversation, in which what is said is kept; a direct one has none of its rules."
    ),
    examples=examples.CREATE,
)
list_mine = Receives(
    "conversation:list",
    schema=shapes.ConversationListIn,
    find=finding.oneself,
    service=services.list_conversations,
    answer=answers.as_it_is,
    reply=shapes.ConversationsOut,
    socket=False,
    summary="One's own conversations, newest activity first.",
)
get = Receives(
    "conversation:get",
    schema=shapes.ConversationIdIn,
    find=finding.membership,
    service=services.read_conversation,
    answer=answers.as_it_is,
    reply=shapes.ConversationOut,
    socket=False,
    summary="One conversation.",
)
discover = Receives(
    "conversation:discover",
    schema=shapes.DiscoverIn,
    find=finding.oneself,
    service=services.discover_rooms,
    answer=answers.as_it_is,
    reply=shapes.ConversationsOut,
    socket=False,
    summary="Public and course rooms one may join.",
    description="Empty for patients: they are in a room only when somebody has added them.",
)
update = Receives(
    "conversation:update",
    schema=shapes.ConversationPatchIn,
    find=finding.membership,
    permission=policies.can_update_conversation,
    service=services.update_conversation,
    answer=answers.changed_conversation,
    reply=shapes.ConversationOut,
    socket=False,
    summary="Change a conversation for everybody in it.",
    description="By the owner and moderators; in a direct conversation, which nobody owns, by both.",
    examples=examples.UPDATE,
)
remove = Receives(
    "conversation:delete",
    schema=shapes.ConversationIdIn,
    find=finding.removal,
    permission=policies.can_delete_conversation,
    service=services.delete_conversation,
    answer=answers.nothing,
    socket=False,
    summary="Take a conversation away from everybody; its records are kept.",
)
set_preferences = Receives(
    "conversation:update-preferences",
    schema=shapes.PreferencesIn,
    find=finding.membership,
    service=services.update_preferences,
    answer=answers.preferences,
    reply=shapes.PreferencesOut,
    socket=False,
    summary="Archive or mute a conversation for oneself.",
    description="`muted` is about one's own notifications; `isMuted` of a member says that they may read only.",
    examples=examples.PREFERENCES,
)
