"""Several processes of tests share no server."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.no_database


def test_one_redis_for_several_processes_is_refused() -> None:
    """Each empties the database it is given, before every test."""
    command = [sys.executable, "-m", "pytest", "-n", "2", "tests/core/test_text.py"]
    environment = {**os.environ, "TEST_REDIS_URL": "redis://127.0.0.1:1/0"}
    # What these say makes a process one of several, and not the one that starts them.
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        environment.pop(name, None)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert "TEST_REDIS_URL" in ended.stderr
