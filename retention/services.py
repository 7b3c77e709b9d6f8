"""Policies and legal holds: each change is somebody's who may, and stands in the log."""

from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError

import audit
from audit.writer import EntryDraft, writer
from core.actor import SYSTEM_ID, Actor
from core.errors import Conflict, FieldError, Forbidden, Invalid, InvalidReference, NotFound
from core.retention import EVERYTHING, RetentionRule, Scope, rules
from core.time import now
from retention import engine, holds, policies, wiring
from retention.models import MOST_DAYS, LegalHold, Policy, TargetKind
from retention.policies import in_words, scope_of

CHANGE_POLICY = "retention.change_policy"
PLACE_HOLD = "retention.place_hold"

_LONGEST = {field.name: field.max_length for field in Policy._meta.fields if field.max_length is not None}
"""Characters of a policy's fields."""


@dataclass(frozen=True)
class Preview:
    """What a run would take away that began now: as things are, and with the change that is thought of."""

    now: engine.Count
    then: engine.Count


class Why(NamedTuple):
    """Why something is held."""

    reason: str
    case_id: str


def preview_policy(
    *, actor: Actor, rule: str, scope: Scope = EVERYTHING, days: int | None, removed: bool = False
) -> Preview:
    """What would be different if this were the policy for this scope, or with `removed` if it had none. Changes
    nothing. Reads what a run would: on large tables for as long. Raises as `create_policy` and `remove_policy` do."""
    _require(actor, CHANGE_POLICY)
    declared = _rule(rule)
    _require_scope(declared, scope)
    _require_days(declared, days)
    there = policies.in_force(declared)
    others = [one for one in there if scope_of(one) != scope]
    changed = others if removed else [*others, Policy(rule=rule, **scope._asdict(), days=days)]
    return Preview(engine.what_if(declared, there), engine.what_if(declared, policies.by_weight(changed)))


def read_why(*, actor: Actor, hold_id: UUID) -> Why:
    """Why something is held, and in which case: for whoever may place holds. That they read it is recorded first.
    Raises Forbidden, NotFound."""
    _require(actor, PLACE_HOLD)
    hold = LegalHold.objects.filter(id=hold_id).first()
    if hold is None:
        raise NotFound(subject_id=hold_id)
    writer.submit(EntryDraft("hold.viewed", actor, object_id=hold.id, reason=hold.target_kind)).result()
    return Why(hold.reason, hold.case_id)


def create_policy(*, actor: Actor, rule: str, scope: Scope = EVERYTHING, days: int | None, note: str = "") -> Policy:
    """From the next run on, what lies in this scope is kept for `days`; None is for ever.

    Raises Forbidden, Invalid (an unknown rule or value, a scope this rule has not, days below its floor, or beyond a
    hundred years, a note of more than 500 characters), Conflict when this scope has a policy of this rule.
    """
    _require(actor, CHANGE_POLICY)
    declared = _rule(rule)
    _require_scope(declared, scope)
    _require_days(declared, days)
    _require_note(note)
    try:
        with audit.transaction():
            policy = Policy.objects.create(rule=rule, **scope._asdict(), days=days, note=note, created_by=actor.id)
            _tell(actor, policy, "created", before=None)
    except IntegrityError as error:
        raise Conflict("This rule has a policy for exactly that already.") from error
    return policy


def change_policy(*, actor: Actor, policy: Policy, days: int | None, note: str | None = None) -> Policy:
    """The same scope, another period. `note` None leaves the note. Raises as `create_policy`; NotFound when it is gone.

    A repeat with the same days changes nothing and is not recorded.
    """
    _require(actor, CHANGE_POLICY)
    with audit.transaction():
        current = _locked(policy.id)
        _require_days(_rule(current.rule), days)
        _require_note(note or "")
        before, changed_note = current.days, note is not None and note != current.note
        if days == before and not changed_note:
            return current
        current.days, current.note = days, current.note if note is None else note
        current.save(update_fields=["days", "note", "updated_at"])
        _tell(actor, current, "changed", before=before)
    return current


def remove_policy(*, actor: Actor, policy: Policy) -> None:
    """What it was about has the period of the next policy that fits, or of the rule. Raises Forbidden, NotFound."""
    _require(actor, CHANGE_POLICY)
    with audit.transaction():
        current = _locked(policy.id)
        _tell(actor, current, "removed", before=current.days)
        Policy.objects.filter(id=current.id).delete()


def place_hold(*, actor: Actor, target_kind: str, target_id: UUID, reason: str, case_id: str = "") -> LegalHold:
    """From its commit on nothing that it covers is removed by anybody. What is being removed is waited for.

    Several holds may cover the same; each is lifted by itself. Raises Forbidden, Invalid without a reason or with a
    kind there is not, InvalidReference for something that does not exist.
    """
    _require(actor, PLACE_HOLD)
    _require_text(reason, case_id)
    if target_kind not in TargetKind.values:
        raise _invalid("targetKind", "choice", f"There are holds on {', '.join(TargetKind.values)}.")
    with audit.transaction():
        holds.freeze_alone()
        if not wiring.is_there(target_kind, target_id):
            raise InvalidReference(subject_id=target_id)
        hold = LegalHold.objects.create(
            target_kind=target_kind, target_id=target_id, reason=reason, case_id=case_id, placed_by=actor.id
        )
        _tell_of_hold("hold.placed", actor, hold)
    return hold


def lift_hold(*, actor: Actor, hold: LegalHold) -> LegalHold:
    """Policies count again for what it covered, unless another hold does. A repeat changes nothing and is not recorded.
    Raises Forbidden; NotFound for a hold there is not."""
    _require(actor, PLACE_HOLD)
    with audit.transaction():
        current = LegalHold.objects.select_for_update().filter(id=hold.id).first()
        if current is None:
            raise NotFound(subject_id=hold.id)
        if current.lifted_at is None:
            current.lifted_at, current.lifted_by = now(), actor.id
            current.save(update_fields=["lifted_at", "lifted_by"])
            _tell_of_hold("hold.lifted", actor, current)
    return current


def _require(actor: Actor, right: str) -> None:
    if actor.id != SYSTEM_ID and not wiring.may(actor, right):
        raise Forbidden("That needs a permission you do not have.")


def _rule(name: str) -> RetentionRule:
    if name not in rules:
        raise _invalid("rule", "choice", f"There is no rule of that name; there are {', '.join(rules)}.")
    if rules[name].fixed:
        raise _invalid("rule", "fixed", f"No policy may change this period: {rules[name].fixed}.")
    return rules[name]


def _require_scope(rule: RetentionRule, scope: Scope) -> None:
    for name, value in scope._asdict().items():
        if value and name not in rule.scopes:
            raise _invalid(name, "choice", f"{rule.title} are not told apart by this.")
        if "\x00" in value or value != value.strip() or len(value) > _LONGEST[name]:
            raise _invalid(name, "choice", f"At most {_LONGEST[name]} characters, with no blanks around them.")
        if value and value not in wiring.scope_values.get(name, (value,)):
            raise _invalid(name, "choice", f"One of {', '.join(sorted(wiring.scope_values[name]))}.")


def _require_days(rule: RetentionRule, days: int | None) -> None:
    if days is None:
        return
    if not 1 <= days <= MOST_DAYS:
        raise _invalid("days", "range", f"From 1 to {MOST_DAYS} days, or none for ever.")
    if rule.floor is not None and days < rule.floor.days:
        raise _invalid("days", "floor", f"{rule.title} are kept for at least {in_words(rule.floor)}.")


def _require_note(note: str) -> None:
    if len(note) > _LONGEST["note"]:
        raise _invalid("note", "max_length", f"At most {_LONGEST['note']} characters.")


def _require_text(reason: str, case_id: str) -> None:
    if not reason.strip() or len(reason) > 500:
        raise _invalid("reason", "required", "A hold has a reason, of at most 500 characters.")
    if len(case_id) > 100:
        raise _invalid("caseId", "max_length", "At most 100 characters.")


def _invalid(field: str, code: str, message: str) -> Invalid:
    return Invalid(message, errors=[FieldError(field, code, message)])


def _locked(policy_id: UUID) -> Policy:
    policy = Policy.objects.select_for_update().filter(id=policy_id).first()
    if policy is None:
        raise NotFound(subject_id=policy_id)
    return policy


def _tell(actor: Actor, policy: Policy, what: str, *, before: int | None) -> None:
    details: dict[str, Any] = {"rule": policy.rule, **scope_of(policy)._asdict(), "before": before}
    after = {} if what == "removed" else {"days": policy.days}
    audit.record("policy.changed", actor=actor, object_id=policy.id, reason=what, details={**details, **after})


def _tell_of_hold(action: str, actor: Actor, hold: LegalHold) -> None:
    """Not the reason: the log names what was done, and the hold itself says why to those who may know."""
    here = hold.target_id if hold.target_kind == TargetKind.CONVERSATION else None
    audit.record(
        action,
        actor=actor,
        object_id=hold.id,
        conversation_id=here,
        reason=hold.target_kind,
        details={"target": str(hold.target_id)},
    )


__all__ = [
    "change_policy",
    "create_policy",
    "lift_hold",
    "place_hold",
    "preview_policy",
    "read_why",
    "remove_policy",
]
