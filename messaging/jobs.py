"""Background work of messaging: what ends by itself, and what is said for who is away."""

from datetime import timedelta

from core.jobs import Job
from messaging.absence import answer_for_the_absent
from messaging.expiry import expire_messages
from messaging.services.cover import end_due_stays

Job("messaging.expire", run=expire_messages, every=timedelta(seconds=5))
Job("messaging.end_stays", run=end_due_stays, every=timedelta(seconds=10))
Job("messaging.out_of_office", run=answer_for_the_absent)
