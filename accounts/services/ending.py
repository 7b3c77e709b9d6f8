"""Ending sessions: the rows, the record, and the sockets. The one way, whatever the reason."""

from uuid import UUID

from django.db.models import QuerySet

import audit
from accounts.models import Ended, LoginSession
from core.actor import Actor
from core.time import now
from realtime import announce
from realtime.protocol import CloseCode


def end_all(sessions: "QuerySet[LoginSession]", reason: Ended, *, actor: Actor) -> list[UUID]:
    """End those of `sessions` that still live, inside an `audit.transaction()`; returns their ids.

    From COMMIT on no request is accepted on them, and their sockets close. A repeat finds none.
    """
    moment = now()
    live = sessions.filter(revoked_at=None, expires_at__gt=moment).order_by("id")
    ids = list(live.select_for_update().values_list("id", flat=True))
    LoginSession.objects.filter(id__in=ids).update(revoked_at=moment, reason=reason)
    for session_id in ids:
        audit.record("session.ended", actor=actor, object_id=session_id, reason=reason.value)
        announce.session_ended(session_id, _close_code(reason))
    return ids


def _close_code(reason: Ended) -> CloseCode:
    return CloseCode.ACCOUNT_DISABLED if reason == Ended.DISABLED else CloseCode.SESSION_REVOKED
