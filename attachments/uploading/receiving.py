"""An upload from its first byte to its answer, on the event loop; what blocks runs in threads.

    row (uploading)  →  object  →  verdict, thumbnail  →  one transaction: record, status, audit entry

Whatever goes wrong before the last step, the client's leaving too, takes away the object and the row. When even that is
not possible, because the process dies or the storage is away, both are swept an hour later (attachments.jobs).
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from uuid import UUID

from attachments.models import Attachment
from attachments.refusals import FileTooLarge
from attachments.services import previewing
from attachments.services import uploading as steps
from attachments.services.uploading import Carried, Upload
from attachments.uploading import largest_file
from attachments.uploading.form import Form
from attachments.uploading.incoming import Incoming
from attachments.uploading.pipe import Pipe
from attachments.uploading.places import uploads
from core import measuring
from core.actor import Actor
from core.errors import AppError, FieldError, Invalid, RequestTimeout
from realtime import threads

log = logging.getLogger(__name__)

_uploads = measuring.counter(
    "uploads", "Files that arrived, by what the scanner said; `failed`: that did not.", "status"
)
_bytes = measuring.counter("upload_bytes", "How large they were.")
_seconds = measuring.histogram("upload_seconds", "From their first byte to their verdict.", buckets=measuring.LONG)

LONGEST_HEAD = 10.0
"""Seconds until the file begins. Before that an upload costs nobody anything but a connection, which is to end soon."""


@dataclass
class Arriving:
    """A form whose file has begun, and the body the rest of it comes from."""

    form: Form
    incoming: Incoming

    async def blocks(self, most_bytes: int) -> AsyncIterator[bytes]:
        """The file's bytes as they come, then the end of the body. Raises FileTooLarge with the first byte that is
        too many, Invalid for a body that ends before its form does."""
        size = 0
        while True:
            for block in self.form.take():
                size += len(block)
                if size > most_bytes:
                    raise FileTooLarge(most_bytes)
                yield block
            if self.incoming.is_whole:
                break
            self.form.write(await self.incoming.read(most_bytes))
        if not self.form.is_complete:
            raise Invalid("The body ends before the form does.")


async def begun(content_type: str, incoming: Incoming) -> Arriving:
    """Read until the file begins. Raises Invalid for a form without one, RequestTimeout after LONGEST_HEAD."""
    form = Form(content_type)
    try:
        async with asyncio.timeout(LONGEST_HEAD):
            while form.head is None:
                _require_more(form, incoming)
                form.write(await incoming.read(largest_file()))
    except TimeoutError:
        raise RequestTimeout("The form has to begin at once.") from None
    return Arriving(form, incoming)


def _require_more(form: Form, incoming: Incoming) -> None:
    if incoming.is_whole or form.is_complete:
        raise Invalid("Some fields are not valid.", errors=[FieldError("file", "required", "Send a file.")])


async def receive_file(
    *,
    actor: Actor,
    arriving: Arriving,
    conversation_id: UUID,
    duration_ms: int | None = None,
    waveform: tuple[int, ...] | None = None,
) -> Attachment:
    """The file in the storage and in the actor's hands, scanned if the scanner answers in time.

    Raises NotFound or Forbidden for a conversation they may not write in, FileTooLarge, UnsupportedFile,
    RequestTimeout, GoneAway, StorageUnavailable; nothing is left of such an upload.
    """
    head = arriving.form.head
    assert head is not None  # noqa: S101  `begun` ends with one
    began = time.monotonic()
    pipe = Pipe()
    upload = await threads.run(steps.begin_upload, actor, conversation_id, head.name, head.declared)
    carrying = _in_thread(partial(_carry, upload, pipe))
    try:
        carried = await _carried(pipe, arriving.blocks(upload.most_bytes), carrying)
        stored = await threads.run(
            steps.finish_upload, actor, upload, carried, duration_ms=duration_ms, waveform=waveform
        )
        _count(stored.status, carried.size, began)
        return stored
    except BaseException:
        _uploads.inc("failed")
        pipe.abort()
        await _undone(upload, carrying)
        raise


def _count(status: str, size: int, began: float) -> None:
    _uploads.inc(status)
    _bytes.inc(by=size)
    _seconds.observe(time.monotonic() - began)


async def _carried(pipe: Pipe, blocks: AsyncIterator[bytes], carrying: "asyncio.Future[Carried]") -> Carried:
    """Feed the thread until it has all of it, or has failed: then nobody waits for the rest of a body to say so."""
    feeding: asyncio.Future[None] = asyncio.create_task(_feed(pipe, blocks))
    try:
        either: list[asyncio.Future[Any]] = [feeding, carrying]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if feeding.done():
            feeding.result()
        # A thread is not ended by whoever gives up waiting for it.
        return await asyncio.shield(carrying)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


async def _feed(pipe: Pipe, blocks: AsyncIterator[bytes]) -> None:
    """Hand on everything; when the thread takes no more, it has a reason, which is told by its own outcome."""
    async for block in blocks:
        if not await pipe.put(block):
            return
    pipe.end()


def _carry(upload: Upload, pipe: Pipe) -> Carried:
    try:
        carried = steps.carry(upload, pipe)
    finally:
        pipe.leave()
    return previewing.previewed(upload, carried)


async def _undone(upload: Upload, carrying: "asyncio.Future[Carried]") -> None:
    """Also when this request itself is being given up: an upload that is cut off leaves nothing."""
    await asyncio.shield(asyncio.ensure_future(_undo(upload, carrying)))


async def _undo(upload: Upload, carrying: "asyncio.Future[Carried]") -> None:
    # The thread first: an object that it finishes after the deletion would stay.
    await asyncio.wait([carrying])
    carrying.exception()  # looked at: what ended the upload is what the client is told
    try:
        if await threads.run(steps.give_up, upload):
            await _in_thread(partial(steps.remove_objects, upload))
            await threads.run(steps.forget, upload)
    except AppError as error:
        log.warning("what was left of an upload is left to the sweep: %s", error.code)


def _in_thread(work: Any) -> "asyncio.Future[Any]":
    """In the threads of uploads: none of them waits for the database's, nor keeps those waiting."""
    return asyncio.get_running_loop().run_in_executor(_pool(), work)


@cache
def _pool() -> ThreadPoolExecutor:
    # One more for each than there are uploads, for what is undone after its place has been given away.
    return ThreadPoolExecutor(2 * uploads.most, thread_name_prefix="upload")
