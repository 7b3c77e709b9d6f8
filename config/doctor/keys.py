"""Keys. That there are sound ones, and no two the same, the settings see to: without, not even this runs."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from dotenv import dotenv_values

from config import env
from config.doctor.checks import Asked, Finding, State, check, error, not_applicable, ok, warning
from encryption.canary import canaries
from encryption.models import wrapping_key_ids

_SECRETS = (
    *("MASTER_KEYS", "SECRET_KEY", "JWT_KEYS", "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "METRICS_TOKEN"),
    *("STORAGE_S3_ACCESS_KEY", "STORAGE_S3_SECRET_KEY", "STORAGE_AZURE_CONNECTION", "STORAGE_GCS_CREDENTIALS"),
    "DEMO_PASSWORD",
)


@check(
    "keys.signing",
    "The signing key cannot be guessed",
    takes={"parley.E006": State.ERROR, "security.W009": State.ERROR},
)
def signing(asked: Asked) -> Finding:
    return ok("SECRET_KEY is long and random; the settings refuse one that is also a master key or a key of tokens.")


@check("keys.vault", "The master keys are those that the vault knows", takes={"encryption.E002": State.ERROR})
def vault(asked: Asked) -> Finding:
    """The canary: a wrong key under a right id would seal everything new for nobody."""
    known = canaries()
    if settings.MASTER_KEY_ACTIVE not in known:
        remedy = "Start a server: it enters the key into the vault."
        return warning("The vault does not know the active master key yet.", remedy)
    return ok(f"The vault knows {len(known)} by fingerprint, and none is missing.")


@check("keys.rewrapped", "Everything is wrapped under the active master key")
def rewrapped(asked: Asked) -> Finding:
    old = sorted(wrapping_key_ids() - {settings.MASTER_KEY_ACTIVE})
    if old:
        return warning(f"Keys are still wrapped under {', '.join(old)}.", "Run `manage.py keys rewrap`.")
    return ok("It is.")


@check("keys.apart", "Keys and data do not lie in one place")
def apart(asked: Asked) -> Finding:
    """Whoever copies the folder with the database or the files must not get the keys along."""
    keeps_data = settings.STORAGE_PROVIDER == "local" or settings.DATABASE_URL.startswith("sqlite")
    if keeps_data and _keys_are_in_data_dir():
        remedy = "Keep MASTER_KEYS in the service's environment, or in a file elsewhere that MASTER_KEYS_FILE names."
        return error("The master keys are in DATA_DIR, beside what they protect.", remedy)
    return ok("They do not.")


def _keys_are_in_data_dir() -> bool:
    file = os.environ.get("MASTER_KEYS_FILE", "")
    inside = bool(file) and Path(file).resolve().is_relative_to(env.DATA_DIR.resolve())
    return inside or bool(dotenv_values(env.DATA_DIR / ".env").get("MASTER_KEYS"))


@check("keys.files", "Files with secrets are readable by the server's user alone")
def files(asked: Asked) -> Finding:
    found = {name: _openness(path) for name, path in _files()}
    if not found:
        return not_applicable("No secret is in a file that Parley reads.")
    remedy = "Give it to the server's user, with mode 0400 or 0600."
    for state in (State.ERROR, State.WARNING):
        if named := [name for name, openness in found.items() if openness is state]:
            return Finding(
                state, f"{', '.join(named)}: other users of the machine can read or change the file.", remedy
            )
    return ok(f"{len(found)} of them are.")


def _files() -> Iterator[tuple[str, Path]]:
    if (env.DATA_DIR / ".env").exists():
        yield ".env of DATA_DIR", env.DATA_DIR / ".env"
    for name in _SECRETS:
        if path := os.environ.get(f"{name}_FILE"):
            yield f"{name}_FILE", Path(path)


def _openness(path: Path) -> State:
    """A group that may read can be on purpose, as container platforms do it."""
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        return State.ERROR
    return State.WARNING if mode & stat.S_IRWXG else State.OK
