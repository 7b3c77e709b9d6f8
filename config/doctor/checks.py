"""The list of checks, and what each one can find."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from django.core.checks import CheckMessage


class State(StrEnum):
    """Worst first. CANNOT_TELL is no excuse: nobody knows whether it is all right."""

    ERROR = "error"
    WARNING = "warning"
    CANNOT_TELL = "cannot_tell"
    OK = "ok"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class Finding:
    """What was found, in a sentence without a secret, and what to do about it."""

    state: State
    found: str
    remedy: str = ""


def ok(found: str) -> Finding:
    return Finding(State.OK, found)


def warning(found: str, remedy: str) -> Finding:
    return Finding(State.WARNING, found, remedy)


def error(found: str, remedy: str) -> Finding:
    return Finding(State.ERROR, found, remedy)


def cannot_tell(found: str, remedy: str) -> Finding:
    return Finding(State.CANNOT_TELL, found, remedy)


def not_applicable(found: str) -> Finding:
    return Finding(State.NOT_APPLICABLE, found)


@dataclass(frozen=True)
class Asked:
    """What the operator wants to know, and what was found out once for all checks.

    `url` is where people reach the server (https://…), `plain_url` the same without TLS; both "" when nobody said.
    `processes` are the servers and workers that share the database; `newest` how many audit entries to verify.
    `messages` are those of Django's checks, by id. `trouble` is the class of the error with which the database
    answered, or "".
    """

    url: str = ""
    plain_url: str = ""
    processes: int = 3
    newest: int = 1000
    messages: Mapping[str, list[CheckMessage]] = field(default_factory=dict)
    trouble: str = ""


Measure = Callable[[Asked], Finding]


@dataclass(frozen=True)
class Check:
    """One line of the checklist. `takes` names Django's checks that it speaks for, and how bad each of them is here."""

    id: str
    title: str
    measure: Measure
    takes: Mapping[str, State]

    @property
    def group(self) -> str:
        return self.id.partition(".")[0]


checks: dict[str, Check] = {}


def check(id: str, title: str, *, takes: Mapping[str, State] | None = None) -> Callable[[Measure], Measure]:
    """Declare a check. `title` says what holds when all is well. Raises TypeError for an id there is already, and for
    one of Django's that another check speaks for."""

    def declare(measure: Measure) -> Measure:
        taken = {name for one in checks.values() for name in one.takes} & {*(takes or ())}
        if id in checks or taken:
            raise TypeError(f"{id} is declared twice, or takes {taken or 'nothing'} from another check")
        checks[id] = Check(id, title, measure, takes or {})
        return measure

    return declare
