"""What was found, for people and for programs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from config.doctor.checks import State
from config.doctor.examination import Result
from core.time import now, wire_time

_BAD = {State.ERROR}
_BAD_IF_STRICT = {State.ERROR, State.WARNING, State.CANNOT_TELL}
_WORDS = {
    State.ERROR: "ERROR",
    State.WARNING: "WARNING",
    State.CANNOT_TELL: "cannot tell",
    State.OK: "ok",
    State.NOT_APPLICABLE: "not applicable",
}


def is_well(results: Sequence[Result], *, strict: bool) -> bool:
    """Whether the exit status is 0."""
    bad = _BAD_IF_STRICT if strict else _BAD
    return not any(result.finding.state in bad for result in results)


def as_json(results: Sequence[Result], *, strict: bool) -> dict[str, Any]:
    """The shape that docs/checklist.md describes."""
    return {
        "ok": is_well(results, strict=strict),
        "strict": strict,
        "checked_at": wire_time(now()),
        "counts": {str(state): count for state, count in _counts(results).items()},
        "checks": [
            {
                "id": result.check.id,
                "group": result.check.group,
                "title": result.check.title,
                "state": result.finding.state,
                "found": result.finding.found,
                "remedy": result.finding.remedy,
            }
            for result in results
        ],
    }


def as_text(results: Sequence[Result]) -> Iterator[str]:
    for group, members in groupby(results, key=lambda result: result.check.group):
        yield group
        for result in members:
            yield from _lines(result)
    yield ", ".join(f"{count} {_WORDS[state].lower()}" for state, count in _counts(results).items() if count) + "."


def _lines(result: Result) -> Iterator[str]:
    finding = result.finding
    yield f"  {_WORDS[finding.state]:<14}  {result.check.id:<22}  {result.check.title}"
    if finding.state is not State.OK:
        yield f"{'':<18}{finding.found}"
    if finding.remedy:
        yield f"{'':<18}-> {finding.remedy}"


def _counts(results: Sequence[Result]) -> dict[State, int]:
    counted = Counter(result.finding.state for result in results)
    return {state: counted[state] for state in State}
