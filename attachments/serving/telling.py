"""What the audit log says of the use of links: everything, and nothing over and over.

A player asks for many ranges of one file, and whoever has a link can ask all day; a log that only grows must not grow
by a line with each of them. So one entry tells of all that is done alike with one link: of a voice message, and of a
file that cannot be opened, for a minute, of any other for as long as the link lasts. Nothing is given out before the
entry that tells of it is committed, whoever had it made. Where several processes serve, each makes its own.
"""

import asyncio
import threading
from collections import OrderedDict
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import NamedTuple

from attachments.models import Attachment
from attachments.serving.links import Link
from audit.writer import EntryDraft, writer
from core.actor import Actor
from core.time import now

REPEATED_AFTER = timedelta(minutes=1)

DETAILS, OPENED, UNDECRYPTABLE = "details", "opened", "undecryptable"

_VERBS = {DETAILS: "file.viewed", OPENED: "file.viewed", UNDECRYPTABLE: "file.unreadable"}
_MOST_REMEMBERED = 10_000


class _Told(NamedTuple):
    until: datetime
    commit: "Future[None]"

    def stands_at(self, moment: datetime) -> bool:
        """Whether it tells of this moment too: not if it could not be written."""
        return moment < self.until and not (self.commit.done() and self.commit.exception() is not None)


class _Entries:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: OrderedDict[tuple[Link, str], _Told] = OrderedDict()

    def about(self, link: Link, actor: Actor, attachment: Attachment, what: str, *, often: bool) -> "Future[None]":
        """Ends with the COMMIT of the entry that tells of this."""
        moment, key = now(), (link, what)
        with self._lock:
            told = self._told.get(key)
            if told is None or not told.stands_at(moment):
                until = moment + REPEATED_AFTER if often else link.expires_at
                told = self._told[key] = _Told(until, writer.submit(_draft(actor, attachment, what)))
                self._told.move_to_end(key)
                self._forget(moment)
            return told.commit

    def _forget(self, moment: datetime) -> None:
        """What has ended, from the oldest on; more than is remembered would be told again."""
        while self._told and (len(self._told) > _MOST_REMEMBERED or next(iter(self._told.values())).until < moment):
            self._told.popitem(last=False)


_entries = _Entries()


async def tell(link: Link, actor: Actor, attachment: Attachment, what: str, *, often: bool) -> None:
    """Returns when the log tells of it, once a minute if `often`, else once for the link; raises AuditUnavailable."""
    commit = _entries.about(link, actor, attachment, what, often=often)
    # Several may wait for the same one: who gives up must not end it for the others.
    await asyncio.shield(asyncio.wrap_future(commit))


def tell_in_thread(link: Link, actor: Actor, attachment: Attachment, what: str, *, often: bool) -> None:
    """The same, for a thread."""
    _entries.about(link, actor, attachment, what, often=often).result()


def _draft(actor: Actor, attachment: Attachment, what: str) -> EntryDraft:
    conversation_id = attachment.conversation_id
    return EntryDraft(_VERBS[what], actor, object_id=attachment.id, conversation_id=conversation_id, reason=what)
