"""The permission matrix as a table, shown at the end of a run."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.doors.matrix_asking import Answer, Cell
from tests.doors.matrix_table import ALL, PLACES, RULES, PersonRule, Rule
from tests.doors.matrix_world import BESIDES, ELSEWHERE, INSIDE, STANDINGS

SYMBOLS = {
    "ok": "+",
    "forbidden": "-",
    "not_found": ".",
    "unauthenticated": "0",
    "token_revoked": "0",
    "invalid": "i",
    "conflict": "c",
    "unknown_field": "u",
}
SIGNED_OUT = ("signed out", "ea")
COLUMNS = [
    *((place, INSIDE[place] + BESIDES[place]) for place in PLACES),
    *((f"{place}, others'", ELSEWHERE[place]) for place in PLACES if place in ELSEWHERE),
    ("random", ELSEWHERE["random"]),
    SIGNED_OUT,
]
"""Of what is asked about conversations: the title of each column, and who is asked there."""


class Report:
    """What everybody was answered."""

    def __init__(self) -> None:
        self._found: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
        """By rule, column and standing what the doors said: one verdict, where they agree."""
        self._asked: set[str] = set()

    def note(self, rule: Rule, cell: Cell, answer: Answer) -> None:
        self._asked.add(rule.label)
        self._found[rule.label, cell.column, cell.letter].add(answer.verdict)

    @property
    def whole(self) -> bool:
        """Whether every rule was asked."""
        return self._asked == {rule.label for rule in RULES}

    def text(self) -> str:
        who = ", ".join(f"{letter} {standing}" for letter, standing in STANDINGS.items())
        marks = ", ".join(f"{symbol} {code}" for code, symbol in SYMBOLS.items())
        return "\n".join([f"Asked by: {who}", f"Answered: {marks}, ! the doors disagree", "", *self._lines()])

    def _lines(self) -> Iterator[str]:
        asked = [rule for rule in RULES if rule.label in self._asked]
        yield _line("", [title.ljust(len(letters)) for title, letters in COLUMNS], COLUMNS)
        yield _line("", [letters for _, letters in COLUMNS], COLUMNS)
        for rule in asked:
            if not isinstance(rule, PersonRule):
                yield _line(rule.label, [self._symbols(rule, *column) for column in COLUMNS], COLUMNS)
        yield ""
        yield f"{'about somebody, something, or oneself':44} {ALL} ea"
        for rule in asked:
            if isinstance(rule, PersonRule):
                for about in rule.named:
                    yield (
                        f"{rule.label} [{about}]".ljust(44)
                        + f" {self._symbols(rule, about, ALL)} "
                        + self._symbols(rule, *SIGNED_OUT)
                    )

    def _symbols(self, rule: Rule, column: str, letters: str) -> str:
        return "".join(_symbol(self._found[rule.label, column, letter]) for letter in letters)


def _line(label: str, parts: Sequence[str], columns: Sequence[tuple[str, str]]) -> str:
    widths = [max(map(len, column)) for column in columns]
    return f"{label:39.38}" + " ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()


def _symbol(verdicts: set[str]) -> str:
    if len(verdicts) > 1:
        return "!"
    return SYMBOLS.get(next(iter(verdicts)), "?") if verdicts else " "
