"""What nobody told this process is found by looking: once a second, in three queries over what is new.

A poke is lost with the process that should have sent it, with Redis, or on the way. So every process asks the database
which streams have moved and which memberships have begun lately. `created_at` and `joined_at` are the database's own
clock at the insert; the row is seen later, when its transaction commits. Looking 10 s further back than the last look
that worked finds it all the same. What took even longer to commit is found with the heads of the next heartbeat.

A membership that ends by itself is over for the sockets here when its end comes: the look before has seen it coming,
and the next is at that moment. It is a look and no timer, because the end may have been put off since.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from core.errors import AppError
from core.sql import database_time
from core.time import correct, machine_now
from realtime import rows, threads, wiring
from realtime.hub import Hub

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(seconds=10)

MOST_SKEW = timedelta(seconds=10)
"""How wrong a process's clock may be: as much as tokens have of leeway."""


class Poll:
    """The looks of one hub. Belongs to the event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._looked_at: datetime | None = None
        self._clock_is_right = True
        self._hurry = asyncio.Event()

    def soon(self) -> None:
        """There is something to find."""
        self._hurry.set()

    async def run(self) -> None:
        """Look once a second, and at once when told to, for ever."""
        while True:
            rest = settings.POLL_INTERVAL
            try:
                rest = await self.look()
            except AppError as error:
                log.warning("a look at the database was put off: %s", error.code)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._hurry.wait()
            self._hurry.clear()

    async def look(self) -> float:
        """Tell the hub what is new since the last look, and return in how many seconds the next is due.

        Raises DatabaseUnavailable; the next look covers both.
        """
        since = self._looked_at
        moment, heads, begun, ending = await threads.run(_read, since - LOOK_BACK if since else None)
        self._hub.notice(heads)
        for membership in begun:
            self._hub.follow([membership.user_id], membership.stream_id, membership.first_seq, membership.joined_seq)
        for over in ending:
            if over.until <= moment:
                self._hub.lapse(over.user_id, over.stream_id, over.joined_seq)
        self._looked_at = moment
        self._compare_clocks(machine_now() - moment)
        to_come = ((one.until - moment).total_seconds() for one in ending if one.until > moment)
        return min(to_come, default=settings.POLL_INTERVAL)

    def _compare_clocks(self, skew: timedelta) -> None:
        """Order does not depend on this process's clock, but the ends of tokens and sessions do: a wrong one is
        corrected, and said."""
        right = abs(skew) <= MOST_SKEW
        correct(timedelta(0) if right else -skew)
        if right != self._clock_is_right:
            self._clock_is_right = right
            if right:
                log.warning("this machine's clock agrees with the database's again")
            else:
                log.warning("this machine's clock is %d s away from the database's", skew.total_seconds())


def _read(
    since: datetime | None,
) -> tuple[datetime, dict[UUID, int], Sequence[wiring.Begun], Sequence[wiring.Ending]]:
    moment = database_time()
    ending = wiring.ending(moment + timedelta(seconds=settings.POLL_INTERVAL))
    if since is None:
        return moment, {}, [], ending
    return moment, rows.heads_since(since), wiring.begun_since(since), ending
