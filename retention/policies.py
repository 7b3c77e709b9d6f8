"""Which policy counts: the most specific one that fits.

A policy fits what lies in its scope. Of several the one that names most counts; of those that name equally much the one
that names a course, then the one that names a message type, then a state, then a kind. Where none fits, the rule's own
period counts. Nothing goes below the rule's floor: not even a policy that was stored before there was one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from core.retention import EVERYTHING, RetentionRule, Scope, rules
from retention.models import LegalHold, Policy

_WEIGHTS = {"course_id": 8, "message_type": 4, "state": 2, "conversation_kind": 1}


def scope_of(policy: Policy) -> Scope:
    return Scope(*(getattr(policy, name) for name in Scope._fields))


def specificity(scope: Scope) -> tuple[int, int]:
    """How much a scope names, and how weighty that is."""
    named = [name for name, value in scope._asdict().items() if value]
    return len(named), sum(_WEIGHTS[name] for name in named)


def fits(policy: Scope, scope: Scope) -> bool:
    """Whether a policy for the one speaks of what lies in the other."""
    return all(wanted in ("", value) for wanted, value in zip(policy, scope, strict=True))


def by_weight(policies: Collection[Policy]) -> list[Policy]:
    """The most specific first."""
    return sorted(policies, key=lambda policy: specificity(scope_of(policy)), reverse=True)


def in_force(rule: RetentionRule) -> list[Policy]:
    """The policies of a rule, the most specific first; none where no policy may change the period."""
    return [] if rule.fixed else by_weight(Policy.objects.filter(rule=rule.name).defer("note"))


def deciding(policies: Collection[Policy], scope: Scope) -> Policy | None:
    """Which of these, the most specific first, counts for the scope; None for the rule's own period."""
    return next((policy for policy in policies if fits(scope_of(policy), scope)), None)


def period(rule: RetentionRule, policy: Policy | None, scope: Scope) -> timedelta | None:
    """How long it is kept; None for ever."""
    if policy is None:
        return rule.default(scope)
    if policy.days is None:
        return None
    return max(timedelta(days=policy.days), rule.floor or timedelta(0))


@dataclass(frozen=True)
class Explained:
    """`policy` is the one that counts, None for the rule's own period; `period` None is for ever; `why` are sentences
    for people."""

    rule: str
    scope: Scope
    policy: Policy | None
    period: timedelta | None
    why: tuple[str, ...]


def explain(rule: str, *, kind: str = "", course_id: str = "", message_type: str = "", state: str = "") -> Explained:
    """How long what lies in this scope is kept, and why. Raises KeyError for a rule that does not exist."""
    declared, scope = rules[rule], Scope(kind, course_id, message_type, state)
    policies = in_force(declared)
    policy = deciding(policies, scope)
    kept = period(declared, policy, scope)
    fitting = [one for one in policies if fits(scope_of(one), scope)]
    why = [_verdict(declared, policy, scope), *_losers(fitting[1:]), *_bounds(declared, policy)]
    return Explained(rule, scope, policy, kept, tuple(why))


def _verdict(rule: RetentionRule, policy: Policy | None, scope: Scope) -> str:
    if policy is None:
        reason = f"no policy may change that: {rule.fixed}" if rule.fixed else "no policy speaks of it"
        return f"{rule.title}: {in_words(rule.default(scope))}, the rule's own period; {reason}."
    return (
        f"{rule.title}: {in_words(_days(policy))}, says the policy {policy.id} for {scope_in_words(scope_of(policy))}."
    )


def _losers(policies: Collection[Policy]) -> list[str]:
    return [
        f"The policy {one.id} for {scope_in_words(scope_of(one))} ({in_words(_days(one))}) is less specific."
        for one in policies
    ]


def _bounds(rule: RetentionRule, policy: Policy | None) -> list[str]:
    bounds = []
    if rule.floor is not None:
        raised = policy is not None and policy.days is not None and timedelta(days=policy.days) < rule.floor
        bounds.append(f"Nothing goes below {in_words(rule.floor)}{', so that counts' if raised else ''}.")
    if holds := LegalHold.objects.filter(lifted_at=None).count():
        bounds.append(f"What is under a legal hold stays in any case; {holds} in force.")
    return bounds


def _days(policy: Policy) -> timedelta | None:
    return None if policy.days is None else timedelta(days=policy.days)


def scope_in_words(scope: Scope) -> str:
    """`conversation_kind group, course_id BIO-1`, or `everything`."""
    named = [f"{name} {value}" for name, value in scope._asdict().items() if value]
    return ", ".join(named) if scope != EVERYTHING else "everything"


def in_words(period: timedelta | None) -> str:
    if period is None:
        return "kept for ever"
    if period.days and not period.seconds:
        return "1 day" if period.days == 1 else f"{period.days} days"
    return f"{period.total_seconds():g} seconds"
