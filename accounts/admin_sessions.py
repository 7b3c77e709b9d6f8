"""The sessions of the admin, in Django's table, by a hash of the key that the cookie holds.

Django stores the key itself: whoever reads the database, a replica or a backup could sign in with it.
"""

from hashlib import sha256
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.utils import timezone


class SessionStore(db.SessionStore):
    """Only what the synchronous middleware of the admin calls; the rest would find no session."""

    def _get_session_from_db(self) -> Session | None:
        found = Session.objects.filter(session_key=_hashed(self.session_key), expire_date__gt=timezone.now()).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return super().exists(_hashed(session_key))

    def create_model_instance(self, data: Any) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = _hashed(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            super().delete(_hashed(key))


def _hashed(key: str | None) -> str:
    """The column holds 40 characters: 160 bits of the SHA-256 of a key that has 165 bits of chance."""
    return sha256((key or "").encode()).hexdigest()[:40]
