"""Backups, as far as `manage.py backup` made them."""

from datetime import timedelta

from config.backups import last_backup
from config.doctor.checks import Asked, Finding, cannot_tell, check, error, ok, warning
from core.time import now

_LATE, _TOO_LATE = timedelta(hours=36), timedelta(days=7)


@check("backups.newest", "The newest backup is of today or yesterday")
def newest(asked: Asked) -> Finding:
    made = last_backup()
    remedy = "Run `manage.py backup` each night, and try a restore now and then."
    if made is None:
        return cannot_tell("None was made by `manage.py backup`; of others nothing is known here.", remedy)
    age = now() - made
    if age > _LATE:
        found = f"It is {age.total_seconds() / 86400:.1f} days old."
        return error(found, remedy) if age > _TOO_LATE else warning(found, remedy)
    return ok("It is.")
