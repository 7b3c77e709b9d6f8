"""Master keys for tests, beside the one that the suite runs with, and the commands that change from one to another."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.management import call_command

from encryption.generate import new_master_key
from encryption.keyring import Keyring
from encryption.providers import EnvironmentProvider, parse_master_keys

ROOT = Path(__file__).parents[2]


def provider(keys: str, active: str) -> EnvironmentProvider:
    return EnvironmentProvider(parse_master_keys(keys), active)


def present() -> EnvironmentProvider:
    """The suite's own: k1."""
    return EnvironmentProvider.from_settings()


def another(key_id: str) -> str:
    """A new key under this id, as it stands in MASTER_KEYS."""
    return f"{key_id}:{new_master_key()}"


def with_next(key_id: str = "k2") -> tuple[str, str]:
    """MASTER_KEYS with one more key, which is active."""
    return f"{settings.MASTER_KEYS},{another(key_id)}", key_id


def environment(keys: str, active: str) -> dict[str, str]:
    """Of a process that has these keys."""
    return {"MASTER_KEYS": keys, "MASTER_KEY_ACTIVE": active}


def process(*arguments: str, **settings_: str) -> "subprocess.CompletedProcess[str]":
    """A command of its own until its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **settings_},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run(*arguments: Any) -> str:
    """`manage.py keys …` in this process; what it wrote."""
    output = io.StringIO()
    call_command("keys", *arguments, stdout=output, stderr=output)
    return output.getvalue()


def seal_some(ring: Keyring, conversations: int) -> dict[Any, tuple[Any, bytes]]:
    """New conversations with a data key each; of each a value's id and the value."""
    ids = [uuid4() for _ in range(conversations)]
    ring.prepare(ids)
    sealed = {}
    for id_ in ids:
        object_id = uuid4()
        sealed[id_] = object_id, ring.seal(id_, **place(object_id), payload={"content": str(id_)})
    return sealed


def all_open(ring: Keyring, sealed: dict[Any, tuple[Any, bytes]]) -> bool:
    ring.preload_blobs((id_, blob) for id_, (_, blob) in sealed.items())
    return all(
        ring.open_sealed(blob, id_, **place(object_id)) == {"content": str(id_)}
        for id_, (object_id, blob) in sealed.items()
    )


def place(object_id: Any) -> dict[str, Any]:
    return {"object_id": object_id, "sender_id": object_id, "revision": 0, "kind": "text"}
