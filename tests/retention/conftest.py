"""The clock of retention, people in conversations, and files."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from core.time import now
from tests.attachments.conftest import shelf
from tests.messaging.conftest import c1, c2, doctor, patient, stranger, student, teacher

__all__ = ["c1", "c2", "doctor", "patient", "shelf", "stranger", "student", "teacher"]

CLOCKS = ("retention.schedules.now", "retention.engine.now", "retention.nights.now", "retention.services.now")


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """From then on it is that moment for retention, and stays it."""

    def set_it(moment: datetime) -> None:
        for clock in CLOCKS:
            monkeypatch.setattr(clock, lambda: moment)

    return set_it


@pytest.fixture
def later(set_clock: Callable[[datetime], None]) -> Callable[..., datetime]:
    """`later(days=31)`: it is so much later, for retention; returns what the time is there."""

    def pass_by(**time: float) -> datetime:
        moment = now() + timedelta(**time)
        set_clock(moment)
        return moment

    return pass_by
