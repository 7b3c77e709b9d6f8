"""Who joined and left which stream lately, in the order of the streams' numbers.

News of a membership comes from whichever thread committed it, so the older can arrive after the newer. The number of
the `member:joined` or `member:left` event decides: what is older than what is known is not carried out.
"""

from collections import OrderedDict
from typing import NamedTuple
from uuid import UUID

FOR_EVER = 2**63
"""Later than every event: the stream is gone for this person and does not come back."""


class Change(NamedTuple):
    """At event `at` the person joined, seeing from `first_seq` on, or left (None)."""

    at: int
    first_seq: int | None


class Standings:
    """The latest change of each person and stream, the last 10,000 of them: news is late by milliseconds, not hours."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._latest: OrderedDict[tuple[UUID, UUID], Change] = OrderedDict()

    def note(self, user_id: UUID, stream_id: UUID, change: Change) -> bool:
        """Remember the change; False when it or a later one is known already, so that it is to be ignored."""
        key = user_id, stream_id
        known = self._latest.get(key)
        if known is not None and (known.at > change.at or known == change):
            return False
        self._latest[key] = change
        self._latest.move_to_end(key)
        if len(self._latest) > self._most:
            self._latest.popitem(last=False)
        return True

    def left_after(self, user_id: UUID, stream_id: UUID, seq: int) -> bool:
        """Whether this person is known to have left after event `seq`, and not to have come back."""
        known = self._latest.get((user_id, stream_id))
        return known is not None and known.first_seq is None and known.at > seq

    def joined_after(self, user_id: UUID, stream_id: UUID, seq: int) -> Change | None:
        """The change by which this person came back after event `seq`, if they did."""
        known = self._latest.get((user_id, stream_id))
        return known if known is not None and known.first_seq is not None and known.at > seq else None
