"""The first page in words: one tile for each thing that can be well or not, for whoever has a right to it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import OperationalError
from django.urls import reverse

from audit.admin_base import took_too_long
from config.dashboard.chart import Chart, chart_of
from config.dashboard.figures import Figures, Queue, figures, queue_of
from core.time import now
from messaging.admin.reading import ago
from retention.models import RunState

GOOD, FAIR, BAD, PLAIN = "good", "fair", "bad", "plain"

OPERATION = "core.view_task"
REPORTS = "messaging.view_report"
RUNS = "retention.view_run"
MESSAGES = "messaging.view_message"

_BACKUP_IS_OLD = timedelta(hours=26)
"""A day, and time to make one."""


class Tile(NamedTuple):
    """`tone` says how it is, in a colour; `value` says the same in words. `page` leads to more, where there is more."""

    title: str
    value: str
    note: str
    tone: str
    page: str = ""


class Dashboard(NamedTuple):
    """`at` is when it was asked; None when the database took too long to answer, and then there is nothing else."""

    at: datetime | None
    tiles: list[Tile]
    chart: Chart | None


def dashboard_for(user: Any) -> Dashboard | None:
    """What this person may see of it; None when that is nothing, and then nothing is asked."""
    makers = [make for rights, make in _TILES if any(map(user.has_perm, rights))]
    charted = any(map(user.has_perm, (OPERATION, MESSAGES)))
    if not makers and not charted and not user.has_perm(REPORTS):
        return None
    try:
        found = figures.get()
        queue = queue_of(user.pk) if user.has_perm(REPORTS) else None
    except OperationalError as error:
        if not took_too_long(error):
            raise
        return Dashboard(None, [], None)
    tiles = [_reports(queue)] if queue else []
    tiles += [make(found) for make in makers]
    linked = [tile if user.has_perm(_PAGES.get(tile.page, "")) else tile._replace(page="") for tile in tiles]
    return Dashboard(found.at, [_with_address(tile) for tile in linked], chart_of(found.hours) if charted else None)


def _with_address(tile: Tile) -> Tile:
    if not tile.page:
        return tile
    name, _, query = tile.page.partition("?")
    return tile._replace(page=reverse(f"admin:{name}") + (f"?{query}" if query else ""))


def _reports(queue: Queue) -> Tile:
    if queue.oldest is None:
        return Tile("Reports", "None open", "Nobody waits for a moderator.", GOOD, _QUEUE)
    return Tile("Reports", f"{queue.waiting:,} open", f"The oldest came {ago(queue.oldest)}.", FAIR, _QUEUE)


def _online(found: Figures) -> Tile:
    return Tile("People online", f"{found.online:,}", "In all server processes together.", PLAIN)


def _worker(found: Figures) -> Tile:
    work = found.work
    if work.heard_at is None:
        return Tile("Worker", "Never started", "Nothing is sealed, expires or is removed without it.", BAD, _JOBS)
    if work.is_alive:
        return Tile("Worker", "Working", f"Last heard of {ago(work.heard_at)}.", GOOD, _JOBS)
    return Tile("Worker", "Stopped", f"Last heard of {ago(work.heard_at)}: start it.", BAD, _JOBS)


def _jobs(found: Figures) -> Tile:
    work = found.work
    waits = (
        "Nothing waits." if work.due_since is None else f"{work.due:,} due, the oldest of them {ago(work.due_since)}."
    )
    if work.failed:
        return Tile("Jobs", f"{work.failed:,} failed", f"Given up, and can be tried again. {waits}", BAD, _FAILED)
    return Tile("Jobs", "None failed", waits, GOOD, _JOBS)


def _retention(found: Figures) -> Tile:
    last = found.last_run
    if last is None:
        removed = "There was no run yet."
    elif last.state == RunState.RUNNING:
        removed = f"A run began {ago(last.at)}; {_removed(last.rows, last.files)} so far."
    else:
        removed = f"Last run {ago(last.at)}: {_removed(last.rows, last.files)}."
    if last is not None and last.state == RunState.FAILED:
        return Tile("Retention", "A rule failed", removed, BAD, _RUNS)
    if last is not None and last.state == RunState.RUNNING:
        return Tile("Retention", "Running", removed, PLAIN, _RUNS)
    if found.run_is_due:
        return Tile("Retention", "Due now", removed, FAIR, _RUNS)
    return Tile("Retention", f"Next at {found.next_run:%H:%M}", removed, GOOD if last else PLAIN, _RUNS)


def _removed(rows: int, files: int) -> str:
    return f"{rows:,} {'row' if rows == 1 else 'rows'} and {files:,} {'file' if files == 1 else 'files'} removed"


def _backup(found: Figures) -> Tile:
    made, known = found.backup
    if not known:
        return Tile("Last backup", "Unknown", "The audit log is too long to look for it here: backup.made.", FAIR)
    if made is None:
        return Tile("Last backup", "None yet", "Without one, a broken disk is the end of everything.", FAIR)
    old = now() - made > _BACKUP_IS_OLD
    said = f"Made on {made.day} {made:%B at %H:%M} UTC."
    return Tile("Last backup", ago(made).capitalize(), said, BAD if old else GOOD)


def _serving(found: Figures) -> Tile:
    serving = found.serving
    redis = "No Redis: this is the only process." if serving.cache is None else f"Redis {serving.cache}."
    said = f"{redis} {_SCANNERS.get(serving.scanner, serving.scanner)}"
    if serving.is_draining:
        return Tile("This server", "Draining", said, FAIR)
    if serving.is_starting:
        return Tile("This server", "Starting", said, FAIR)
    well = serving.cache in {None, "available"} and serving.scanner in {"available", "none"}
    return Tile("This server", "Ready", said, GOOD if well else FAIR)


_SCANNERS = {
    "none": "Files are not scanned.",
    "available": "The scanner answers.",
    "outdated": "The scanner's signatures are older than a week.",
    "too_old": "The scanner's signatures are too old: files wait.",
    "unavailable": "The scanner does not answer: files wait.",
}

_QUEUE = "messaging_report_changelist"
_JOBS = "core_task_changelist"
_FAILED = f"{_JOBS}?state=failed"
_RUNS = "retention_run_changelist"
_PAGES = {_QUEUE: REPORTS, _JOBS: OPERATION, _FAILED: OPERATION, _RUNS: RUNS}

_TILES: tuple[tuple[tuple[str, ...], Callable[[Figures], Tile]], ...] = (
    ((OPERATION,), _online),
    ((OPERATION,), _serving),
    ((OPERATION,), _worker),
    ((OPERATION,), _jobs),
    ((RUNS,), _retention),
    ((OPERATION,), _backup),
)
"""In the order of the page, each with the rights of which one is enough. Before them stand a moderator's reports."""
