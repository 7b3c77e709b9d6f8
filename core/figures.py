"""What all processes on this machine have counted, added up: each keeps a copy of its figures in DATA_DIR/metrics.

The files are those of prometheus-client's multiprocess mode, and its collector adds them up. The library would write
them whenever something is counted, which takes three times as long as counting in memory, and a page that is just being
written to the disk holds up whoever writes to it: the event loop. On a full disk it would end the process (SIGBUS),
because it maps files with holes into memory. So they are written from here, every few seconds and whenever somebody
asks this process, each in one piece: whoever reads finds the old file or the new one. While they cannot be written
everybody goes on telling what was written last.

A process that lives holds a lock on its file `….alive` (flock(2)): locks are seen across containers that share the
folder, ids of processes are not. What one that is gone had counted is added to `…_ended.db`: a counter that went down
would look like a restart to Prometheus, which would then count everything of the others once more. Its gauges go.
"""

import fcntl
import logging
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
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
        self._writing = threading.Lock()
        # One by one: the mode is that of the last one only.
        for one in (folder.parent, folder):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(fcntl.LOCK_EX):
            if not self._sweep():
                _remove(folder.glob("*.db*"))
            # Under the lock: between making the file and locking it, a sweep would take this process for dead.
            self._alive = (folder / f"{self._id}.alive").open("w")
            fcntl.flock(self._alive, fcntl.LOCK_EX)

    def publish(self) -> None:
        """Write down what this process has counted until now. About 10 ms, in small steps. Raises OSError when there is
        no room; what was written before stays."""
        with self._writing:
            if self._alive.closed:
                return
            for kind, values in self._counted().items():
                _write(self._folder / f"{kind}_{self._id}.db", values)

    def collect(self) -> Iterable[Metric]:
        """The figures of all processes: this one's as of now, the others' as they last published them."""
        with suppress(OSError):  # a full disk, which is said every few seconds: what was written last
            self.publish()
            with self._locked(fcntl.LOCK_EX):
                self._sweep()
        with self._locked(fcntl.LOCK_SH):
            return list(MultiProcessCollector(None, str(self._folder)).collect())

    def end(self) -> None:
        """Publish for the last time. Whoever comes next counts this process as gone. A repeat does nothing."""
        with suppress(OSError):  # as above
            self.publish()
        with self._writing:
            self._alive.close()

    # This process's own.

    def _counted(self) -> dict[str, dict[str, float]]:
        """By kind of file, as the library names them, and by key."""
        counted: dict[str, dict[str, float]] = defaultdict(dict)
        for family in measuring.registry.collect():
            kind = family.type if family.type != "gauge" else f"gauge_{measuring.together[family.name]}"
            for name, labels, value in _plain(family.samples):
                key = mmap_key(family.name, name, list(labels), list(labels.values()), family.documentation)
                counted[kind][key] = value
            # Lets the event loop have the interpreter, which it would wait 5 ms for otherwise.
            time.sleep(0)
        return counted

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
                file.unlink()
        _remove([*self._folder.glob(f"*_{mark.stem}.db*"), mark])


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
        values = _read(gone)
    except (RuntimeError, ValueError, struct.error) as error:
        # The machine stopped while it was written.
        log.warning("the figures of a process that is gone cannot be read: %s", type(error).__name__)
        return
    total = _read(ended) if ended.exists() else {}
    _write(ended, total | {key: total.get(key, 0.0) + value for key, value in values.items()})


def _read(file: Path) -> dict[str, float]:
    return {key: value for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file))}


def _write(file: Path, values: Mapping[str, float]) -> None:
    """As the library lays it out (prometheus_client.mmap_dict): the length of all, then each key, padded, its value and
    no time. In the place of the old file when it is whole."""
    entries = b"".join(_entry(key.encode(), value) for key, value in values.items())
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_bytes(struct.pack("ii", 8 + len(entries), 0) + entries)
    fresh.replace(file)


def _entry(key: bytes, value: float) -> bytes:
    padded = key + b" " * (8 - (len(key) + 4) % 8)
    return struct.pack(f"i{len(padded)}sdd", len(key), padded, value, 0.0)


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
