"""Background work of accounts: refresh tokens that nobody can use any more.

They are forgotten a day after their session has ended. Until then they say `token_revoked` and `token_expired`,
afterwards `token_invalid`. Used tokens of a session that lives are kept: they show reuse.
"""

from datetime import timedelta
from functools import partial

from core.jobs import Job
from core.retention import keep_up

Job(
    "accounts.forget_refresh_tokens",
    run=partial(keep_up, "accounts.refresh_tokens"),
    every=timedelta(hours=1),
)
