"""Figures of several processes: added up, and what the dead had counted stays counted."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.figures import Figures

pytestmark = [pytest.mark.core, pytest.mark.no_database]

PROCESS = """
    import resource
    import sys
    from pathlib import Path
    from core import measuring
    from core.figures import Figures

    measuring.gauge("test_here", "Processes that are there.", lambda: 1.0)
    measuring.gauge("test_size", "How large each one is.", lambda: float(sys.argv[2]), largest=True)
    counted = measuring.counter("test_counted", "What was counted.", "kind")
    lasted = measuring.histogram("test_lasted_seconds", "How long it took.", buckets=(1, 10))
    tally = measuring.tally("test_tally", "Very much.")
    figures = Figures(Path(sys.argv[1]))
    for line in sys.stdin:
        if line == "count\\n":
            counted.inc("one")
            lasted.observe(5.0)
            tally.n += 1000
            figures.publish()
        elif line == "full\\n":
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
            counted.inc("one")
        elif line == "read\\n":
            found = {}
            for family in figures.collect():
                for sample in family.samples:
                    if "_test_" in sample.name:
                        found[" ".join([sample.name, *sample.labels.values()])] = sample.value
            import json
            print(json.dumps(found), flush=True)
            continue
        elif line == "end\\n":
            figures.end()
            break
        print("done", flush=True)
"""


class Process:
    """A process that counts what it is told to."""

    def __init__(self, folder: Path, size: int) -> None:
        command = [sys.executable, "-c", textwrap.dedent(PROCESS), str(folder), str(size)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.tell("begun")

    def tell(self, what: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def read(self) -> dict[str, float]:
        found: dict[str, float] = json.loads(self.tell("read"))
        return found

    def end(self, how: signal.Signals | None = None) -> None:
        if how is None:
            self.tell("end")
        else:
            self.process.send_signal(how)
        self.process.wait(20)


@contextmanager
def counting(folder: Path, size: int = 1) -> Iterator[Process]:
    one = Process(folder, size)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()


def test_processes_are_added_up(tmp_path: Path) -> None:
    with counting(tmp_path, 3) as one, counting(tmp_path, 7) as other:
        one.tell("count")
        one.tell("count")
        other.tell("count")
        assert (
            one.read()
            == other.read()
            == {
                "parley_test_here": 2,
                "parley_test_size": 7,
                "parley_test_counted_total one": 3,
                "parley_test_tally_total": 3000,
                "parley_test_lasted_seconds_bucket 1.0": 0,
                "parley_test_lasted_seconds_bucket 10.0": 3,
                "parley_test_lasted_seconds_bucket +Inf": 3,
                "parley_test_lasted_seconds_count": 3,
                "parley_test_lasted_seconds_sum": 15,
            }
        )


@pytest.mark.parametrize("how", [signal.SIGKILL, None])
def test_what_a_process_that_is_gone_had_counted_stays_and_its_gauges_go(
    tmp_path: Path, how: signal.Signals | None
) -> None:
    with counting(tmp_path) as one:
        for _ in range(3):
            with counting(tmp_path, 7) as other:
                other.tell("count")
                other.end(how)
        one.tell("count")
        found = one.read()
        assert (found["parley_test_counted_total one"], found["parley_test_here"], found["parley_test_size"]) == (
            4,
            1,
            1,
        )
        assert found["parley_test_lasted_seconds_count"] == 4
        assert len([*tmp_path.glob("*.alive")]) == 1
        assert len([*tmp_path.glob("*.db")]) == 6


def test_when_all_were_gone_counting_begins_anew(tmp_path: Path) -> None:
    with counting(tmp_path) as one:
        one.tell("count")
    with counting(tmp_path) as next_one:
        assert next_one.read().get("parley_test_counted_total one", 0) == 0
        assert next_one.read()["parley_test_tally_total"] == 0


def test_a_file_that_a_power_cut_has_damaged_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with counting(tmp_path) as one:
        one.tell("count")
        (tmp_path / "dead.alive").touch()
        (tmp_path / "counter_dead.db").write_bytes(b"\xff\x7f\0\0" + os.urandom(5000))
        assert one.read()["parley_test_counted_total one"] == 1
        assert not (tmp_path / "counter_dead.db").exists()


def test_while_nothing_can_be_written_what_was_written_last_is_told(tmp_path: Path) -> None:
    with counting(tmp_path) as one, counting(tmp_path) as other:
        one.tell("count")
        one.tell("full")
        other.tell("count")
        other.end(signal.SIGKILL)
        assert one.read()["parley_test_counted_total one"] == 2
        one.end()
        assert one.process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_file_is_mapped_into_memory(tmp_path: Path) -> None:
    """On a full disk, writing to a page of it that has no room yet would end the process (SIGBUS)."""
    with counting(tmp_path) as one:
        one.tell("count")
        assert str(tmp_path) not in Path(f"/proc/{one.process.pid}/maps").read_text()


def test_a_file_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    with counting(tmp_path) as one, counting(tmp_path) as other:
        for process in (one, other):
            process.tell("count")
        for file in tmp_path.glob("*.db"):
            file.with_name(f"{file.name}.new").write_bytes(b"")
        assert one.read()["parley_test_counted_total one"] == 2
        other.end(signal.SIGKILL)
        assert one.read()["parley_test_counted_total one"] == 2
        assert [*tmp_path.glob("*.new")] == []


def test_nobody_else_may_read_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "below" / "metrics"
    figures = Figures(folder)
    figures.end()
    assert folder.stat().st_mode & 0o077 == 0
