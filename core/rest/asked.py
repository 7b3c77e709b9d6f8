"""What a request asks for: which of its parameters exist, and what to call it in the audit log."""

from collections.abc import Iterable

from django.http import HttpRequest

from core.errors import UnknownParam


def refuse_unknown_params(request: HttpRequest, known: Iterable[str]) -> None:
    """Raises UnknownParam for a query parameter the address does not have: a filter nobody applies must not look
    applied."""
    for name in request.GET:
        if name not in known:
            raise UnknownParam(f"There is no query parameter {name[:64]!a} here.")


def attempted(request: HttpRequest) -> str:
    """What was asked, for the audit log: method and route without its ids, `GET conversations/{id}`."""
    match = request.resolver_match
    return f"{request.method} {match.route if match else '?'}"[:100]
