"""The worker, by what it leaves in the table of tasks."""

from datetime import timedelta

from config.doctor.checks import Asked, Finding, check, error, ok, warning
from core.models import Task, TaskState
from core.time import now

_HEARTBEAT = "audit.seal"
"""Due every second, and whoever has it has it for 15 s at most."""

_DEAD = timedelta(minutes=1)
_BEHIND = timedelta(minutes=15)
_TRIES = 5


@check("worker.alive", "A worker works")
def alive(asked: Asked) -> Finding:
    remedy = "Start `manage.py work`, and let a supervisor restart it. Without one nothing is sealed or removed."
    due = Task.objects.filter(name=_HEARTBEAT, periodic=True).values_list("run_at", flat=True).first()
    if due is None:
        return error("None has ever worked here.", remedy)
    if now() - due > _DEAD:
        return error(f"None has worked for {_minutes(now() - due)} minutes.", remedy)
    return ok("One does.")


@check("worker.behind", "Work is done when it is due")
def behind(asked: Asked) -> Finding:
    due = Task.objects.filter(state=TaskState.WAITING, run_at__lt=now() - _BEHIND).exclude(name=_HEARTBEAT)
    oldest = due.order_by("run_at").first()
    if oldest is not None:
        found = f"{due.count()} tasks wait, {oldest.name} for {_minutes(now() - oldest.run_at)} minutes."
        return warning(found, "See that a worker runs; several may.")
    return ok("It is.")


@check("worker.failed", "No work was given up")
def failed(asked: Asked) -> Finding:
    given_up = Task.objects.filter(state=TaskState.FAILED)
    stuck = Task.objects.filter(periodic=True, attempts__gte=_TRIES)
    names = sorted({*given_up.values_list("name", flat=True), *stuck.values_list("name", flat=True)})
    if names:
        remedy = "The admin's list of jobs has the class of each error; the worker's log, its place. Mend it, retry."
        return warning(f"Failed again and again: {', '.join(names)}.", remedy)
    return ok("None was.")


def _minutes(time: timedelta) -> int:
    return int(time.total_seconds() // 60)
