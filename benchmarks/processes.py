"""What processes cost: CPU seconds and memory of process trees, read from Linux's /proc.

CPU time counts every process of a tree and those of its children that have ended. Of memory, RSS counts shared pages
in every process, PSS shares them out (proc(5)).
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class _Status(NamedTuple):
    parent: int
    ticks: int


class _Ticks(NamedTuple):
    used: int
    stolen: int
    all: int


class Memory(NamedTuple):
    """In KiB."""

    rss: int
    pss: int


class CpuTimes:
    """CPU seconds of some process trees since this was made."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = dict(roots)
        self._begin = self._now()

    def seconds(self) -> dict[str, float]:
        """By the names of the trees."""
        return {name: spent - self._begin[name] for name, spent in self._now().items()}

    def _now(self) -> dict[str, float]:
        statuses = _all_statuses()
        return {name: _ticks(_tree(root, statuses), statuses) / _TICKS_PER_SECOND for name, root in self._roots.items()}


class Machine:
    """What has become of the machine's CPU time since this was made."""

    def __init__(self) -> None:
        self._begin = _machine_ticks()

    def stolen(self) -> float:
        """The share that the hypervisor has given to other machines."""
        now = _machine_ticks()
        return (now.stolen - self._begin.stolen) / max(1, now.all - self._begin.all)

    def elsewhere(self, seconds: float) -> float:
        """The share that was used, but for these CPU seconds: by programs that have nothing to do with it."""
        now = _machine_ticks()
        used = now.used - self._begin.used - seconds * _TICKS_PER_SECOND
        return max(0.0, used / max(1, now.all - self._begin.all))


class PeakMemory:
    """The most memory that a process and everything below it have had since this was made.

    The kernel keeps each process' peak (VmHWM) and forgets it when 5 is written to clear_refs (proc(5)): nothing is
    missed between two looks. Peaks of several processes are added up, as if they had come at once.
    """

    def __init__(self, root: int) -> None:
        self._pids = _tree(root, _all_statuses())
        for pid in self._pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._begin = self._rss()

    def growth(self) -> int:
        """RSS at the peak less RSS at the beginning, in KiB."""
        return self._rss() - self._begin

    def _rss(self) -> int:
        return sum(_peak(pid) for pid in self._pids)


def memory_of(root: int) -> Memory:
    """Of a process and everything below it."""
    rollups = [_rollup(pid) for pid in _tree(root, _all_statuses())]
    return Memory(sum(each.rss for each in rollups), sum(each.pss for each in rollups))


def keep_on(root: int, cores: Iterable[int]) -> None:
    """Let a process tree, with every thread in it, run on these cores only; what it starts later stays there too."""
    for pid in _tree(root, _all_statuses()):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), set(cores))


def _all_statuses() -> dict[int, _Status]:
    found = {int(folder.name): _status(folder) for folder in Path("/proc").iterdir() if folder.name.isdigit()}
    return {pid: status for pid, status in found.items() if status is not None}


def _status(folder: Path) -> _Status | None:
    try:
        text = (folder / "stat").read_text(errors="replace")
    except OSError:
        return None  # it has ended meanwhile
    # A program's name can hold anything, brackets too: what counts stands behind the last one.
    fields = text[text.rindex(")") + 2 :].split()
    return _Status(parent=int(fields[1]), ticks=sum(map(int, fields[11:15])))


def _tree(root: int, statuses: Mapping[int, _Status]) -> list[int]:
    if root not in statuses:
        raise ProcessLookupError(f"process {root} is gone")
    found = [root]
    for pid in found:  # grows while it is walked through
        found += [child for child, status in statuses.items() if status.parent == pid]
    return found


def _ticks(pids: Iterable[int], statuses: Mapping[int, _Status]) -> int:
    return sum(statuses[pid].ticks for pid in pids)


def _rollup(pid: int) -> Memory:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    sizes = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines[1:])}
    return Memory(int(sizes["Rss"]), int(sizes["Pss"]))


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _machine_ticks() -> _Ticks:
    """From the first line of /proc/stat: user, nice, system, idle, waiting, interrupts, soft interrupts, stolen."""
    with Path("/proc/stat").open() as file:
        user, nice, system, idle, waiting, hard, soft, stolen = map(int, file.readline().split()[1:9])
    used = user + nice + system + hard + soft
    return _Ticks(used, stolen, used + idle + waiting + stolen)
