"""What a long-running process does around its work: it reports, and when it falls it says so without its words."""

import json
import logging
from pathlib import Path

import pytest
from pytest_django import Settings

from config import logs
from core.reporting import collected, reporting

pytestmark = [pytest.mark.core, pytest.mark.no_database]

CANARY = "canary-7f3a"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged, as it would stand in the log."""
    found: list[str] = []
    formatter = logging.Formatter()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with monkeypatch.context() as hooks:
        hooks.setattr("threading.excepthook", None)
        hooks.setattr("sys.unraisablehook", None)
        logs.configure_logging("INFO", readable=False)
        formatter = root.handlers[0].formatter or formatter
    root.handlers = handlers
    root.setLevel(level)

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(formatter.format(record))

    monkeypatch.setattr(root, "handlers", [Collector()])
    monkeypatch.setattr(root, "level", logging.INFO)
    return found


def test_a_process_that_falls_says_where_and_not_what(tmp_path: Path, settings: Settings, lines: list[str]) -> None:
    settings.DATA_DIR = tmp_path
    with pytest.raises(SystemExit) as ended, reporting():
        raise ValueError(CANARY)
    assert ended.value.code == 1
    [line] = [json.loads(line) for line in lines if "ends because of a defect" in line]
    assert line["error"] == "ValueError"
    assert "test_reporting.py" in line["where"][-1]
    assert CANARY not in "".join(lines)


def test_a_process_that_ends_in_order_leaves_nobody_who_looks_alive(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path
    with reporting():
        assert any(family.name == "parley_processes" for family in collected())
        assert [*(tmp_path / "metrics").glob("*.alive")]
    with reporting():
        [processes] = [family for family in collected() if family.name == "parley_processes"]
        assert [sample.value for sample in processes.samples] == [1]


def test_switched_off_nothing_is_written(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR, settings.METRICS_ENABLED = tmp_path, False
    with reporting():
        pass
    assert [*tmp_path.iterdir()] == []
