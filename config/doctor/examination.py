"""Running the checks: all of them, whatever is broken."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module

from django.core import checks as django_checks
from django.core.checks import CheckMessage
from django.db import Error, NotSupportedError, connection

from config.doctor.checks import Asked, Check, Finding, State, cannot_tell, check, checks, ok

_WORST = [*State]

_NOUNS = (
    *("keys", "database", "redis", "storage", "scanner", "exposure", "web", "staff", "retention", "worker", "audit"),
    *("backups", "watching", "machine"),
)
"""The files that declare checks, in the order of the report."""

for _noun in _NOUNS:
    import_module(f"config.doctor.{_noun}")


@dataclass(frozen=True)
class Result:
    check: Check
    finding: Finding


@check("settings.others", "Every other check of Django and its apps is content")
def others(asked: Asked) -> Finding:
    """Nothing that `check --deploy` says gets lost because no check here speaks for it."""
    spoken_for = {name for one in checks.values() for name in one.takes}
    left = [message for name, said in asked.messages.items() if name not in spoken_for for message in said]
    if not left:
        return ok("They are.")
    worst = State.ERROR if any(message.is_serious() for message in left) else State.WARNING
    return _told(worst, left)


def examine(asked: Asked) -> list[Result]:
    """Ask everything; what cannot be asked is said to be so, and hinders nothing else."""
    asked = replace(asked, trouble=_trouble())
    asked = replace(asked, messages=_messages(asked))
    return [Result(one, _found(one, asked)) for one in checks.values()]


def _trouble() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (Error, NotSupportedError) as failure:
        return type(failure).__name__
    return ""


def _messages(asked: Asked) -> dict[str, list[CheckMessage]]:
    found: dict[str, list[CheckMessage]] = {}
    databases = None if asked.trouble else ["default"]
    for message in django_checks.run_checks(include_deployment_checks=True, databases=databases):
        if not message.is_silenced():
            found.setdefault(message.id or "", []).append(message)
    return found


def _found(one: Check, asked: Asked) -> Finding:
    """The worse of what Django's checks said and what was measured."""
    said = [(state, message) for name, state in one.takes.items() for message in asked.messages.get(name, ())]
    measured = _measured(one, asked)
    if not said:
        return measured
    worst = min((state for state, _ in said), key=_WORST.index)
    told = _told(worst, [message for state, message in said if state is worst])
    return min(measured, told, key=lambda finding: _WORST.index(finding.state))


def _measured(one: Check, asked: Asked) -> Finding:
    try:
        return one.measure(asked)
    except Error as failure:
        remedy = "See what database.answers and database.migrated say."
        return cannot_tell(f"The database could not be asked ({type(failure).__name__}).", remedy)
    except Exception as failure:  # noqa: BLE001  one broken thing must not hide the others; its class is reported
        return cannot_tell(f"It could not be measured ({type(failure).__name__}).", "Mend the others first, ask again.")


def _told(state: State, messages: Sequence[CheckMessage]) -> Finding:
    return Finding(
        state,
        " ".join(dict.fromkeys(message.msg for message in messages)),
        " ".join(dict.fromkeys(message.hint for message in messages if message.hint)),
    )
