"""docs/watching.md, alerts and dashboard speak of the figures that there are, and the document of all of them."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric

from config.metrics.statistics import QUESTIONS
from core import measuring

pytestmark = pytest.mark.no_database

DOCUMENT = Path("docs/watching.md").read_text()
ALERTS = Path("deploy/alerts.yml").read_text()
DASHBOARD = Path("deploy/grafana.json").read_text()
ASKED = {"statistics_age_seconds", "scanner", *(question.name for question in QUESTIONS)}


def counted() -> set[str]:
    """The names that this code declares, as Prometheus has them."""
    for module in ("config.urls", "config.middleware", "realtime.lifespan"):
        importlib.import_module(module)  # what serving loads
    return {name(family) for family in measuring.registry.collect() if "test_" not in family.name}


def name(family: Metric) -> str:
    return family.name.removeprefix("parley_") + ("_total" if family.type == "counter" else "")


def documented() -> set[str]:
    return set(re.findall(r"^\| `(\w+)`", DOCUMENT, re.MULTILINE)) - {"METRICS_TOKEN", "METRICS_ENABLED"}


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(ALERTS)["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_every_figure_stands_in_the_document_and_no_other() -> None:
    assert documented() == counted() | ASKED


@pytest.mark.parametrize("text", [ALERTS, DASHBOARD], ids=["alerts", "dashboard"])
def test_what_is_asked_for_is_there(text: str) -> None:
    known = counted() | ASKED
    asked = {one.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for one in names(text)}
    assert asked <= known
    assert len(asked) > 15


def names(text: str) -> set[str]:
    return set(re.findall(r"parley_(\w+)", text))


def test_every_alert_stands_in_the_document_and_no_other() -> None:
    alerts = {rule["alert"] for rule in rules()}
    assert alerts == set(re.findall(r"`(Parley\w+)`", DOCUMENT))
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "warn", "info"}
        assert rule["annotations"]["summary"].endswith(".")


def test_an_alert_asks_for_labels_that_there_are() -> None:
    labels = {label for rule in rules() for label in re.findall(r"[{,](\w+)=", rule["expr"])}
    assert labels <= {"job", "event", "writer", "code", "area", "outcome", "standing", "status"}


def test_the_dashboard_can_be_imported() -> None:
    board = json.loads(DASHBOARD)
    assert board["title"] == "Parley"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) > 10
    assert all(target["expr"] for panel in board["panels"] for target in panel["targets"])


def test_the_scrape_names_the_rules_and_the_address() -> None:
    scrape = yaml.safe_load(Path("deploy/prometheus.yml").read_text())
    assert scrape["rule_files"] == ["alerts.yml"]
    [job] = scrape["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("parley", "/metrics")
