"""Background work of messaging: what ends by itself, and what is said for who is away."""

from datetime import timedelta

from core.jobs import Job
from messaging.absence import answer_for_the_absent
from messaging.erasing import ERASE_PERSON, erase_or_wait
from messaging.expiry import expire_messages
from messaging.removal.shredded import remove_shredded
from messaging.services.cover import end_due_stays

Job("messaging.expire", run=expire_messages, every=timedelta(seconds=5))
Job("messaging.end_stays", run=end_due_stays, every=timedelta(seconds=10))
Job(ERASE_PERSON, run=erase_or_wait, lease=timedelta(hours=1))
Job("messaging.remove_shredded", run=remove_shredded, lease=timedelta(hours=1))
Job("messaging.out_of_office", run=answer_for_the_absent)
