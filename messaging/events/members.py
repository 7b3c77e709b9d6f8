"""What clients may ask about the members of a conversation and what they are told of them."""

from core.doors import Receives, Sends
from messaging import policies, services
from messaging import serializers as shapes
from messaging.events import answers, examples, finding

_MEMBERS = "the members of the conversation"

member_joined = Sends(
    "member:joined",
    shapes.MemberOut,
    durable=True,
    audience=_MEMBERS,
    summary="Somebody has become a member; the first event that this person gets, unless the room shows its past.",
)
member_left = Sends(
    "member:left",
    shapes.MemberLeftOut,
    durable=True,
    audience=_MEMBERS,
    summary="Somebody is a member no longer; the last event that this person gets.",
)
member_updated = Sends(
    "member:updated",
    shapes.MemberOut,
    durable=True,
    audience=_MEMBERS,
    summary="A member has another role, was muted or may speak again, or covers until another time.",
)

members = Receives(
    "conversation:members",
    schema=shapes.MembersIn,
    find=finding.membership,
    service=services.read_members,
    answer=answers.as_it_is,
    reply=shapes.MembersOut,
    socket=False,
    summary="Who is in a conversation.",
)
join = Receives(
    "member:join",
    schema=shapes.ConversationIdIn,
    find=finding.room_to_join,
    permission=policies.can_join,
    service=services.join_conversation,
    answer=answers.joined,
    reply=shapes.ConversationOut,
    socket=False,
    summary="Become a member of a room that is open to others.",
    description="Public and course rooms. For patients, and for who was banned, there is no such room: `not_found`.",
)
leave = Receives(
    "member:leave",
    schema=shapes.ConversationIdIn,
    find=finding.membership,
    permission=policies.can_leave,
    service=services.leave_conversation,
    answer=answers.nothing,
    socket=False,
    summary="Leave a room. With its last member it closes.",
    description="Its last owner makes somebody else an owner first, by `PATCH …/members/{userId}`.",
)
add = Receives(
    "member:add",
    schema=shapes.NewMembersIn,
    find=finding.membership,
    permission=policies.can_add_members,
    service=services.add_members,
    answer=answers.added,
    reply=shapes.MembersOut,
    socket=False,
    summary="Add people to a room, or have colleagues cover in a clinical conversation.",
    description=(
        "By the owner and moderators of a room; all of them or nobody. In a clinical conversation by its provider, and "
        "`until` is required: the cover ends by itself then. Who has been banned comes back when the ban is lifted."
    ),
    examples=examples.ADD,
)
update = Receives(
    "member:update",
    schema=shapes.MemberPatchIn,
    find=finding.pair,
    permission=policies.can_manage_member,
    service=services.update_member,
    answer=answers.member,
    reply=shapes.MemberOut,
    socket=False,
    summary="Give somebody another role, mute them, or ban them from a room.",
    description=(
        "`role` is what they are in this room, and only owners give it; a room may have several owners. To hand a room "
        "over, make somebody else an owner and leave. `isMuted`: they may read only. `isBlocked`: banned from this "
        "room, which has nothing to do with `PUT /users/{id}/block` between two people."
    ),
    examples=examples.MANAGE,
)
remove = Receives(
    "member:remove",
    schema=shapes.MemberIdIn,
    find=finding.pair,
    permission=policies.can_remove_member,
    service=services.remove_member,
    answer=answers.nothing,
    socket=False,
    summary="End somebody's stay. They may come back where the room lets them.",
)
