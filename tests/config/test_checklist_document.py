"""docs/checklist.md has every check of `manage.py doctor` with its title, in the order of the report, and no other."""

import re
from pathlib import Path

import pytest

from config.doctor.checks import State, checks
from config.doctor.examination import others

pytestmark = pytest.mark.no_database

DOCUMENT = Path("docs/checklist.md").read_text()


def test_every_check_stands_in_the_document_and_no_other() -> None:
    declared = [(check.id, check.title) for check in checks.values()]
    assert checks["settings.others"].measure is others
    assert re.findall(r"^\| `(\w+\.\w+)` \| (.+) \|$", DOCUMENT, re.MULTILINE) == declared


def test_every_state_and_option_stands_in_the_document() -> None:
    for state in State:
        assert f"| `{state.replace('_', ' ')}` |" in DOCUMENT
        assert f'"{state}": ' in DOCUMENT
    for option in ("--url", "--plain-url", "--processes", "--newest", "--strict", "--json"):
        assert f"| `{option}` |" in DOCUMENT


def test_ids_are_words_and_titles_say_what_holds() -> None:
    for check in checks.values():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", check.id)
        assert check.title[0].isupper()
        assert not check.title.endswith(".")
