"""Every error a client can meet, drawn as a tree. Codes are stable: clients switch on them, never on the text.

    AppError
    ├── Invalid 400 (invalid)          UnknownField, UnknownParam, UnknownEvent, SeqOutOfRange,
    │                                  InvalidCursor, InvalidText, InvalidReference
    ├── Unauthenticated 401            TokenInvalid, TokenExpired, TokenRevoked, RefreshReused
    ├── Refused                        Forbidden 403, NotFound 404, InvalidReference   (audited by the doors)
    ├── MethodNotAllowed 405, NotAcceptable 406, RequestTimeout 408
    ├── Conflict 409                   IdempotencyConflict, ConversationFull, LegalHold
    ├── Gone 410                       Shredded
    ├── TooLarge 413, UnsupportedMediaType 415
    ├── RateLimited 429
    └── Unavailable 503                DatabaseUnavailable, AuditUnavailable, KeyUnavailable, StorageFull, Starting,
    │                                  Draining

A 500 is always a defect: anything that is not an `AppError` is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of the input; `field` is its name on the wire."""

    field: str
    code: str
    message: str


class AppError(Exception):
    """An answer other than success. Raised anywhere, rendered in one place per door.

    `retry_after_ms` tells the caller when a repeat can succeed; without it a repeat of the same request fails again.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        retry_after_ms: int | None = None,
    ) -> None:
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.retry_after_ms = retry_after_ms
        super().__init__(self.detail)

    def as_reply(self) -> dict[str, Any]:
        """The error of a WebSocket reply: `{code, detail, errors?, retryAfterMs?}`."""
        reply: dict[str, Any] = {"code": self.code, "detail": self.detail}
        if self.errors:
            reply["errors"] = [{"field": e.field, "code": e.code, "message": e.message} for e in self.errors]
        if self.retry_after_ms is not None:
            reply["retryAfterMs"] = self.retry_after_ms
        return reply

    def as_problem(self, request_id: str) -> dict[str, Any]:
        """The body of an `application/problem+json` answer (RFC 9457)."""
        reply = self.as_reply()
        return {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "requestId": request_id,
            **reply,
        }


class Invalid(AppError):
    status, code, title = 400, "invalid", "The request is not valid."


class UnknownField(Invalid):
    code, title = "unknown_field", "The request has a field that does not exist here."


class UnknownParam(Invalid):
    code, title = "unknown_param", "The request has a query parameter that does not exist here."


class UnknownEvent(Invalid):
    code, title = "unknown_event", "There is no such event."


class SeqOutOfRange(Invalid):
    code, title = "seq_out_of_range", "The sequence number lies outside the range you can see."


class InvalidCursor(Invalid):
    code, title = "invalid_cursor", "The cursor does not belong to this list."


class InvalidText(Invalid):
    code, title = "invalid_text", "The text is empty or has characters that cannot be stored."


class Unauthenticated(AppError):
    status, code, title = 401, "unauthenticated", "Sign in first."


class TokenInvalid(Unauthenticated):
    code, title = "token_invalid", "The token is not valid."


class TokenExpired(Unauthenticated):
    code, title = "token_expired", "The token has expired."


class TokenRevoked(Unauthenticated):
    code, title = "token_revoked", "The session of this token has ended."


class RefreshReused(Unauthenticated):
    code, title = "refresh_reused", "The refresh token was used before; its session has been ended."


class Refused(AppError):
    """An authenticated person was turned away. The doors write these to the audit log.

    `subject_id` is the id that was asked for and `conversation_id` the conversation it was asked in, as far as the
    request names them: the same for an id that exists and for one that does not.
    """

    def __init__(
        self, detail: str | None = None, *, subject_id: UUID | None = None, conversation_id: UUID | None = None
    ) -> None:
        super().__init__(detail)
        self.subject_id = subject_id
        self.conversation_id = conversation_id


class Forbidden(Refused):
    """Only for what the caller can see; everything else is `NotFound`."""

    status, code, title = 403, "forbidden", "You may see this, but not do that."


class NotFound(Refused):
    """What does not exist, and what the caller may not know to exist: the two answer alike."""

    status, code, title = 404, "not_found", "There is nothing here for you."


class InvalidReference(Invalid, Refused):
    """Something named inside a request does not exist for the caller, or is not to be used there: all alike."""

    code, title = "invalid_reference", "The request refers to something that cannot be used here."


class MethodNotAllowed(AppError):
    status, code, title = 405, "method_not_allowed", "This address does not answer that method."


class NotAcceptable(AppError):
    status, code, title = 406, "not_acceptable", "This address answers in JSON only."


class RequestTimeout(AppError):
    status, code, title = 408, "timeout", "The request did not arrive in time."


class Conflict(AppError):
    status, code, title = 409, "conflict", "The request conflicts with the present state."


class IdempotencyConflict(Conflict):
    code, title = "idempotency_conflict", "This clientMessageId was used for another message."


class ConversationFull(Conflict):
    code, title = "conversation_full", "The conversation has as many members as it may have."


class LegalHold(Conflict):
    """Says no more than that: neither that somebody ordered it, nor who, nor why."""

    code, title = "legal_hold", "It cannot be deleted now."


class Gone(AppError):
    status, code, title = 410, "gone", "This no longer exists."


class Shredded(Gone):
    code, title = "shredded", "The key of this content has been destroyed."


class TooLarge(AppError):
    status, code, title = 413, "too_large", "The request is too large."


class UnsupportedMediaType(AppError):
    status, code, title = 415, "unsupported_media_type", "Send the request as application/json."


class RateLimited(AppError):
    status, code, title = 429, "rate_limited", "Too many requests; wait and try again."


class Unavailable(AppError):
    """A part the request needs does not answer. A repeat after `retry_after_ms` can succeed."""

    status = 503

    def __init__(self, detail: str | None = None, *, retry_after_ms: int = 1000) -> None:
        super().__init__(detail, retry_after_ms=retry_after_ms)


class DatabaseUnavailable(Unavailable):
    code, title = "database_unavailable", "The database does not answer."


class AuditUnavailable(Unavailable):
    code, title = "audit_unavailable", "The audit log cannot be written, so nothing was done."


class KeyUnavailable(Unavailable):
    code, title = "key_unavailable", "A key this needs cannot be had now."


class StorageFull(Unavailable):
    code, title = "storage_full", "The database has no room left."


class Starting(Unavailable):
    code, title = "starting", "What has to be done before anybody is served is not done yet."


class Draining(Unavailable):
    code, title = "draining", "This process is shutting down; connect again."
