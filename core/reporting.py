"""What a long-running process does with its figures: publish them for the others, and log all of them now and then.

`manage.py serve` and `manage.py work` do their work inside `reporting()`. Under another server nothing is published,
and `/metrics` tells of the process that answers.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from prometheus_client import Metric

from core import measuring
from core.figures import Figures
from core.summary import Summary

log = logging.getLogger(__name__)

PUBLISH = 5.0
"""Seconds. Writing a thousand values takes about 10 ms."""

_figures: Figures | None = None

measuring.gauge("processes", "Servers and workers that live.", lambda: 1.0)


def collected() -> Iterable[Metric]:
    """The figures of all processes of this DATA_DIR; without `reporting`, of this one. May wait for the disk."""
    return measuring.registry.collect() if _figures is None else _figures.collect()


@contextmanager
def reporting() -> Iterator[None]:
    """Publish this process's figures, and log a summary every METRICS_SUMMARY seconds, as long as the block runs.

    An error that leaves the block ends the process with status 1; the log has its class and its place.
    """
    global _figures
    _figures = _begin()
    stop = threading.Event()
    thread = threading.Thread(target=_report, args=[stop, _figures], name="figures", daemon=True)
    thread.start()
    try:
        yield
    except Exception:
        # Python itself would print the words of the error, and those may quote a row.
        log.critical("the process ends because of a defect", exc_info=True)
        sys.exit(1)
    finally:
        stop.set()
        thread.join(PUBLISH)
        figures, _figures = _figures, None
        if figures is not None:
            figures.end()


def _begin() -> Figures | None:
    if not settings.METRICS_ENABLED:
        return None
    try:
        return Figures(Path(settings.DATA_DIR) / "metrics")
    except OSError as error:
        log.warning("figures stay in this process: DATA_DIR/metrics cannot be used: %s", error.strerror)
        return None


def _report(stop: threading.Event, figures: Figures | None) -> None:
    summary = Summary()
    next_summary = time.monotonic() + settings.METRICS_SUMMARY
    while not stop.wait(min(PUBLISH, settings.METRICS_SUMMARY)):
        try:
            if figures is not None:
                figures.publish()
            if time.monotonic() >= next_summary:
                next_summary += settings.METRICS_SUMMARY
                log.info("figures", extra={"figures": summary.take()})
        except Exception as error:  # noqa: BLE001  a full disk, or a gauge that cannot be read: next time, perhaps
            log.warning("the figures could not be published: %s", type(error).__name__)
