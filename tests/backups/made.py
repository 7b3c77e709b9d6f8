"""A backup of some time ago, as the audit log tells of it."""

from datetime import timedelta
from unittest.mock import patch

import audit
from core.actor import SYSTEM
from core.ids import uuid7
from core.time import now


def backup_was_made(*, ago: timedelta) -> None:
    moment = now() - ago
    with patch("audit.entries.now", lambda: moment), audit.transaction():
        audit.record("backup.made", actor=SYSTEM, object_id=uuid7())
