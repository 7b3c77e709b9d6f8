"""Who copies .env.example and fills in the keys gets the defaults, and nothing else."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from tests.forked import run

pytestmark = pytest.mark.no_database
KEYS = ("MASTER_KEYS", "MASTER_KEY_ACTIVE", "SECRET_KEY", "JWT_KEYS")
DEPENDS_ON_THE_DATABASE = {"ADMIN_COOKIES_SECURE", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"}
SHOW = """
import json, sys
from config import settings
json.dump({name: value for name, value in vars(settings).items() if name.isupper()}, sys.stdout, default=repr)
"""


def settings_with(**more: str) -> dict[str, Any]:
    environment = {name: os.environ[name] for name in ("PATH", "DATA_DIR", *KEYS)} | more
    shown = run("-c", SHOW, environment=environment)
    assert shown.returncode == 0, shown.stderr
    found: dict[str, Any] = json.loads(shown.stdout)
    return {name: value for name, value in found.items() if name not in DEPENDS_ON_THE_DATABASE}


def test_the_example_has_the_defaults() -> None:
    example = {name: value or "" for name, value in dotenv_values(Path(".env.example")).items()}
    given = {name: value for name, value in example.items() if name not in {*KEYS, "DATA_DIR"}}
    assert len(given) > 30
    assert settings_with(**given) == settings_with()
