"""What is kept, and for how long."""

from datetime import datetime, timedelta

from config.doctor.checks import Asked, Finding, check, error, ok, warning
from core.models import Task
from core.retention import rules
from core.time import now
from encryption import shredding
from retention import nights
from retention.models import LegalHold, Policy, Run, RunState

_LATE, _TOO_LATE = timedelta(hours=36), timedelta(days=7)
_LONG = timedelta(days=365)


@check("retention.run", "What is due is removed each night")
def run(asked: Asked) -> Finding:
    remedy = "See that a worker runs, and what its log says of retention.apply; `manage.py retention_stats` shows runs."
    newest = Run.objects.filter(rule="", finished_at__isnull=False).order_by("-finished_at").first()
    if newest is not None and newest.state == RunState.FAILED:
        return error("In the newest run a rule failed.", remedy)
    since = newest.finished_at if newest else _first_night()
    if since is None:
        return warning("No worker has looked yet whether it is night.", remedy)
    age = now() - since
    if age > _LATE:
        found = f"The newest run ended {age.days} days ago." if newest else f"There was none in {age.days} days."
        return error(found, remedy) if age > _TOO_LATE else warning(found, remedy)
    return ok("The newest run ended by itself." if newest else "The first night is to come.")


def _first_night() -> datetime | None:
    """When a worker first looked: from then on there is a run each night."""
    return Task.objects.filter(name=nights.NIGHTLY, periodic=True).values_list("created_at", flat=True).first()


@check("retention.policies", "Every policy is about something there is")
def policies(asked: Asked) -> Finding:
    lost = Policy.objects.exclude(rule__in=[*rules]).count()
    if lost:
        return error(f"{lost} policies name a rule that does not exist.", "Remove them in the admin, or upgrade.")
    return ok(f"{Policy.objects.count()} policies over {len(rules)} rules are in force.")


@check("retention.holds", "Legal holds are looked at again within a year")
def holds(asked: Asked) -> Finding:
    """Nothing that a hold covers is ever removed: one that was forgotten keeps for ever."""
    in_force = LegalHold.objects.filter(lifted_at=None)
    old = in_force.filter(placed_at__lt=now() - _LONG).count()
    if old:
        return warning(f"{old} are older than a year.", "`manage.py legal_hold list`: lift those that are over.")
    return ok(f"{in_force.count()} are in force.")


@check("retention.shredded", "What was destroyed is destroyed here too")
def shredded(asked: Asked) -> Finding:
    if shredding.is_behind():
        found = "This database was restored from before keys were destroyed that the vault's ledger names."
        return error(found, "Start a server or a worker: it destroys them again before anything else.")
    if flaws := list(shredding.flaws()):
        return error(flaws[0], "`manage.py verify_audit_log` names everything.")
    return ok("It is.")
