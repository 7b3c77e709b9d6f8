"""Periods: how long a conversation writes under one data key."""

from collections.abc import Mapping
from datetime import UTC, datetime

from django.conf import settings

from core.time import now

KEY_EPOCHS: Mapping[str, str] = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}
"""The values of the setting KEY_EPOCH, and how each writes a period. Shorter ones let retention shred more finely."""


def period_of(moment: datetime) -> str:
    """The period of `moment` in UTC by the setting KEY_EPOCH: `2026`, `2026-11` or `2026-11-21`.

    Periods sort as text, so that a later one is greater, also across a change of the setting to a shorter period.
    """
    return moment.astimezone(UTC).strftime(KEY_EPOCHS[settings.KEY_EPOCH])


def current_period() -> str:
    """The period of now."""
    return period_of(now())
