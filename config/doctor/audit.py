"""The audit log. Whether all of it is genuine says `manage.py verify_audit_log`; that takes its time."""

from audit import guards
from audit.verify import verify_newest
from config.doctor.checks import Asked, Finding, check, error, ok, warning

_LATE, _TOO_LATE = 60.0, 900.0
"""Seconds. The tail that is not sealed is about one second long while a worker works."""


@check("audit.guards", "Triggers keep the audit log from being changed")
def triggers(asked: Asked) -> Finding:
    if missing := guards.missing():
        remedy = "Find out who took them away; `manage.py migrate --database owner` does not make them again."
        return error(f"Gone or switched off: {', '.join(missing)}.", remedy)
    return ok("They do.")


@check("audit.newest", "The newest audit entries are what was written")
def newest(asked: Asked) -> Finding:
    """The triggers are a check of their own."""
    report = verify_newest(asked.newest)
    count = report.problem_count - len(guards.missing())
    if count > 0:
        remedy = "`manage.py verify_audit_log` names each entry. Keep the database as it is until you know why."
        return error(f"{count} of the newest {asked.newest} entries and what belongs to them are not.", remedy)
    return ok(f"{report.links} sealed entries were verified, and {report.unsealed} that are not sealed yet.")


@check("audit.sealed", "Audit entries are sealed within a minute")
def sealed(asked: Asked) -> Finding:
    report = verify_newest(1)
    age = report.oldest_unsealed_seconds or 0.0
    remedy = "See that a worker runs: it seals."
    if age > _LATE:
        found = f"{report.unsealed} are not, the oldest for {age // 60:.0f} minutes."
        return error(found, remedy) if age > _TOO_LATE else warning(found, remedy)
    return ok("They are.")
