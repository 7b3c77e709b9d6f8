"""The files that people sent each other, themselves: each a member of the zip, opened while it is sent.

An export lasts as long as its client takes over it. So whether this person may have a file is asked, and recorded, when
its turn comes, and again while it is sent; one that they may not have any more ends there.

`files/<id>/<name>` is a file, `files.jsonl` behind them all tells of each what its message tells, and where in the zip
it is. A file that is not clean is not given out here either. One that is damaged does not keep the rest from its owner:
it is missing, or ends early, and `files.jsonl` says so. A `path` there is that of a whole file.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from uuid import UUID

from django.conf import settings

from accounts.own_data import PAGE, Line
from attachments.claiming import files_of
from attachments.details import open_details
from attachments.models import Attachment, Status
from attachments.opening import sealed_file
from attachments.querysets import visible_attachment
from attachments.rendering import attachment_out, load_keys
from attachments.storage import ObjectGone
from audit.writer import EntryDraft
from core.actor import Actor
from core.errors import NotFound, Shredded
from encryption.formats import Undecryptable
from messaging import querysets
from messaging.export.archive import Member, json_lines
from messaging.export.fetching import Fetch
from messaging.viewing import record_now


class Enclosed:
    """The files of one export, walked through twice: once for what is in them, once for what is told of them."""

    def __init__(self, actor: Actor, conversation_ids: Callable[[], Iterator[UUID]]) -> None:
        self._actor, self._conversation_ids = actor, conversation_ids
        self._damaged: dict[UUID, str] = {}
        self._whole: set[UUID] = set()

    def members(self) -> Iterator[Member | Fetch]:
        for page in self._pages():
            for file in page:
                yield from self._member(file.id)
        yield json_lines("files.jsonl", ([self._line(file) for file in page] for page in self._pages()))

    def _pages(self) -> Iterator[Sequence[Attachment]]:
        for conversation_id in self._conversation_ids():
            yield from self._sent(conversation_id)
            unsent = querysets.own_unsent_files(self._actor.id, conversation_id)
            load_keys(unsent)
            yield unsent

    def _sent(self, conversation_id: UUID) -> Iterator[Sequence[Attachment]]:
        after = 0
        while page := querysets.messages_with_files(self._actor.id, conversation_id, after, PAGE):
            found = files_of([message_id for message_id, _ in page])
            yield [file for message_id, _ in page for file in found.get(message_id, ())]
            after = page[-1][1]

    def _member(self, file_id: UUID) -> Iterator[Member | Fetch]:
        """The file, unless it is not theirs to have by now, or damaged from its beginning: then nothing."""
        file = self._had(file_id)
        if file is None:
            return
        record_now([self._entry("file.viewed", file)])
        pieces = self._pieces(file)
        for piece in pieces:
            if isinstance(piece, Fetch):
                yield piece
            else:
                yield Member(_path(file, open_details(file).name), chain([piece], pieces), packed=True)
                return

    def _had(self, file_id: UUID) -> Attachment | None:
        """The file as it is now, if this person may have it now."""
        try:
            found = visible_attachment(self._actor.id, file_id)
        except NotFound:
            return None
        return found if found.status == Status.CLEAN else None

    def _pieces(self, file: Attachment) -> Iterator[bytes | Fetch]:
        """What is in the file, as far as it can be opened."""
        try:
            told = open_details(file)
            yield from self._fetched(file.id, Fetch(sealed_file(file, told.size), told.sha256))
        except (Undecryptable, ObjectGone, Shredded) as error:
            # Taken away a moment ago, with its message, is not damaged.
            if self._had(file.id) is not None:
                self._note(file, error)

    def _fetched(self, file_id: UUID, fetch: Fetch) -> Iterator[bytes | Fetch]:
        """As long as it is theirs to have, which is asked every SWEEP_INTERVAL seconds, as for a download. The first
        piece comes also of an empty file."""
        asked_at, is_begun = time.monotonic(), False
        while True:
            yield fetch
            part = fetch.part()
            if is_begun and not part:
                self._whole.add(file_id)
                return
            if time.monotonic() - asked_at >= settings.SWEEP_INTERVAL:
                if self._had(file_id) is None:
                    return
                asked_at = time.monotonic()
            yield part
            is_begun = True

    def _note(self, file: Attachment, error: Exception) -> None:
        self._damaged[file.id] = "shredded" if isinstance(error, Shredded) else "undecryptable"
        if not isinstance(error, Shredded):
            record_now([self._entry("file.unreadable", file)])

    def _line(self, file: Attachment) -> Line:
        line = attachment_out(file)
        if file.message_id is not None:
            line["messageId"] = file.message_id
        if file.id in self._damaged:
            return line | {"contentError": self._damaged[file.id]}
        return line | ({"path": _path(file, line["name"])} if file.id in self._whole else {})

    def _entry(self, action: str, file: Attachment) -> EntryDraft:
        return EntryDraft(action, self._actor, object_id=file.id, conversation_id=file.conversation_id)


def _path(file: Attachment, name: str) -> str:
    return f"files/{file.id}/{name}"
