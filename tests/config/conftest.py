"""What the tests of `manage.py doctor` look at."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.production import Production, Report, production
from tests.everyday import first_stands_for_others


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each check is broken by a process of its own: everyday the first of each file stands for the others."""
    first_stands_for_others(items, Path(__file__).parent.glob("test_doctor*.py"))


@pytest.fixture(scope="module")
def live() -> Iterator[Production]:
    """One installation for all tests of a file; each puts back what it broke."""
    if "REDIS_URL" not in os.environ:
        pytest.skip("the embedded default is no production")
    with production() as running:
        yield running


@pytest.fixture(scope="module")
def calm(live: Production) -> Report:
    """What the doctor says before anything is broken. Most tests have no clamd; nothing else is wrong."""
    report = live.doctor()
    assert report.bad == {"scanner.on": "error"}, report.output
    return report
