"""How the scanner fares, for an operator's probes. Asked of clamd at most every 30 s, however often it is asked here:
anybody may probe, and nobody shall be able to keep clamd busy with it."""

import logging
import threading
import time
from enum import StrEnum

from django.conf import settings

from attachments.scanning.clamd import Conversation, Failure

_FRESH_FOR = 30.0


log = logging.getLogger(__name__)


class Standing(StrEnum):
    """OUTDATED: its signatures are older than 7 days, and files are scanned all the same. TOO_OLD: older than 30 days
    or of no known date, so that nothing is called clean."""

    NONE = "none"
    AVAILABLE = "available"
    OUTDATED = "outdated"
    TOO_OLD = "too_old"
    UNAVAILABLE = "unavailable"


class _Remembered:
    def __init__(self) -> None:
        self._asking = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._standing: Standing | None = None
        self._at = 0.0

    def get(self) -> Standing:
        if self._standing is None:
            with self._asking:
                return self._refreshed()
        if self._asking.acquire(blocking=False):  # while another thread asks, what was known before will do
            try:
                return self._refreshed()
            finally:
                self._asking.release()
        return self._standing

    def _refreshed(self) -> Standing:
        if self._standing is None or time.monotonic() - self._at > _FRESH_FOR:
            self._standing = ask()
            self._at = time.monotonic()
        return self._standing


def ask() -> Standing:
    """Asked of clamd now; at most 4 s."""
    if settings.ATTACHMENT_SCANNER == "none":
        return Standing.NONE
    try:
        with Conversation() as conversation:
            release = conversation.release()
    except Failure:
        return Standing.UNAVAILABLE
    if release.is_too_old:
        return Standing.TOO_OLD
    return Standing.OUTDATED if release.is_outdated else Standing.AVAILABLE


def say_if_none() -> None:
    """When a server starts: nobody shall run one without a scanner and not know it."""
    if settings.ATTACHMENT_SCANNER == "none":
        log.warning("FILES ARE NOT SCANNED: every upload counts as clean, because ATTACHMENT_SCANNER is none")


_remembered = _Remembered()
standing = _remembered.get
forget = _remembered.forget
"""For tests: clamd is asked anew."""
