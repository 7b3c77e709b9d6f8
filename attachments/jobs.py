"""Background work of files: verdicts that are still missing, and everything that nobody wants any more."""

from datetime import timedelta
from functools import partial

from attachments.rescanning import rescan
from attachments.sweeping import give_up_uploads, remove_gone
from core.jobs import Job
from core.retention import keep_up

Job("attachments.rescan", run=rescan, every=timedelta(seconds=10))
Job("attachments.discard_unclaimed", run=partial(keep_up, "attachments.unsent"), every=timedelta(minutes=10))
Job("attachments.give_up_uploads", run=give_up_uploads, every=timedelta(minutes=10))
Job("attachments.remove_gone", run=remove_gone, every=timedelta(seconds=10))
