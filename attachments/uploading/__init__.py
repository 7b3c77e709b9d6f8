"""How a file comes in: one pass from the socket to the storage, in memory that does not grow with it.

    incoming   the body as it arrives, in bounds of size and time
    form       multipart/form-data: fields, then the file's bytes
    pipe       a few blocks between the event loop and the upload's thread
    passage    in that thread: inspected, hashed, scanned and sealed while the storage reads it
    places     how many uploads there may be at once
    receiving  all of it together, and what is undone when it fails

Django would read the whole body first and, beyond 2.5 MB, write it onto the disk as it is. So `config.asgi` hands this
one route a body that nobody has read (`incoming.streamed`); everything else about the request is as elsewhere.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from attachments.refusals import FileTooLarge
from attachments.uploading.incoming import FRAME_BYTES, streamed

__all__ = ["PATH", "announced_too_much", "largest_file", "most_bytes", "streamed", "takes"]

PATH = "/api/v1/attachments"


def takes(scope: Mapping[str, Any]) -> bool:
    """Whether this request is an upload."""
    return bool(scope["method"] == "POST" and scope["path"] == PATH)


def largest_file() -> int:
    """What a file may weigh, wherever it goes."""
    return max(settings.ATTACHMENT_MAX_BYTES, settings.CHAT_MAX_ATTACHMENT_SIZE)


def most_bytes() -> int:
    """What any upload may weigh."""
    return largest_file() + FRAME_BYTES


def announced_too_much() -> FileTooLarge:
    """The answer to an upload that says beforehand that it weighs more."""
    return FileTooLarge(largest_file())
