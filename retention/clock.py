"""The clock of retention: what goes for good goes by no clock that runs ahead."""

from datetime import datetime

from core import time
from core.sql import database_time


def now() -> datetime:
    """The earlier of what this machine and the database say. A machine whose clock is fast would remove what is not due
    yet; one whose clock is slow removes it later, which can be made up for."""
    return min(time.now(), database_time())
