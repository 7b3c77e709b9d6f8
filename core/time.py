"""The clock, and times as they stand on the wire."""

from datetime import UTC, datetime, timedelta

_correction = timedelta(0)


def now() -> datetime:
    """The present moment in UTC; the one seam through which tests move time, and what `correct` corrects."""
    return machine_now() + _correction


def machine_now() -> datetime:
    """What this machine's own clock says."""
    return datetime.now(UTC)


def correct(by: timedelta) -> None:
    """From now on `now` is so much later than this machine's clock: the database's clock says so, which is everybody's.

    Else a process whose clock is slow would believe tokens that have ended, and one whose clock is fast give out tokens
    that nobody believes yet.
    """
    global _correction
    _correction = by


def wire_time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-21T04:39:04.120Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"
