"""`manage.py retention_stats`: what is kept how long, what is due, what is held, what the last run did."""

from collections import Counter
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandParser

from core.retention import Scope, kept, rules
from core.time import wire_time
from retention import engine
from retention.defaults import own_in_words, own_periods
from retention.models import LegalHold, Policy, Run, RunCount
from retention.policies import by_weight, in_words, scope_in_words, scope_of


class Command(BaseCommand):
    help = "Rules with their periods and what is due by them now, policies, holds by kind, and the last run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the same as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        stats = gather()
        self.stdout.write(orjson.dumps(stats).decode() if options["json"] else "\n".join(_as_text(stats)))


def gather() -> dict[str, Any]:
    """All of it, without a word of what is encrypted."""
    due = engine.dry_run()
    holds = LegalHold.objects.filter(lifted_at=None).order_by().values_list("target_kind", flat=True)
    return {
        "moment": wire_time(due.moment),
        "rules": [_rule(count) for count in due.counts],
        "kept": [{"model": label, "reason": reason} for label, reason in sorted(kept.items())],
        "policies": [_policy(policy) for policy in by_weight(Policy.objects.defer("note"))],
        "holds": dict(sorted(Counter(holds).items())),
        "lastRun": _last_run(),
    }


def _rule(count: engine.Count) -> dict[str, Any]:
    rule = rules[count.rule]
    return {
        "rule": rule.name,
        "title": rule.title,
        "covers": list(rule.covers),
        "period": in_words(rule.default()),
        "otherPeriods": [one._asdict() for one in own_periods(rule)[1:]],
        "floor": None if rule.floor is None else in_words(rule.floor),
        "due": {"rows": count.rows, "files": count.files},
    }


def _policy(policy: Policy) -> dict[str, Any]:
    scope = {name: value for name, value in scope_of(policy)._asdict().items() if value}
    return {"id": str(policy.id), "rule": policy.rule, "scope": scope, "days": policy.days}


def _last_run() -> dict[str, Any] | None:
    run = Run.objects.order_by("-started_at").first()
    if run is None:
        return None
    counts = RunCount.objects.filter(run=run).order_by("id")
    return {
        "run": str(run.id),
        "startedAt": wire_time(run.started_at),
        "finishedAt": None if run.finished_at is None else wire_time(run.finished_at),
        "by": run.by,
        "state": run.state,
        "rules": [
            {"rule": one.rule, "rows": one.rows, "files": one.files, "failure": one.failure or None} for one in counts
        ],
    }


def _as_text(stats: dict[str, Any]) -> list[str]:
    lines = [
        f"{rule['title']} ({rule['rule']}): {own_in_words(rules[rule['rule']])};"
        f" due now: {rule['due']['rows']} rows, {rule['due']['files']} files"
        for rule in stats["rules"]
    ]
    lines += [f"Policy {one['id']}: {_policy_in_words(one)}" for one in stats["policies"]]
    held = ", ".join(f"{count} on a {kind}" for kind, count in stats["holds"].items())
    return [*lines, f"Legal holds: {held or 'none'}.", _run_in_words(stats["lastRun"])]


def _policy_in_words(policy: dict[str, Any]) -> str:
    period = "for ever" if policy["days"] is None else f"{policy['days']} days"
    return f"{policy['rule']}, {scope_in_words(Scope(**policy['scope']))}: {period}"


def _run_in_words(run: dict[str, Any] | None) -> str:
    if run is None:
        return "There was no run yet."
    rows, files = (sum(rule[what] for rule in run["rules"]) for what in ("rows", "files"))
    end = f"ended {run['finishedAt']}" if run["finishedAt"] else "not ended"
    return (
        f"Last run: {run['startedAt']} by the {run['by']}, {run['state']}, {end}; {rows} rows, {files} files removed."
    )
