"""The clock, and times as they stand on the wire."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment in UTC; the one seam through which tests move time."""
    return datetime.now(UTC)


def wire_time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-21T04:39:04.120Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"
