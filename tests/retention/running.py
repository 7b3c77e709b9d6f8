"""What the tests of retention do and ask, in sentences."""

from io import StringIO
from typing import Any
from uuid import UUID

import orjson
from django.core.management import call_command

from core.actor import SYSTEM
from retention.models import LegalHold
from retention.services import place_hold

YEARS = 365.25


def command(name: str, *arguments: str) -> Any:
    """What a command prints with --json."""
    out = StringIO()
    call_command(name, *arguments, "--json", stdout=out)
    return orjson.loads(out.getvalue())


def dry_run(*arguments: str) -> dict[str, tuple[int, int]]:
    """Rows and files that would go, by rule."""
    return by_rule(command("apply_retention", "--dry-run", *arguments))


def apply(*arguments: str) -> dict[str, tuple[int, int]]:
    """Rows and files that went, by rule."""
    return by_rule(command("apply_retention", *arguments))


def by_rule(result: Any) -> dict[str, tuple[int, int]]:
    return {one["rule"]: (one["rows"], one["files"]) for one in result["rules"]}


def hold(kind: str, target: UUID | str) -> LegalHold:
    return place_hold(actor=SYSTEM, target_kind=kind, target_id=UUID(str(target)), reason="Case in court.")
