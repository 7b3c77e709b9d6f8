"""Which clamd answers, and of when its signatures are: old ones find nothing new, and would call everything clean."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from attachments.scanning.verdicts import Nonsense
from core.time import now

OUTDATED = timedelta(days=7)
TOO_OLD = timedelta(days=30)

# ClamAV 1.4.6/27500/Fri Nov 20 08:35:10 2026; after the version nothing when there is no `daily` database.
_FORM = re.compile(
    r"(ClamAV [0-9A-Za-z.+~_-]{1,40})(?:/(\d{1,9})/([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}))?"
)


@dataclass(frozen=True)
class Release:
    """`published` is when the signatures were made, None when clamd has none that are dated."""

    version: str
    number: str
    published: datetime | None

    def __str__(self) -> str:
        """As it is kept with a file: `ClamAV 1.4.6/27500/2026-11-20`, at most 70 characters."""
        return self.version if self.published is None else f"{self.version}/{self.number}/{self.published:%Y-%m-%d}"

    @property
    def is_outdated(self) -> bool:
        """Older than 7 days: somebody should look why it is not updated."""
        return self._is_older_than(OUTDATED)

    @property
    def is_too_old(self) -> bool:
        """Older than 30 days, or nobody knows of when: what it calls clean may not be."""
        return self._is_older_than(TOO_OLD)

    def _is_older_than(self, limit: timedelta) -> bool:
        return self.published is None or now() - self.published > limit


def read_release(answer: str) -> Release:
    """clamd's answer to VERSION; raises Nonsense."""
    found = _FORM.fullmatch(answer)
    if found is None:
        raise Nonsense
    version, number, published = found.groups()
    return Release(version, number or "", _moment(published) if published else None)


def _moment(text: str) -> datetime:
    """clamd writes its own machine's local time without saying which: half a day more or less decides nothing here."""
    try:
        return datetime.strptime(text, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError as error:
        raise Nonsense from error
