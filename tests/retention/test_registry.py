"""Every model is covered: by exactly one rule, or by a reason that can be read."""

from collections import Counter
from datetime import timedelta

import pytest
from django.apps import apps

from core import retention
from core.retention import Purged, RetentionRule, keep, kept, rules
from tests.retention.things import declared

pytestmark = [pytest.mark.core, pytest.mark.no_database]


def covered() -> Counter[str]:
    return Counter([label for rule in rules.values() for label in rule.covers] + [*kept])


def test_every_model_is_covered_once() -> None:
    """Django's own as well. Whoever adds a model says here how long its rows live: in the `retention.py` of its app."""
    models = {model._meta.label for model in apps.get_models()}
    assert {label: times for label, times in covered().items() if times > 1} == {}
    assert models - set(covered()) == set(), "no retention.py says how long these live"
    assert set(covered()) - models == set(), "there are no such models"


def test_each_reason_is_a_sentence() -> None:
    for label, reason in kept.items():
        assert len(reason) > 20, label
        assert reason.endswith("."), label


def test_each_rule_has_a_period_or_says_that_there_is_none() -> None:
    for rule in rules.values():
        period = rule.default()
        assert period is None or period > timedelta(0), rule.name
        assert rule.floor is None or (period is not None and period >= rule.floor), rule.name
        assert set(rule.scopes) <= set(retention.Scope._fields), rule.name


def test_the_sources_periods_are_the_defaults() -> None:
    days = {name: rule.default() for name, rule in rules.items()}
    assert days["accounts.sessions"] == timedelta(days=30)
    assert days["attachments.unsent"] == timedelta(hours=24)
    assert days["audit.details"] == timedelta(days=2192) == rules["audit.details"].floor


def test_nothing_is_declared_twice() -> None:
    with pytest.raises(TypeError):
        declared("core.tasks")
    with pytest.raises(TypeError):
        declared("test.again", covers=("core.Task",))
    with pytest.raises(TypeError):
        declared("test.again", covers=("accounts.User",))
    for label in ("accounts.User", "core.Task"):
        with pytest.raises(TypeError):
            keep(label, "Because.")
    assert "test.again" not in rules


def test_nothing_is_removed_while_nobody_says_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose apps were not made ready."""

    def purge(schedule: object) -> list[None]:
        raise AssertionError("asked to remove something")

    monkeypatch.setattr(retention, "schedule_of", retention._nobody_knows)
    rule = RetentionRule("test.early", "Early", (), lambda schedule: Purged(0), purge)  # type: ignore[arg-type]  # never iterated
    try:
        with pytest.raises(RuntimeError):
            retention.keep_up(rule.name)
    finally:
        del rules[rule.name]
