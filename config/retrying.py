"""Background work tried again, because somebody who looks after the server wants it."""

from uuid import UUID

import audit
from core import jobs
from core.actor import Actor
from core.errors import Conflict, Forbidden, NotFound
from core.models import Task
from messaging import rights

RETRY = "core.change_task"


def retry_task(*, actor: Actor, task_id: UUID) -> None:
    """Have a task that failed tried again at once. Raises Forbidden, NotFound, and Conflict for one that has not failed
    or is being tried at this moment."""
    if not rights.may(actor, RETRY):
        raise Forbidden("That needs a permission you do not have.", subject_id=task_id)
    with audit.transaction():
        name = Task.objects.filter(id=task_id).values_list("name", flat=True).first()
        if name is None:
            raise NotFound(subject_id=task_id)
        if name not in jobs.jobs:
            raise Conflict(f"This version of the server has no job {name}: the task goes by itself after its time.")
        if not jobs.retry(task_id):
            raise Conflict("Only what has failed is tried again, and not while it is being tried.")
        audit.record("task.retried", actor=actor, object_id=task_id, reason=name)
