"""The arithmetic of codes, and what is stored of them."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import pytest
from django.db import connection

from accounts import totp
from accounts.models import RecoveryCode, TotpDevice
from accounts.services import begin_second_factor, confirm_second_factor
from tests.accounts.authenticator import Clock, clock, code_at
from tests.people import Person

__all__ = ["clock"]

pytestmark = pytest.mark.core

RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""`12345678901234567890`, of RFC 6238 appendix B."""


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("unix_time", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(clock: Clock, unix_time: int, code: str) -> None:
    """RFC 6238 appendix B; 6 digits are the last ones of its 8."""
    clock.moment = datetime.fromtimestamp(unix_time, UTC)
    assert totp.matching_step(RFC_SECRET, code, -1) == unix_time // 30
    assert code_at(RFC_SECRET, unix_time) == code


@pytest.mark.no_database
@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_wrong_by_one_step(clock: Clock, steps: int, good: bool) -> None:
    code = code_at(RFC_SECRET, clock.moment.timestamp() + steps * 30)
    assert (totp.matching_step(RFC_SECRET, code, -1) is not None) is good


@pytest.mark.no_database
def test_a_step_is_used_up_with_all_before_it(clock: Clock) -> None:
    moment = clock.moment.timestamp()
    step = int(moment) // 30
    assert totp.matching_step(RFC_SECRET, code_at(RFC_SECRET, moment), step - 1) == step
    assert totp.matching_step(RFC_SECRET, code_at(RFC_SECRET, moment), step) is None
    assert totp.matching_step(RFC_SECRET, code_at(RFC_SECRET, moment - 30), step) is None
    assert totp.matching_step(RFC_SECRET, code_at(RFC_SECRET, moment + 30), step) == step + 1


@pytest.mark.no_database
@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "٠٥٠٤٧١", "-50471", "5e4", "0x1234", "\x00", "0" * 64]
)
def test_what_is_no_code_is_refused(clock: Clock, code: str) -> None:
    clock.moment = datetime.fromtimestamp(1111111111, UTC)
    assert totp.matching_step(RFC_SECRET, code, -1) is None


@pytest.mark.no_database
def test_a_code_may_be_typed_with_a_gap(clock: Clock) -> None:
    clock.moment = datetime.fromtimestamp(1111111111, UTC)
    assert totp.matching_step(RFC_SECRET, " 050 471 ", -1) is not None


@pytest.mark.no_database
def test_the_address_for_the_app_says_all_it_needs() -> None:
    parts = urlsplit(totp.address(RFC_SECRET, "anna/ä"))
    assert (parts.scheme, parts.netloc, unquote(parts.path)) == ("otpauth", "totp", "/Parley:anna/ä")
    facts = {"secret": RFC_SECRET, "issuer": "Parley", "algorithm": "SHA1", "digits": "6", "period": "30"}
    assert parse_qs(parts.query) == {name: [value] for name, value in facts.items()}


@pytest.mark.no_database
def test_the_picture_is_one_that_the_content_policy_lets_through() -> None:
    shown = totp.picture("otpauth://totp/x")
    root = ElementTree.fromstring(shown)  # noqa: S314  made here
    assert root.tag.endswith("svg")
    assert "style" not in shown
    assert "script" not in shown
    assert "#fff" in shown


@pytest.mark.no_database
def test_secrets_have_160_bits_and_differ() -> None:
    secrets = {totp.new_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert {len(secret) for secret in secrets} == {32}


def test_a_recovery_code_may_be_typed_as_one_likes() -> None:
    [code, other, *_] = totp.new_recovery_codes()
    assert totp.recovery_hash(code) == totp.recovery_hash(f" {code.lower().replace('-', ' ')} ")
    assert totp.recovery_hash(code) != totp.recovery_hash(other)
    assert totp.recovery_hash("050471") is None


def test_neither_secret_nor_recovery_codes_are_in_the_database(clock: Clock, adm1: Person) -> None:
    secret = begin_second_factor(actor=adm1.actor, session="a").secret
    device, codes = confirm_second_factor(actor=adm1.actor, session="a", code=code_at(secret, clock.moment.timestamp()))
    assert len(codes) == 10
    stored = b""
    with connection.cursor() as cursor:
        for model in (TotpDevice, RecoveryCode):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")  # noqa: S608  a name of ours
            stored += b"".join(
                bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                for row in cursor.fetchall()
                for value in row
            )
    assert secret.encode() not in stored
    assert not any(code.replace("-", "").encode() in stored for code in codes)
    assert str(device) == str(device.id)
