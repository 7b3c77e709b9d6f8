"""How long rows live: what each app declares in its `retention.py`.

    RetentionRule(
        "accounts.sessions",
        title="Ended sessions",
        covers=("accounts.LoginSession",),
        keep_for=timedelta(days=30),
        due=count_ended_sessions,
        purge=remove_ended_sessions,
    )
    keep("accounts.User", "People are disabled; what names them goes when they are erased.")

Which period counts is decided elsewhere (`retention`): policies may change it, and legal holds stop everything. A rule
only finds what is older than it is told, and removes it. Every model is covered by exactly one rule, or kept for a
reason that can be read.

What cannot wait for the night has a job beside, which calls `keep_up`: the same rule, the same policies and holds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from django.db import transaction
from django.db.models import Model, Q, QuerySet

rules: dict[str, "RetentionRule"] = {}
kept: dict[str, str] = {}
"""Models that no rule covers, by label, each with the reason."""


class Scope(NamedTuple):
    """What a policy may be about. Empty says nothing."""

    conversation_kind: str = ""
    course_id: str = ""
    message_type: str = ""
    state: str = ""


EVERYTHING = Scope()


class Purged(NamedTuple):
    """What one batch took away: rows, and files in the storage that belonged to them."""

    rows: int
    files: int = 0


class Schedule(Protocol):
    """The periods of one rule at one moment, as policies have it, and what of it is held."""

    @property
    def moment(self) -> datetime:
        """The moment the run began. What is compared is compared with this one, in a dry run as in a run."""
        ...

    def keep_for(self, scope: Scope = EVERYTHING) -> timedelta | None:
        """How long what is in this scope is kept; None for ever.

        The scope is that of a row: a policy that names a course does not speak of a scope without one.
        """
        ...

    def over(self, scope: Scope = EVERYTHING) -> datetime | None:
        """What is older than this moment goes: `moment` less the period. None where nothing goes."""
        ...

    def scopes(self) -> list[Scope]:
        """The scopes that policies name, the most specific first. Whatever lies in none of them has the rule's default
        for it."""
        ...

    def not_held(self, *, conversation: str = "", person: str = "") -> Q:
        """The condition for rows that no legal hold covers: columns that hold ids of conversations and of people."""
        ...

    def freeze(self) -> None:
        """First thing in each batch's transaction: until its end nobody places a hold."""
        ...

    def took(self, purged: Purged) -> None:
        """Count what a batch takes away. Called in the batch's own transaction: what is counted is gone, and the other
        way round, also when the process dies."""
        ...


@dataclass(frozen=True)
class RetentionRule:
    """What one kind of rows lives for. Constructing it declares it; a name can be declared once.

    - `covers`: labels of the models whose rows it removes, or empties.
    - `keep_for`: the period when no policy says another; None keeps for ever. A function where it depends on the scope.
    - `floor`: no policy goes below it.
    - `scopes`: the fields of `Scope` that policies of this rule may name.
    - `fixed`: why no policy may change the period; empty where policies may.
    - `due`: how many rows and files would go now. Changes nothing.
    - `purge`: removes the same, batch by batch: each `next` is one committed transaction (`Schedule.freeze` first in
      it, and `Schedule.took` before its end), and an audit entry stands for each batch that removes records. May be
      stopped between two batches at any time, also by the end of the process; called again it goes on. Never removes
      what is held (`Schedule.not_held`).
    """

    name: str
    title: str
    covers: tuple[str, ...]
    due: Callable[[Schedule], Purged]
    purge: Callable[[Schedule], Iterator[None]]
    keep_for: timedelta | Callable[[Scope], timedelta | None] | None = None
    floor: timedelta | None = None
    scopes: tuple[str, ...] = ()
    fixed: str = ""

    def __post_init__(self) -> None:
        if self.name in rules:
            raise TypeError(f"the retention rule {self.name} is declared twice")
        for label in self.covers:
            _claim(label)
        rules[self.name] = self

    def default(self, scope: Scope = EVERYTHING) -> timedelta | None:
        """How long what is in this scope is kept when no policy speaks of it."""
        return self.keep_for(scope) if callable(self.keep_for) else self.keep_for


Due = Callable[[Schedule], "QuerySet[Any]"]
"""The rows that are due now."""


def counting(due: Due) -> Callable[[Schedule], Purged]:
    """The `due` of a rule whose rows have no files."""
    return lambda schedule: Purged(due(schedule).count())


def forgetting(due: Due) -> Callable[[Schedule], Iterator[None]]:
    """The `purge` of a rule whose rows just go, with whatever refers to them, a thousand in a batch. No entry of the
    audit log stands for them: for what is no record of anything."""

    def purge(schedule: Schedule) -> Iterator[None]:
        forgotten = _AT_ONCE
        while forgotten == _AT_ONCE:
            with transaction.atomic():
                schedule.freeze()
                forgotten = _forget_some(due(schedule))
                schedule.took(Purged(forgotten))
            yield

    return purge


_AT_ONCE = 1000


def _forget_some(due: "QuerySet[Any]") -> int:
    model: type[Model] = due.model
    some = list(due.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE])
    _, by_model = model._default_manager.filter(pk__in=some).delete()
    return by_model.get(model._meta.label, 0)


def keep(label: str, reason: str) -> None:
    """Declare that rows of this model are removed by no rule, and why. Raises TypeError when one covers it."""
    _claim(label)
    kept[label] = reason


def _claim(label: str) -> None:
    if label in kept or any(label in rule.covers for rule in rules.values()):
        raise TypeError(f"how long {label} lives is declared twice")


def _nobody_knows(rule: RetentionRule) -> Schedule:
    raise RuntimeError("retention has not said yet how long things are kept")


schedule_of: Callable[[RetentionRule], Schedule] = _nobody_knows
"""The schedule of a rule at this moment, outside of a run. By retention, when the server starts."""


def keep_up(name: str) -> None:
    """Remove what is due by this rule now: for jobs that do not wait for the night. Raises KeyError for no rule."""
    rule = rules[name]
    for _ in rule.purge(schedule_of(rule)):
        pass
