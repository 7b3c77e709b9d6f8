"""docs/retention.md says what the code does."""

import re
from pathlib import Path

import pytest

from core.retention import rules
from retention.policies import in_words

pytestmark = [pytest.mark.core, pytest.mark.no_database]

ROW = re.compile(r"^\| `([a-z_.]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def documented() -> dict[str, tuple[str, str]]:
    return {rule: (after, change) for rule, after, change in ROW.findall(Path("docs/retention.md").read_text())}


def test_every_rule_stands_in_the_table() -> None:
    assert documented().keys() == rules.keys()


@pytest.mark.parametrize("name", documented())
def test_with_its_period_and_whether_it_can_be_changed(name: str) -> None:
    rule, (after, change) = rules[name], documented()[name]
    assert in_words(rule.default()) in after
    if rule.fixed:
        assert change == "no"
    elif rule.floor is not None:
        assert change == f"yes, not below {in_words(rule.floor)}"
    else:
        assert change == "yes"
