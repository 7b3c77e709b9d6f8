"""No sound key, no start (T095): one clear sentence that names the setting, shows no value, and no key is made up."""

import base64
import os
import secrets
import subprocess
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from encryption.checks import require_sound_keys, weakness
from encryption.generate import new_master_key, new_secret
from tests.forked import run

pytestmark = pytest.mark.no_database

GOOD, OTHER = new_master_key(), new_master_key()
SECRET = secrets.token_urlsafe(48)
# A token of Fernet begins with its version and eight bytes of time.
FERNET_TOKEN = base64.urlsafe_b64encode(b"\x80\0\0\0\0" + secrets.token_bytes(92)).decode()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def refusal(
    master_keys: str = f"k1:{GOOD}",
    active: str = "k1",
    secret_key: str = SECRET,
    jwt_keys: str = f"j1:{b64(b'j' * 32)}",
) -> str:
    """The sentence that refuses these settings."""
    with pytest.raises(ImproperlyConfigured) as caught:
        require_sound_keys(master_keys, active, secret_key, jwt_keys)
    return str(caught.value)


def test_sound_keys_are_accepted() -> None:
    require_sound_keys(f"k1:{GOOD}", "k1", SECRET, f"j1:{new_secret()}")
    require_sound_keys(f"k1:{GOOD},k2:{OTHER}", "k2", SECRET, {"j1": new_secret(), "j2": secrets.token_bytes(32)})


@pytest.mark.parametrize("text", ["", "  ", ",", " , "])
def test_no_key_is_refused(text: str) -> None:
    assert refusal(text).startswith("MASTER_KEYS is missing or empty: there is no start without a master key")


@pytest.mark.parametrize(
    ("active", "sentence"),
    [
        ("", "MASTER_KEY_ACTIVE is missing: name the id of the key in MASTER_KEYS for new data."),
        ("k2", "MASTER_KEY_ACTIVE is not the id of a key in MASTER_KEYS."),
        (GOOD, "MASTER_KEY_ACTIVE is not the id of a key in MASTER_KEYS."),
    ],
    ids=["missing", "unknown", "the key itself"],
)
def test_an_active_key_that_is_not_there_is_refused(active: str, sentence: str) -> None:
    assert refusal(active=active) == sentence


@pytest.mark.parametrize(
    "entry",
    [GOOD, f":{GOOD}", f"k 1:{GOOD}", f"{'k' * 33}:{GOOD}", f"-:{GOOD}"],
    ids=["no id", "empty", "space", "too long", "no letter"],
)
def test_a_key_without_a_usable_id_is_refused(entry: str) -> None:
    assert "entry 2 is not of the form id:base64" in refusal(f"k1:{OTHER},{entry}")


@pytest.mark.parametrize(
    "value",
    ["not base64!", GOOD[:-1], f"{GOOD}x", GOOD.replace("=", "") + "é="],
    ids=["words", "cut", "longer", "not ASCII"],
)
def test_a_key_that_is_not_base64_is_refused(value: str) -> None:
    assert refusal(f"k1:{value}") == "MASTER_KEYS: k1 is not valid base64."


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_that_is_not_32_bytes_is_refused(size: int) -> None:
    assert refusal(f"k1:{b64(secrets.token_bytes(size))}") == f"MASTER_KEYS: k1 has {size} bytes; a master key has 32."


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (bytes(32), "is all zeros"),
        (b"\xff" * 32, "repeats itself"),
        (b"\x01\xfe" * 16, "repeats itself"),
        (secrets.token_bytes(16) * 2, "repeats itself"),
        ((secrets.token_bytes(5) * 7)[:32], "repeats itself"),
        (bytes(range(32)), "counts up or down, like a key from an example"),
        (bytes(range(255, 159, -3)), "counts up or down, like a key from an example"),
        (b"correct horse battery staple and", "is text, not random bytes"),
        (secrets.token_hex(16).encode(), "is text, not random bytes"),
        (b"\x80" * 18 + secrets.token_bytes(14), "has too few different bytes to be random"),
    ],
    ids=["zeros", "one byte", "two bytes", "half", "five bytes", "up", "down", "words", "hex", "few bytes"],
)
def test_a_key_that_cannot_be_random_is_refused(key: bytes, reason: str) -> None:
    assert (
        refusal(f"k1:{GOOD},k2:{b64(key)}")
        == f"MASTER_KEYS: k2 {reason}. Make another with `python -m encryption.generate`."
    )


def test_random_keys_are_never_called_weak() -> None:
    assert not any(weakness(os.urandom(32)) for _ in range(20_000))


@pytest.mark.parametrize(
    "entry", [f"k1:{FERNET_TOKEN}", FERNET_TOKEN, f"k1: {FERNET_TOKEN}"], ids=["with id", "alone", "space"]
)
def test_a_fernet_token_pasted_as_key_is_refused_with_its_reason(entry: str) -> None:
    assert refusal(entry).startswith("MASTER_KEYS: entry 1 is a Fernet token: something that was encrypted, not a key.")


@pytest.mark.parametrize(
    "secret",
    [GOOD, GOOD.replace("+", "-").replace("/", "_"), GOOD.rstrip("="), f" {GOOD}\n"],
    ids=["base64", "URL-safe", "unpadded", "spaces"],
)
@pytest.mark.parametrize("encode", [str, lambda text: base64.b64decode(GOOD).hex()], ids=["as it is", "in hexadecimal"])
def test_a_key_that_is_also_the_secret_key_is_refused(secret: str, encode: type[str]) -> None:
    assert (
        refusal(secret_key=encode(secret)) == "MASTER_KEYS has the same key as SECRET_KEY; every key has one purpose."
    )


@pytest.mark.parametrize(
    "jwt_keys", [f"j1:{new_secret()},j2:{GOOD}", f"j1:{GOOD.rstrip('=')}", GOOD], ids=["second", "unpadded", "no id"]
)
def test_a_key_that_is_also_a_jwt_key_is_refused(jwt_keys: str) -> None:
    assert refusal(jwt_keys=jwt_keys) == "MASTER_KEYS has the same key as JWT_KEYS; every key has one purpose."


def test_a_key_that_is_a_decoded_jwt_key_is_refused() -> None:
    """Also one that begins and ends with bytes that would be white space in a text."""
    for key in (base64.b64decode(GOOD), b" " + base64.b64decode(GOOD)[1:-1] + b"\n"):
        with pytest.raises(ImproperlyConfigured, match="same key as JWT_KEYS"):
            require_sound_keys(f"k1:{b64(key)}", "k1", SECRET, {"j1": key})


def test_a_jwt_key_that_is_the_secret_key_is_refused() -> None:
    assert refusal(jwt_keys=f"j1:{SECRET}") == "JWT_KEYS has the same key as SECRET_KEY; every key has one purpose."


def test_the_same_key_under_two_ids_is_refused() -> None:
    assert refusal(f"k1:{GOOD},k2:{GOOD}") == "MASTER_KEYS has the same key under two ids."


def test_the_same_id_twice_is_refused() -> None:
    assert refusal(f"k1:{GOOD},k1:{OTHER}") == "MASTER_KEYS has the id k1 twice."


@pytest.mark.parametrize(
    ("master_keys", "active"),
    [
        (GOOD, "k1"),
        (f"k1:{GOOD}x", "k1"),
        (f"k1:{GOOD}", GOOD),
        (f"{GOOD}:k1", "k1"),
        (f"k1:{FERNET_TOKEN}", "k1"),
        (f"k1:{GOOD},k2:{GOOD}", "k1"),
    ],
    ids=["no id", "not base64", "as active id", "as id", "Fernet token", "twice"],
)
def test_no_sentence_shows_a_value(master_keys: str, active: str) -> None:
    sentence = refusal(master_keys, active)
    assert GOOD not in sentence
    assert FERNET_TOKEN not in sentence


# The whole program


def start(command: list[str], **environment: str | None) -> "subprocess.CompletedProcess[str]":
    """Run `manage.py` with these variables changed; None takes one away."""
    changed = {**os.environ, **{name: value for name, value in environment.items() if value is not None}}
    for name in [name for name, value in environment.items() if value is None]:
        changed.pop(name, None)
    return run("manage.py", *command, environment=changed)


@pytest.mark.parametrize("command", ["check", "migrate", "serve", "work", "seed_demo", "verify_vectors"])
def test_no_command_starts_without_a_key_and_none_is_made_up(command: str, tmp_path: Path) -> None:
    ended = start([command], MASTER_KEYS=None, DATA_DIR=str(tmp_path))
    assert ended.returncode != 0
    assert "MASTER_KEYS is missing or empty: there is no start without a master key" in ended.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("master_keys", "sentence"),
    [
        (f"k1:{b64(GOOD.encode()[:31])}", "MASTER_KEYS: k1 has 31 bytes; a master key has 32."),
        (f"k1:{b64(bytes(32))}", "MASTER_KEYS: k1 is all zeros."),
        (f"k1:{GOOD}", "MASTER_KEYS has the same key as SECRET_KEY"),
        (f"k1:{FERNET_TOKEN}", "MASTER_KEYS: entry 1 is a Fernet token"),
    ],
    ids=["31 bytes", "zeros", "equal to SECRET_KEY", "Fernet token"],
)
def test_the_program_refuses_an_unsound_key(master_keys: str, sentence: str) -> None:
    ended = start(["check"], MASTER_KEYS=master_keys, MASTER_KEY_ACTIVE="k1", SECRET_KEY=GOOD)
    assert ended.returncode != 0
    assert sentence in ended.stderr
    assert GOOD not in ended.stdout + ended.stderr
    assert FERNET_TOKEN not in ended.stdout + ended.stderr
