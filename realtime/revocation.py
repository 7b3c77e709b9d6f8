"""Sockets of sessions that have ended are closed, and conversations that are gone are left, whatever else fails.

An announcement does both at once. It can be lost, with the process or the thread that should have made it, or with
Redis; so every process also asks the database about all its sessions and streams every 15 s, in one query for a
thousand. An announcement makes revocation fast, the sweep makes it true. Members who leave need no sweep: that they
left is an event, and where their stay ends by itself every process looks when the end has come (`polling`).
"""

from collections.abc import Iterable
from uuid import UUID

from realtime import threads, wiring
from realtime.hub import Hub
from realtime.protocol import CloseCode

_MOST_AT_ONCE = 1000


async def sweep(hub: Hub) -> None:
    """Close every socket whose session has ended, and take away what was deleted. Raises DatabaseUnavailable; the next
    sweep asks again."""
    for session_ids in _parts(hub.session_ids()):
        ended = await threads.run(wiring.ended_sessions, session_ids)
        for session_id, code in ended.items():
            hub.close_session(session_id, CloseCode(code))
    for stream_ids in _parts(hub.feeds):
        for stream_id in await threads.run(wiring.deleted_streams, stream_ids):
            hub.unfollow(hub.followers(stream_id), stream_id)


def _parts(ids: Iterable[UUID]) -> list[list[UUID]]:
    listed = [*ids]
    return [listed[start : start + _MOST_AT_ONCE] for start in range(0, len(listed), _MOST_AT_ONCE)]
