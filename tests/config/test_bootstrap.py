"""The first `.env`: made once, whole, for its owner only."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.bootstrap import write_environment

pytestmark = pytest.mark.no_database


@pytest.mark.core
def test_it_writes_fresh_keys_that_only_the_owner_can_read(tmp_path: Path) -> None:
    first, second = (write_environment(tmp_path / name) for name in ("a", "b"))
    assert first is not None
    assert second is not None
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    names = [line.split("=")[0] for line in first.read_text().splitlines() if not line.startswith("#")]
    assert names == ["MASTER_KEYS", "MASTER_KEY_ACTIVE", "SECRET_KEY", "JWT_KEYS", "DEMO_PASSWORD"]
    assert first.read_text() != second.read_text()


@pytest.mark.core
def test_a_repeat_changes_nothing(tmp_path: Path) -> None:
    first = write_environment(tmp_path)
    assert first is not None
    before = first.read_bytes()
    assert write_environment(tmp_path) is None
    assert first.read_bytes() == before


@pytest.mark.core
def test_of_many_starts_at_once_one_writes_and_nothing_is_left_over(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: write_environment(tmp_path), range(16)))
    assert sum(path is not None for path in made) == 1
    assert os.listdir(tmp_path) == [".env"]


def test_the_keys_it_writes_are_good_enough_to_start_with(tmp_path: Path) -> None:
    environment = {"DATA_DIR": str(tmp_path), "PATH": os.environ["PATH"]}
    for command in (["-m", "config.bootstrap"], ["manage.py", "check"]):
        subprocess.run([sys.executable, *command], env=environment, check=True, capture_output=True)
