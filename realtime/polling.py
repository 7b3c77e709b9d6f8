"""What nobody told this process is found by looking: once a second, in two queries over what is new.

A poke is lost with the process that should have sent it, with Redis, or on the way. So every process asks the database
which streams have moved and which memberships have begun lately. `created_at` and `joined_at` are the database's own
clock at the insert; the row is seen later, when its transaction commits. Looking 10 s further back than the last look
that worked finds it all the same. What took even longer to commit is found with the heads of the next heartbeat.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from realtime import rows, threads, wiring
from realtime.hub import Hub

LOOK_BACK = timedelta(seconds=10)


class Poll:
    """The looks of one hub. Belongs to the event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._looked_at: datetime | None = None

    async def look(self) -> None:
        """Tell the hub what is new since the last look. Raises DatabaseUnavailable; the next look covers both."""
        since = self._looked_at
        moment, heads, begun = await threads.run(_read, since - LOOK_BACK if since else None)
        self._hub.notice(heads)
        for membership in begun:
            self._hub.follow([membership.user_id], membership.stream_id, membership.first_seq, membership.joined_seq)
        self._looked_at = moment


def _read(since: datetime | None) -> tuple[datetime, dict[UUID, int], Sequence[wiring.Begun]]:
    moment = rows.database_time()
    if since is None:
        return moment, {}, []
    return moment, rows.heads_since(since), wiring.begun_since(since)
