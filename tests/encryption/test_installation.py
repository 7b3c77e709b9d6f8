"""The one row that identifies the installation, and the constraints of the vault's tables."""

from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction

from encryption.models import DataKey, DataKeyState, Installation, installation

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def read_again() -> None:
    installation.cache_clear()


def test_the_first_migration_makes_the_row_and_it_is_read_once() -> None:
    first = installation()
    assert (first.org.int, first.epoch.int) > (0, 0)
    assert installation() is first


def test_there_is_never_a_second_row() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Installation.objects.create(id=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        Installation.objects.create(id=1)


def test_a_lost_row_is_not_made_up() -> None:
    """Another `org` would leave every key and field unreadable, without a word."""
    Installation.objects.all().delete()
    with pytest.raises(ImproperlyConfigured, match="no installation row"):
        installation()
    assert not Installation.objects.exists()


@pytest.mark.parametrize(
    ("state", "blob"),
    [
        (DataKeyState.SHREDDED, bytes(61)),
        (DataKeyState.ACTIVE, None),
        (DataKeyState.RETIRED, None),
        ("lost", bytes(61)),
    ],
)
def test_a_data_key_is_either_there_or_shredded(state: str, blob: bytes | None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        DataKey.objects.create(conversation=uuid4(), epoch=1, period="2026-11", kek_id="k1", state=state, blob=blob)


def test_epochs_count_from_one_and_each_is_there_once() -> None:
    row = {"conversation": uuid4(), "period": "2026-11", "kek_id": "k1", "blob": bytes(61)}
    with pytest.raises(IntegrityError), transaction.atomic():
        DataKey.objects.create(epoch=0, **row)
    DataKey.objects.create(epoch=1, **row)
    with pytest.raises(IntegrityError), transaction.atomic():
        DataKey.objects.create(epoch=1, **row)
