"""Sockets of sessions that have ended are closed, whatever else fails.

An announcement closes them at once. It can be lost, with the process or the thread that should have made it; so every
process also asks the database about all its sessions every 15 s, in one query for a thousand. An announcement makes
revocation fast, the sweep makes it true.
"""

from realtime import threads, wiring
from realtime.hub import Hub
from realtime.protocol import CloseCode

_MOST_SESSIONS = 1000


async def sweep(hub: Hub) -> None:
    """Close every socket whose session has ended. Raises DatabaseUnavailable; the next sweep asks again."""
    session_ids = [*hub.session_ids()]
    for start in range(0, len(session_ids), _MOST_SESSIONS):
        ended = await threads.run(wiring.ended_sessions, session_ids[start : start + _MOST_SESSIONS])
        for session_id, code in ended.items():
            hub.close_session(session_id, CloseCode(code))
