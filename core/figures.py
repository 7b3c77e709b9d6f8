"""What all processes on this machine have counted, added up: each keeps a copy of its figures in DATA_DIR/metrics.

The files are those of prometheus-client's multiprocess mode, and its collector adds them up. The library would write
them whenever something is counted, which takes three times as long as counting in memory, and a page that is just being
written to the disk holds up whoever writes to it: the event loop. So they are written from here, every few seconds and
whenever somebody asks this process.

A process that lives holds a lock on its file `….alive` (flock(2)): locks are seen across containers that share the
folder, ids of processes are not. What one that is gone had counted is added to `…_ended.db`: a counter that went down
would look like a restart to Prometheus, which would then count everything of the others once more. Its gauges go.
"""

import fcntl
import logging
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.samples import Sample

from core import measuring

log = logging.getLogger(__name__)

_LASTING = ("counter", "histogram")
_ENDED = "ended"
_LOCK = "lock"


class Figures:
    """Those of this process among those of the others; from any thread.

    Making one raises OSError when the folder cannot be made or written. With no other process alive it begins from
    zero.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._id = folder, uuid4().hex
        self._files: dict[str, MmapedDict] = {}
        self._writing = threading.Lock()
        # One by one: the mode is that of the last one only.
        for one in (folder.parent, folder):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(fcntl.LOCK_EX):
            if not self._sweep():
                _remove(folder.glob("*.db"))
            # Under the lock: between making the file and locking it, a sweep would take this process for dead.
            self._alive = (folder / f"{self._id}.alive").open("w")
            fcntl.flock(self._alive, fcntl.LOCK_EX)

    def publish(self) -> None:
        """Write down what this process has counted until now. About 10 ms, in small steps."""
        with self._writing:
            for family in measuring.registry.collect():
                if not self._alive.closed:
                    self._write(family)
                # Lets the event loop have the interpreter, which it would wait 5 ms for otherwise.
                time.sleep(0)

    def collect(self) -> Iterable[Metric]:
        """The figures of all processes: this one's as of now, the others' as they last published them."""
        self.publish()
        with self._locked(fcntl.LOCK_EX):
            self._sweep()
        with self._locked(fcntl.LOCK_SH):
            return list(MultiProcessCollector(None, str(self._folder)).collect())

    def end(self) -> None:
        """Publish for the last time. Whoever comes next counts this process as gone. A repeat does nothing."""
        self.publish()
        with self._writing:
            for file in self._files.values():
                file.close()
            self._files.clear()
            self._alive.close()

    # This process's own files.

    def _write(self, family: Metric) -> None:
        file = self._file(family)
        for name, labels, value in _plain(family.samples):
            key = mmap_key(family.name, name, list(labels), list(labels.values()), family.documentation)
            file.write_value(key, value, 0.0)

    def _file(self, family: Metric) -> MmapedDict:
        kind = family.type if family.type != "gauge" else f"gauge_{measuring.together[family.name]}"
        if kind not in self._files:
            self._files[kind] = MmapedDict(str(self._folder / f"{kind}_{self._id}.db"))
        return self._files[kind]

    # Everybody's. Under the lock of the folder.

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with (self._folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, how)
            yield

    def _sweep(self) -> int:
        """Add up what processes that are gone had counted. Returns how many others live."""
        living = 0
        for mark in self._folder.glob("*.alive"):
            if mark.stem == self._id:
                continue
            with mark.open("w") as file:
                if _is_held(file):
                    living += 1
                else:
                    self._bury(mark)
        return living

    def _bury(self, mark: Path) -> None:
        # Dying in here counts one process's figures twice, which is a peak in a graph and nothing else.
        for kind in _LASTING:
            file = self._folder / f"{kind}_{mark.stem}.db"
            if file.exists():
                _add(file, self._folder / f"{kind}_{_ENDED}.db")
        _remove([*self._folder.glob(f"*_{mark.stem}.db"), mark])


def _plain(samples: Iterable[Sample]) -> Iterator[tuple[str, dict[str, str], float]]:
    """As the library keeps them in files: each bucket without those below it, no count (which the buckets add up to)
    and no time of making."""
    below = 0.0
    for sample in samples:
        if sample.name.endswith("_bucket"):
            yield sample.name, sample.labels, sample.value - below
            below = 0.0 if sample.labels["le"] == "+Inf" else sample.value
        elif not sample.name.endswith(("_count", "_created")):
            yield sample.name, sample.labels, sample.value


def _is_held(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _add(gone: Path, ended: Path) -> None:
    try:
        values = [(key, value) for key, value, _, _ in MmapedDict.read_all_values_from_file(str(gone))]
    except (RuntimeError, ValueError, struct.error) as error:
        # The machine stopped while it was written.
        log.warning("the figures of a process that is gone cannot be read: %s", type(error).__name__)
        return
    total = MmapedDict(str(ended))
    for key, value in values:
        total.write_value(key, total.read_value(key)[0] + value, 0.0)
    total.close()


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
