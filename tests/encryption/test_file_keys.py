"""The key of a file: made under its conversation's key, stored wrapped, and gone when that is destroyed."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core.errors import Shredded
from encryption import files, formats, periods
from encryption.formats import Undecryptable
from encryption.keyring import Keyring
from encryption.models import DataKey, DataKeyState
from encryption.providers import EnvironmentProvider

pytestmark = pytest.mark.core

MASTER_KEY = os.urandom(32)


@pytest.fixture
def ring() -> Keyring:
    return another_process()


def another_process() -> Keyring:
    """A key ring with an empty memory, over the same database and master keys."""
    return Keyring(EnvironmentProvider({"k1": MASTER_KEY}, active="k1"))


def refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except Undecryptable:
        return True
    return False


def test_what_one_process_makes_another_opens(ring: Keyring) -> None:
    conversation, attachment = uuid4(), uuid4()
    made = ring.new_file_key(conversation, attachment)
    assert len(made.key) == 32
    assert (made.epoch, len(made.record), made.record[:1]) == (1, 61, b"\2")
    other = another_process()
    assert other.file_key(conversation, attachment, made.epoch, made.record) == made.key
    assert other.file_key(conversation, attachment, made.epoch, memoryview(made.record)) == made.key


def test_every_file_has_a_key_of_its_own_that_nothing_shows(ring: Keyring) -> None:
    conversation, attachment = uuid4(), uuid4()
    made = [ring.new_file_key(conversation, attachment) for _ in range(100)]
    assert len({file.key for file in made}) == len({file.record[1:13] for file in made}) == 100
    assert not any(file.key in file.record for file in made)
    assert repr(made[0]) == f"{made[0]}" == "<FileKey of epoch 1>"


def test_a_record_opens_only_for_its_file(ring: Keyring) -> None:
    """T090: the record, or the whole row, moved to another file or conversation."""
    conversation, attachment = uuid4(), uuid4()
    made, elsewhere = ring.new_file_key(conversation, attachment), uuid4()
    ring.new_file_key(elsewhere, attachment)
    assert refused(lambda: ring.file_key(conversation, uuid4(), 1, made.record))
    assert refused(lambda: ring.file_key(elsewhere, attachment, 1, made.record))
    assert refused(lambda: ring.file_key(conversation, attachment, 2, made.record))


def test_every_turned_bit_of_a_record_is_refused(ring: Keyring) -> None:
    conversation, attachment = uuid4(), uuid4()
    record = ring.new_file_key(conversation, attachment).record
    for at in range(len(record)):
        for bit in range(8):
            changed = record[:at] + bytes([record[at] ^ 1 << bit]) + record[at + 1 :]
            assert refused(partial(ring.file_key, conversation, attachment, 1, changed))


@pytest.mark.parametrize("what", ["cut", "longer", "empty", "data key", "other key"])
def test_what_is_no_record_of_a_file_key_is_refused(ring: Keyring, what: str) -> None:
    conversation, attachment = uuid4(), uuid4()
    record = ring.new_file_key(conversation, attachment).record
    instead = {
        "cut": record[:-1],
        "longer": record + b"\0",
        "empty": b"",
        "data key": formats.DATA_KEY_RECORD + record[1:],
        "other key": formats.OTHER_KEY_RECORD + record[1:],
    }[what]
    assert refused(lambda: ring.file_key(conversation, attachment, 1, instead))


def test_a_file_keeps_the_epoch_in_which_it_arrived(ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation, first, second = uuid4(), uuid4(), uuid4()
    monkeypatch.setattr(periods, "now", lambda: datetime(2026, 11, 30, tzinfo=UTC))
    before = ring.new_file_key(conversation, first)
    monkeypatch.setattr(periods, "now", lambda: datetime(2026, 12, 1, tzinfo=UTC))
    after = ring.new_file_key(conversation, second)
    assert (before.epoch, after.epoch) == (1, 2)
    assert ring.file_key(conversation, first, 1, before.record) == before.key
    # Wrapped again under the other epoch's key, by somebody who has that one, it is still no record of this epoch.
    forged = files.wrap_file_key(ring.key_for_epoch(conversation, 1), conversation, first, 2, before.key)
    assert refused(lambda: ring.file_key(conversation, first, 1, forged))


def test_destroying_the_conversations_key_destroys_its_files(ring: Keyring) -> None:
    conversation, attachment = uuid4(), uuid4()
    made = ring.new_file_key(conversation, attachment)
    DataKey.objects.filter(conversation=conversation).update(state=DataKeyState.SHREDDED, blob=None)
    ring.forget(conversation)
    with pytest.raises(Shredded):
        ring.file_key(conversation, attachment, made.epoch, made.record)


def test_a_damaged_data_key_makes_no_file_key(ring: Keyring) -> None:
    conversation, attachment = uuid4(), uuid4()
    ring.new_file_key(conversation, attachment)
    DataKey.objects.filter(conversation=conversation).update(blob=os.urandom(61))
    with pytest.raises(Undecryptable):
        another_process().new_file_key(conversation, attachment)


def test_the_data_key_of_a_transaction_that_failed_wraps_no_file_key(ring: Keyring) -> None:
    """Else a file would be stored that nobody can ever open."""
    conversation, attachment = uuid4(), uuid4()
    with suppress(ZeroDivisionError), transaction.atomic():
        lost = ring.new_file_key(conversation, attachment)
        raise ZeroDivisionError
    kept = ring.new_file_key(conversation, attachment)
    assert another_process().file_key(conversation, attachment, 1, kept.record) == kept.key
    assert refused(lambda: ring.file_key(conversation, attachment, 1, lost.record))


def test_the_keys_of_many_files_cost_one_query(ring: Keyring) -> None:
    conversation, ids = uuid4(), [UUID(int=number) for number in range(10)]
    records = [ring.new_file_key(conversation, attachment).record for attachment in ids]
    other = another_process()
    with CaptureQueriesContext(connection) as queries:
        for attachment, record in zip(ids, records, strict=True):
            other.file_key(conversation, attachment, 1, record)
    assert len(queries) == 1
