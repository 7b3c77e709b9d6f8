"""The periods that rules have by themselves, in words: what counts where no policy speaks."""

from typing import NamedTuple

from core.retention import RetentionRule, Scope
from retention import wiring
from retention.policies import in_words


class Own(NamedTuple):
    """A period of a rule's own, and what of it that is for: `voice`; empty for all that is not named."""

    of: str
    period: str


def own_periods(rule: RetentionRule) -> list[Own]:
    """What is not named first, then what is kept for another time. A course makes no difference to any rule."""
    general = in_words(rule.default())
    return [Own("", general), *(Own(*one) for field in rule.scopes for one in _others(rule, field, general))]


def _others(rule: RetentionRule, field: str, general: str) -> list[tuple[str, str]]:
    values: dict[str, list[str]] = {}
    for value in sorted(wiring.scope_values.get(field, ())):
        values.setdefault(in_words(rule.default(Scope(**{field: value}))), []).append(value)
    where = "in " if field == "conversation_kind" else ""
    return [(f"{where}{', '.join(found)}", period) for period, found in values.items() if period != general]


def own_in_words(rule: RetentionRule) -> str:
    """`2557 days; voice: 1096 days; deleted: 90 days`."""
    general, *others = own_periods(rule)
    return "; ".join([general.period, *(f"{one.of}: {one.period}" for one in others)])
