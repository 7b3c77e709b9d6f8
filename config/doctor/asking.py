"""One request over HTTP as a stranger would make it: no cookies, no redirects, no proxy of the environment."""

import ssl
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

_TIMEOUT = 10.0
_MOST = 1 << 16


@dataclass(frozen=True)
class Answer:
    """Its status, and its headers by names in lower case; one that came several times has a line for each."""

    status: int
    headers: dict[str, str]


def get(url: str, *, context: ssl.SSLContext | None = None) -> Answer:
    """Raises OSError or http.client.HTTPException when there is no answer. `context` None verifies certificates."""
    parts = urlsplit(url)
    connection: HTTPConnection
    if parts.scheme == "https":
        trust = context or ssl.create_default_context()
        connection = HTTPSConnection(parts.netloc, timeout=_TIMEOUT, context=trust)
    else:
        connection = HTTPConnection(parts.netloc, timeout=_TIMEOUT)
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
        answer = connection.getresponse()
        answer.read(_MOST)
        return Answer(answer.status, _headers(answer.getheaders()))
    finally:
        connection.close()


def without_verifying() -> ssl.SSLContext:
    """For looking at headers behind a certificate that another check has found wrong. Nothing secret is sent by it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _headers(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), []).append(value)
    return {name: "\n".join(values) for name, values in found.items()}
