"""What clients may ask about who is there, and what they are told of it."""

from accounts import serializers as shapes
from accounts import services
from accounts.events import answers, finding
from core.doors import Receives, Sends

presence_updated = Sends(
    "presence:update",
    shapes.PresenceOut,
    durable=False,
    audience="who subscribed to this person and may know of them at this moment",
    summary="Somebody has come, gone, or says something else of themselves.",
)

update_presence = Receives(
    "presence:update",
    schema=shapes.PresenceIn,
    find=finding.oneself,
    service=services.update_presence,
    answer=answers.nothing,
    limit="PRESENCE_UPDATE",
    summary="Say what one is on this device, and something of oneself.",
    description="`status` is always needed; `offline` hides this device. An absent `customStatus` stays as it is.",
    examples={"Busy": {"status": "busy", "customStatus": "In theatre until noon"}},
)
subscribe_presence = Receives(
    "presence:subscribe",
    schema=shapes.PeopleIn,
    service=services.subscribe_presence,
    answer=answers.as_it_is,
    reply=shapes.PresencesOut,
    summary="Be told of these people from now on; the answer has everybody this connection is subscribed to.",
    description=(
        "All of them or none: one person with whom you share no conversation, or with whom there is a block, makes the "
        "answer `not_found`, and it does not say which. Ask one by one to find out; `GET /presence` leaves them out."
    ),
)
unsubscribe_presence = Receives(
    "presence:unsubscribe",
    schema=shapes.PeopleIn,
    service=services.unsubscribe_presence,
    answer=answers.as_it_is,
    reply=shapes.PresencesOut,
    summary="Be told of these people no longer; the answer has everybody this connection is still subscribed to.",
)
list_presence = Receives(
    "presence:list",
    schema=shapes.PeopleIn,
    find=finding.oneself,
    service=services.list_presence,
    answer=answers.as_it_is,
    reply=shapes.PresencesOut,
    socket=False,
    summary="The presence of several people; who is not known to the caller is left out.",
)
read_presence = Receives(
    "presence:get",
    schema=shapes.PersonIn,
    find=finding.person_present,
    service=services.read_presence,
    answer=answers.as_it_is,
    reply=shapes.PresenceOut,
    socket=False,
    summary="One person's presence.",
)
count_online = Receives(
    "presence:online-count",
    schema=shapes.NothingIn,
    find=finding.oneself,
    service=services.count_online,
    answer=answers.as_it_is,
    reply=shapes.OnlineOut,
    socket=False,
    summary="How many of the people one shares a conversation with are there, oneself not counted.",
)
