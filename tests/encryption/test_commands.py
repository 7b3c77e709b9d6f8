"""What operators run: new keys, known answers, and the checks that look into the vault."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError

from encryption import formats, generate
from encryption.checks import require_sound_keys
from encryption.keyring import keyring
from encryption.models import DataKey, DataKeyState
from encryption.providers import parse_master_keys

pytestmark = pytest.mark.core

ROOT = Path(__file__).parents[2]


def run(command: str, *arguments: str) -> tuple[str, str]:
    """What the command wrote to standard output and standard error."""
    output, errors = io.StringIO(), io.StringIO()
    call_command(command, *arguments, stdout=output, stderr=errors)
    return output.getvalue(), errors.getvalue()


# verify_vectors (T097)


def test_the_known_answers_are_verified_one_by_one() -> None:
    output, _ = run("verify_vectors")
    lines = output.splitlines()
    assert "ok        message opens" in lines
    assert all(line.startswith("ok ") for line in lines)


def test_a_build_that_computes_something_else_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_VERSION_AND_ALG", b"\2\1")
    output = io.StringIO()
    with pytest.raises(CommandError, match=r"2 of 11 known answers do not hold\.") as caught:
        call_command("verify_vectors", stdout=output)
    assert caught.value.returncode == 1
    assert [line for line in output.getvalue().splitlines() if line.startswith("mismatch")] == [
        "mismatch  message seals",
        "mismatch  message opens",
    ]


# generate_key


def test_a_new_key_comes_alone_on_standard_output_under_the_next_free_id(settings: Any) -> None:
    settings.MASTER_KEYS = f"k1:{generate.new_master_key()},k3:{generate.new_master_key()}"
    output, advice = run("generate_key")
    assert output.startswith("k2:")
    assert output.count("\n") == 1
    assert "keep k1, k3" in advice
    assert output.strip().partition(":")[2] not in advice
    require_sound_keys(f"{settings.MASTER_KEYS},{output.strip()}", "k2", "secret", "")


@pytest.mark.no_database
def test_the_first_key_can_be_made_without_any_settings() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "encryption.generate"],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert len(parse_master_keys(f"k1:{ended.stdout.strip()}")["k1"]) == 32


@pytest.mark.no_database
def test_new_keys_and_secrets_differ_and_are_long_enough() -> None:
    assert len({generate.new_master_key() for _ in range(100)}) == 100
    assert len({generate.new_secret() for _ in range(100)}) == 100
    assert len(generate.new_secret()) >= 43
    with pytest.raises(ValueError, match="at least 32 bytes"):
        generate.new_secret(31)


@pytest.mark.no_database
def test_a_key_that_happens_to_look_weak_is_not_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([bytes(32), bytes(range(100, 132)), bytes.fromhex("9c" * 16 + "1f" * 16), os.urandom(32)])
    monkeypatch.setattr(generate, "urandom", lambda size: next(drawn))
    assert parse_master_keys(f"k1:{generate.new_master_key()}")
    assert not [*drawn]


# System checks


def test_a_sound_installation_passes_the_checks() -> None:
    keyring().current_epoch_key(uuid4())
    run("check", "--database", "default")


def test_a_vault_wrapped_under_a_key_that_is_gone_is_found() -> None:
    keyring().current_epoch_key(uuid4())
    DataKey.objects.update(kek_id="k9")
    with pytest.raises(SystemCheckError, match=r"\(encryption\.E002\) .* under k9, which MASTER_KEYS does not have"):
        run("check", "--database", "default")


def test_a_destroyed_key_needs_no_master_key() -> None:
    keyring().current_epoch_key(uuid4())
    DataKey.objects.update(kek_id="k9", state=DataKeyState.SHREDDED, blob=None)
    run("check", "--database", "default")


def test_a_period_that_does_not_exist_is_found(settings: Any) -> None:
    settings.KEY_EPOCH = "week"
    with pytest.raises(SystemCheckError, match=r"KEY_EPOCH must be one of year, month, day"):
        run("check", "--tag", "security")
