"""The headers of a file that is given out: it is data, and stays data in every browser.

Whatever a file contains, a browser is told not to guess (`nosniff`), not to run anything (`sandbox`, no sources), not
to keep it, and not to let another site embed it. Only kinds that cannot run anything keep their type and may be shown
in place; everything else is a download of bytes.
"""

import re
from urllib.parse import quote

from attachments.serving.ranges import Asked

OCTETS = "application/octet-stream"

SHOWN_TYPES = frozenset(
    {
        *("image/jpeg", "image/png", "image/gif", "image/webp"),
        # WebM and WAV are what browsers record voice messages in; under `nosniff` a player wants the type.
        *("audio/mpeg", "audio/mp4", "audio/ogg", "audio/webm", "audio/wav"),
        *("video/mp4", "video/ogg", "video/webm"),
    }
)
"""May be shown in place, if the link says so."""

_NAMED_TYPES = SHOWN_TYPES | {"application/pdf"}
"""Go out under their own name. A PDF may hold scripts: it is never shown in place."""

THUMBNAIL_TYPE = "image/webp"

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "Accept-Ranges": "bytes",
}


def headers(name: str, mime_type: str, asked: Asked, *, inline: bool) -> dict[str, str]:
    """All that an answer with these bytes says of them."""
    return {
        **ALWAYS,
        "Content-Type": mime_type if mime_type in _NAMED_TYPES else OCTETS,
        "Content-Disposition": disposition(name, inline=inline and mime_type in SHOWN_TYPES),
        "Content-Length": str(asked.length),
        **({"Content-Range": asked.content_range} if asked.partial else {}),
    }


def disposition(name: str, *, inline: bool) -> str:
    """Both forms of RFC 6266: an ASCII likeness for the oldest readers, and the name itself as RFC 8187 writes it.

    Neither can end the header or the quotes, whatever the name is.
    """
    likeness = re.sub(r"[^ !#$&-.0-9A-\[\]^_`a-~]", "_", name.encode("ascii", "replace").decode().replace("?", "_"))
    exact = quote(name, safe="!#$&+-.^_`|~")
    return f"{'inline' if inline else 'attachment'}; filename=\"{likeness}\"; filename*=UTF-8''{exact}"
