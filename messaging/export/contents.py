"""What somebody's own data is: what they could see anyway, and nothing else.

Messages come through `querysets.visible_messages` and are rendered as they are for this person everywhere else; each
page of them is recorded as read. A conversation they leave meanwhile ends there, and so does a file of it
(`messaging.export.enclosed`).
"""

from collections.abc import Iterator
from functools import partial
from uuid import UUID

from accounts import own_data
from accounts.own_data import PAGE, Line, Pages, in_pages
from audit.writer import EntryDraft
from core.actor import Actor
from core.errors import NotFound, Shredded
from core.time import wire_time
from encryption.formats import Undecryptable
from messaging import querysets
from messaging.export.archive import Member, json_lines
from messaging.export.enclosed import Enclosed
from messaging.export.fetching import Fetch
from messaging.models import Membership, Report
from messaging.rendering import receipt_out
from messaging.services.reading import conversations_for
from messaging.services.reporting import evidence_of
from messaging.showing import shown
from messaging.viewing import record_now, viewing_of


def members(actor: Actor) -> Iterator[Member | Fetch]:
    """All of it, in pieces that are read when they are asked for; what people sent each other as files at the end."""
    lines = {
        "profile": own_data.profile,
        "sessions": own_data.sessions,
        "blocks": own_data.blocked,
        "conversations": _conversations,
        "receipts": _receipts,
        "messages": _messages,
        "reactions": _reactions,
        "mentions": _mentions,
        "reports": _reports,
    }
    for name, pages in lines.items():
        yield json_lines(f"{name}.jsonl", pages(actor))
    yield from Enclosed(actor, partial(_conversation_ids, actor.id)).members()


def _stays(user_id: UUID) -> Iterator[list[Membership]]:
    """The conversations this person belongs to, each as their stay, in an order that new messages do not change."""
    after: UUID | None = None
    while page := querysets.own_stays(user_id, after, PAGE):
        yield page
        after = page[-1].conversation_id


def _conversation_ids(user_id: UUID) -> Iterator[UUID]:
    for page in _stays(user_id):
        yield from [stay.conversation_id for stay in page]


def _conversations(actor: Actor) -> Pages:
    for page in _stays(actor.id):
        ids = [stay.conversation_id for stay in page]
        wires = conversations_for(actor, ids)
        record_now([EntryDraft("conversations.viewed", actor, details={"conversations": ids})])
        yield wires


def _receipts(actor: Actor) -> Pages:
    for page in _stays(actor.id):
        yield [
            {"conversationId": stay.conversation_id, "joinedAt": wire_time(stay.joined_at), **receipt_out(stay)}
            for stay in page
        ]


def _messages(actor: Actor) -> Pages:
    for conversation_id in _conversation_ids(actor.id):
        yield from _messages_of(actor, conversation_id)


def _messages_of(actor: Actor, conversation_id: UUID) -> Pages:
    after = 0
    while rows := querysets.page(actor.id, conversation_id, None, after, PAGE):
        try:
            seen = querysets.sight_of(actor.id, conversation_id)
        except NotFound:
            return
        wires = shown(rows, actor.id, seen)
        record_now(viewing_of(actor, conversation_id, wires))
        yield wires
        after = rows[-1].seq


def _reactions(actor: Actor) -> Pages:
    for conversation_id in _conversation_ids(actor.id):
        after = (0, UUID(int=0))
        while page := querysets.own_reactions(actor.id, conversation_id, after, PAGE):
            yield [
                {
                    "conversationId": conversation_id,
                    "messageId": one.message_id,
                    "emoji": one.emoji,
                    "createdAt": wire_time(one.created_at),
                }
                for one in page
            ]
            after = page[-1].seq, page[-1].id


def _mentions(actor: Actor) -> Pages:
    for conversation_id in _conversation_ids(actor.id):
        after = 0
        while page := querysets.own_mentions(actor.id, conversation_id, after, PAGE):
            yield [{"conversationId": conversation_id, "messageId": id_, "seq": seq} for id_, seq in page]
            after = page[-1][1]


def _reports(actor: Actor) -> Pages:
    for page in in_pages(Report.objects.filter(reporter=actor.id)):
        yield [
            {
                "id": report.id,
                "messageId": report.message_id,
                "reason": report.reason,
                "createdAt": wire_time(report.created_at),
                **_note(report),
            }
            for report in page
        ]


def _note(report: Report) -> Line:
    """What they wrote themselves; the rest of the evidence is for moderators."""
    try:
        return {"note": evidence_of(report)["note"]}
    except Undecryptable:
        return {"note": None, "contentError": "undecryptable"}
    except Shredded:
        return {"note": None, "contentError": "shredded"}
