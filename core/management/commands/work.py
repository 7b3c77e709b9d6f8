"""`manage.py work`: the worker, a process that runs background tasks."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from core.jobs import run_loop
from core.process import no_core_dumps, require_preconditions
from core.reporting import reporting


class Command(BaseCommand):
    help = "Run background tasks until SIGTERM or SIGINT; the task that is running then is finished first."

    def handle(self, *args: Any, **options: Any) -> None:
        no_core_dumps()
        require_preconditions()
        stop = threading.Event()

        def ask_to_stop(*_: object) -> None:
            # In a thread of its own: the main thread is interrupted here, maybe inside `stop` and holding its lock.
            threading.Thread(target=stop.set, name="stop").start()

        signal.signal(signal.SIGTERM, ask_to_stop)
        signal.signal(signal.SIGINT, ask_to_stop)
        self.stdout.write("Working. Stop with SIGTERM or Ctrl-C.")
        with reporting():
            run_loop(stop)
        self.stdout.write("Stopped.")
