"""The background work of the log."""

from datetime import timedelta
from functools import partial

from audit.seals import seal_pending
from core.jobs import Job
from core.retention import keep_up

# The lease is short because entries wait for the seal of a worker that died; a second sealer would find the lock taken.
Job("audit.seal", run=seal_pending, every=timedelta(seconds=1), lease=timedelta(seconds=15))
Job("audit.bursts", run=partial(keep_up, "audit.bursts"), every=timedelta(seconds=10), lease=timedelta(seconds=30))
