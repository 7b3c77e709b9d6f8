"""What is asked everyday, and what only with ALL=1: the mark `thorough`."""

from collections.abc import Hashable, Iterable
from pathlib import Path

import pytest


def first_stands_for_others(items: Iterable[pytest.Item], files: Iterable[Path], *, of_each_test: bool = False) -> None:
    """Of each of these files the first test is asked everyday, or with `of_each_test` the first case of each test;
    the others are marked `thorough`."""
    files, met = {*files}, set[Hashable]()
    for item in items:
        if item.path in files:
            group = (item.path, getattr(item, "originalname", item.name) if of_each_test else "")
            if group in met:
                item.add_marker(pytest.mark.thorough)
            met.add(group)
