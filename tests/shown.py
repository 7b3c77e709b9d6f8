"""pytest plugin: what a test has to show stands at the end of the run, in whichever process the test ran."""

from typing import Any

import pytest

_SECTIONS = "sections"
_sections: dict[str, str] = {}


def show(title: str, text: str) -> None:
    """Have this text stand at the end of the run under this title."""
    _sections[title] = text


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of pytest-xdist has no terminal: it hands over what it has to the one that has."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_SECTIONS] = _sections


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _sections.update(getattr(node, "workeroutput", {}).get(_SECTIONS, {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for title, text in _sections.items():
        terminalreporter.section(title)
        terminalreporter.write_line(text)
