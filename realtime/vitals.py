"""The times in a client's life: when it was last heard, when its token ends, when it is asked for a sign of life."""

import math
import random
import time
from datetime import datetime
from enum import Enum, auto

from django.conf import settings

from core.time import now

EXPIRY_NOTICE = 60.0
"""Seconds before the token's end at which the client is told."""


class Event(Enum):
    """What is due."""

    SILENT = auto()
    AWAY = auto()
    EXPIRED = auto()
    IDLE = auto()
    EXPIRING = auto()
    PING = auto()


class Vitals:
    """Of one authenticated socket; all times are `time.monotonic()` seconds."""

    __slots__ = ("_away_at", "_ends_at", "_notice_at", "_ping_at", "heard_at", "pinged_at", "used_at")

    def __init__(self, expires_at: datetime) -> None:
        moment = time.monotonic()
        self.heard_at = self.used_at = self.pinged_at = moment
        self._away_at = moment + settings.AWAY_AFTER
        # The first beat comes at a random moment: after a restart clients come back together, their beats should not.
        self._ping_at = moment + settings.HEARTBEAT * (0.5 + random.random() / 2)  # noqa: S311
        self.renew(expires_at)

    def renew(self, expires_at: datetime) -> None:
        """The client has shown a token that ends then (aware); it is believed for the usual leeway longer."""
        left = (expires_at - now()).total_seconds()
        self._ends_at = time.monotonic() + left + settings.TOKEN_LEEWAY
        self._notice_at = time.monotonic() + left - EXPIRY_NOTICE

    def asked(self) -> bool:
        """The client says something other than a heartbeat. True when it was away until now."""
        back = self._away_at == math.inf
        self.used_at = time.monotonic()
        self._away_at = self.used_at + settings.AWAY_AFTER
        return back

    def due(self) -> float:
        """When something may have to happen next."""
        silent_at, idle_at = self.heard_at + settings.HEARTBEAT_TIMEOUT, self.used_at + settings.IDLE_TIMEOUT
        return min(silent_at, self._ends_at, self._notice_at, self._ping_at, self._away_at, idle_at)

    def pop(self, moment: float) -> Event | None:
        """The next thing that is due, or None. Being away, a notice and a ping come once; the others end the
        connection."""
        if moment >= self._ends_at:
            return Event.EXPIRED
        if moment >= self.heard_at + settings.HEARTBEAT_TIMEOUT:
            return Event.SILENT
        if moment >= self.used_at + settings.IDLE_TIMEOUT:
            return Event.IDLE
        if moment >= self._notice_at:
            self._notice_at = math.inf
            return Event.EXPIRING
        if moment >= self._away_at:
            self._away_at = math.inf
            return Event.AWAY
        if moment >= self._ping_at:
            self._ping_at = moment + settings.HEARTBEAT
            return Event.PING
        return None
