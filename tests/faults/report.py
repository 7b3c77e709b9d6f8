"""The result of a long run as text: for the terminal, and for docs/faults.md between its two marks."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

BEGIN, END = "<!-- result -->", "<!-- end of result -->"

COLUMNS = {
    "times": "times",
    "seconds": "seconds",
    "in_flight": "sends in flight",
    "connections": "connections broken",
    "acknowledged": "acknowledged meanwhile",
    "unknown": "outcome unknown",
    "told_later": "told to try later",
    "ack_p50_p99_s": "ack p50 / p99 (s)",
    "delivery_p50_p99_s": "delivery p50 / p99 (s)",
    "in_sync_p50_p99_s": "in sync p50 / p99 (s)",
}


class Part(Protocol):
    """What is shown of a part of the run."""

    @property
    def title(self) -> str: ...
    @property
    def violations(self) -> list[str]: ...
    @property
    def numbers(self) -> dict[str, Any]: ...
    @property
    def faults(self) -> dict[str, dict[str, Any]]: ...
    @property
    def claims(self) -> dict[str, bool]: ...
    @property
    def holds(self) -> bool: ...


def of_part(part: Part) -> str:
    """Markdown."""
    lines = [f"### {part.title}: {'everything held' if part.holds else 'BROKEN'}", ""]
    lines += [f"- {'held' if held else '**did not hold**'}: {claim}" for claim, held in part.claims.items()]
    lines += [f"- **violation**: {violation}" for violation in part.violations[:20]]
    lines += [f"- {name.replace('_', ' ')}: {_shown(value)}" for name, value in part.numbers.items()]
    if part.faults:
        lines += ["", *_table(part.faults)]
    return "\n".join([*lines, ""])


def with_result(page: str, parts: Iterable[Part], when: str) -> str:
    """The page with this result in place of the last."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    result = "\n".join(of_part(part) for part in parts)
    return f"{before}{BEGIN}\n\nRun of {when}.\n\n{result}\n{END}{after}"


def _table(faults: Mapping[str, Mapping[str, Any]]) -> list[str]:
    head = f"| fault | {' | '.join(COLUMNS.values())} |"
    rows = [f"| {name} | {' | '.join(_shown(row[key]) for key in COLUMNS)} |" for name, row in faults.items()]
    return [head, "|---" * (len(COLUMNS) + 1) + "|", *rows]


def _shown(value: Any) -> str:
    if isinstance(value, tuple | list):
        return " / ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    return str(value)
