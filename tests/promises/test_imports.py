"""The import line covers every package: import-linter can call a contract exhaustive only inside a package."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.no_database

ROOT = Path(__file__).parents[2]
OUTSIDE = {"tests", "benchmarks"}
"""Packages that are not part of the server."""


def import_linter() -> dict[str, Any]:
    configuration: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return configuration


def line() -> list[str]:
    [contract] = import_linter()["contracts"]
    layers: list[str] = contract["layers"]
    return layers


def test_every_package_has_a_place_in_the_import_line() -> None:
    packages = {module.parent.name for module in ROOT.glob("*/__init__.py")} - OUTSIDE
    assert packages == set(line())
    assert packages == set(import_linter()["root_packages"])


def test_the_line_runs_from_config_down_to_core() -> None:
    assert line()[0] == "config"
    assert line()[-1] == "core"
