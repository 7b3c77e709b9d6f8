"""The schedule of one rule: what `core.retention.Schedule` promises, from policies and holds."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Q

from core.retention import EVERYTHING, Purged, RetentionRule, Scope
from retention import holds, policies
from retention.clock import now
from retention.models import Policy, RunCount


class Planned:
    """The periods that policies give a rule now, seen from `moment`. Counts for a run when it has a `count`. `instead`
    are policies that are looked at as if they were those of the rule, the most specific first."""

    def __init__(
        self,
        rule: RetentionRule,
        moment: datetime,
        count: RunCount | None = None,
        instead: Sequence[Policy] | None = None,
    ) -> None:
        self._rule, self._moment, self._count = rule, moment, count
        self._policies = policies.in_force(rule) if instead is None else list(instead)

    def is_current(self) -> bool:
        """Whether the policies are still those that it was made with."""
        return [(one.pk, one.days) for one in policies.in_force(self._rule)] == [
            (one.pk, one.days) for one in self._policies
        ]

    @property
    def moment(self) -> datetime:
        return self._moment

    def keep_for(self, scope: Scope = EVERYTHING) -> timedelta | None:
        return policies.period(self._rule, policies.deciding(self._policies, scope), scope)

    def over(self, scope: Scope = EVERYTHING) -> datetime | None:
        period = self.keep_for(scope)
        return None if period is None else self._moment - period

    def scopes(self) -> list[Scope]:
        return [policies.scope_of(policy) for policy in self._policies]

    def not_held(self, *, conversation: str = "", person: str = "") -> Q:
        return holds.not_held(conversation, person)

    def freeze(self) -> None:
        holds.freeze()

    def took(self, purged: Purged) -> None:
        if not connection.in_atomic_block:
            raise RuntimeError("what a batch takes away is counted in its own transaction")
        if self._count is not None:
            RunCount.objects.filter(pk=self._count.pk).update(
                rows=F("rows") + purged.rows, files=F("files") + purged.files
            )


def schedule_now(rule: RetentionRule) -> Planned:
    """As things are at this moment, counting for no run."""
    return Planned(rule, now())
