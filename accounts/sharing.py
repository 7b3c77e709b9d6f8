"""Who shares a conversation with whom. Conversations are not known here: messaging hands these over at start-up.

from accounts import sharing
sharing.people_sharing_with = …
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User


def _nobody(user_id: UUID) -> "QuerySet[User, Any]":
    return User.objects.none().values("id")


def _never(one: UUID, other: UUID) -> bool:
    return False


people_sharing_with: "Callable[[UUID], QuerySet[Any, Any]]" = _nobody
"""User → the ids of everybody they share a conversation with now: one column, used as a subquery."""

shares_conversation: Callable[[UUID, UUID], bool] = _never
"""Whether two people share a conversation now."""
