"""What only the database knows: rooms, members, background work, what waits. Asked at most every 30 s, however often
somebody scrapes, in one bounded read; while there is no answer the last one is shown, with its age."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from django.db import connection, transaction
from prometheus_client import Metric
from prometheus_client.metrics_core import GaugeMetricFamily

from attachments.scanning.standing import Standing, standing
from config.metrics import asking
from core.errors import AppError
from core.measuring import PREFIX, labelled
from realtime import threads

log = logging.getLogger(__name__)

FRESH_FOR = 30.0

_LONGEST = "3s"
"""For each statement, on PostgreSQL: figures must not keep the database from its work."""

Found = Mapping[str, float] | float | None


@dataclass(frozen=True)
class Question:
    """A gauge, its one label ("" for none), and how it is asked; None: there is nothing to say."""

    name: str
    help: str
    label: str
    ask: Callable[[], Found]


QUESTIONS = (
    Question("conversations", "Conversations that are not deleted.", "kind", asking.conversations),
    Question("members_online", "People online who are in such a conversation.", "kind", asking.members_online),
    Question("jobs", "Background tasks that are not done.", "state", asking.tasks),
    Question("jobs_due", "Those of them whose time has come.", "job", asking.due_tasks),
    Question("job_lag_seconds", "For how long the oldest of those has been due.", "job", asking.lags),
    Question("audit_unsealed_seconds", "Age of the oldest audit entry without a seal.", "", asking.unsealed_age),
    Question("files_waiting", "Files that wait for a verdict of the scanner.", "", asking.files_waiting),
    Question("retention_age_seconds", "How long ago retention was last carried out.", "", asking.retention_age),
    Question("storage_full_seconds", "For how long the database's disk has had no room.", "", asking.storage_full),
    Question("reports_open", "Reports that nobody has settled.", "", asking.open_reports),
)


class Statistics:
    """The last answers of this process."""

    def __init__(self) -> None:
        self._found: dict[Question, Found] = {}
        self._scanner: Standing | None = None
        self._asked_at = -FRESH_FOR
        self._answered_at: float | None = None
        # A lock belongs to one event loop; a process has more than one only where tests run servers in threads.
        self._asking: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    def forget(self) -> None:
        """For tests: the next scrape asks anew."""
        self._asked_at = -FRESH_FOR
        self._found, self._answered_at = {}, None

    async def refresh(self) -> None:
        """Ask, unless it was asked in the last 30 s. Of several who come at once one asks and the others wait."""
        async with self._asking.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            if time.monotonic() - self._asked_at < FRESH_FOR:
                return
            self._asked_at = time.monotonic()
            self._scanner = await asyncio.to_thread(standing)
            try:
                self._found = await threads.run(_ask)
                self._answered_at = time.monotonic()
            except AppError as error:
                log.warning("the database did not say its figures: %s", error.code)

    def collect(self) -> Iterable[Metric]:
        for question, found in self._found.items():
            name = f"{PREFIX}_{question.name}"
            if isinstance(found, Mapping):
                yield labelled(name, question.help, question.label, found)
            elif found is not None:
                yield GaugeMetricFamily(name, question.help, value=found)
        if self._answered_at is not None:
            age = time.monotonic() - self._answered_at
            yield GaugeMetricFamily(f"{PREFIX}_statistics_age_seconds", "How old what the database said is.", value=age)
        if self._scanner is not None:
            is_it = {one.value: float(one is self._scanner) for one in Standing}
            yield labelled(f"{PREFIX}_scanner", "1 for how the scanner of files fares.", "standing", is_it)


def _ask() -> dict[Question, Found]:
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{_LONGEST}'")
        return {question: question.ask() for question in QUESTIONS}


statistics = Statistics()
