"""Data keys: one per conversation and period, remembered shortly, never remembered when their transaction failed."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from core.errors import KeyUnavailable, Shredded
from encryption import memory, periods
from encryption.data_keys import KEYS_IN_MEMORY, SECONDS_IN_MEMORY
from encryption.formats import Undecryptable, blob_epoch
from encryption.keyring import Keyring
from encryption.models import DataKey, DataKeyState
from encryption.providers import EnvironmentProvider

pytestmark = pytest.mark.core

MASTER_KEY = os.urandom(32)
ALICE = uuid4()


@pytest.fixture
def ring() -> Keyring:
    return another_process()


@pytest.fixture
def set_date(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the clock of key periods: `set_date("2026-11-21")`."""

    def set_to(date: str) -> None:
        moment = datetime.fromisoformat(date).replace(tzinfo=UTC)
        monkeypatch.setattr(periods, "now", lambda: moment)

    return set_to


@pytest.fixture
def let_pass(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Move the monotonic clock of the memory on by so many seconds."""
    passed = [0.0]
    monkeypatch.setattr(memory, "monotonic", lambda: monotonic() + passed[0])

    def move(seconds: float) -> None:
        passed[0] += seconds

    return move


def another_process() -> Keyring:
    """A key ring with an empty memory, over the same database and master keys."""
    return Keyring(EnvironmentProvider({"k1": MASTER_KEY}, active="k1"))


def place(**changes: Any) -> dict[str, Any]:
    return {"object_id": ALICE, "sender_id": ALICE, "revision": 0, "kind": "text", **changes}


def sealed(ring: Keyring, conversation: UUID, text: str = "hello") -> bytes:
    return ring.seal(conversation, **place(), payload={"content": text})


def opened(ring: Keyring, conversation: UUID, blob: bytes | memoryview) -> Any:
    return ring.open_sealed(blob, conversation, **place())["content"]


def queries() -> CaptureQueriesContext:
    return CaptureQueriesContext(connection)


def shred(conversation: UUID) -> None:
    DataKey.objects.filter(conversation=conversation).update(state=DataKeyState.SHREDDED, blob=None)


# Sealing and opening


def test_what_one_process_seals_another_opens(ring: Keyring) -> None:
    conversation = uuid4()
    blob = ring.seal(conversation, **place(), payload={"content": "K<3.5 and Na>145", "metadata": {"n": [1, None]}})
    assert another_process().open_sealed(blob, conversation, **place()) == {
        "content": "K<3.5 and Na>145",
        "metadata": {"n": [1, None]},
    }
    assert opened(ring, conversation, memoryview(blob)) == "K<3.5 and Na>145"


def test_the_vault_holds_the_key_only_wrapped(ring: Keyring) -> None:
    conversation = uuid4()
    _, key = ring.current_epoch_key(conversation)
    row = DataKey.objects.get(conversation=conversation)
    assert row.kek_id == "k1"
    assert row.blob is not None
    assert len(row.blob) == 61
    assert key not in bytes(row.blob)


def test_conversations_have_keys_of_their_own(ring: Keyring) -> None:
    one, other = uuid4(), uuid4()
    assert ring.current_epoch_key(one)[1] != ring.current_epoch_key(other)[1]
    blob = sealed(ring, one)
    sealed(ring, other)
    with pytest.raises(Undecryptable):
        opened(ring, other, blob)


@pytest.mark.parametrize(
    "change", [{"object_id": uuid4()}, {"sender_id": uuid4()}, {"revision": 1}, {"kind": "system"}]
)
def test_a_value_opens_only_in_its_place(ring: Keyring, change: dict[str, Any]) -> None:
    """T090-T092"""
    conversation = uuid4()
    blob = sealed(ring, conversation)
    with pytest.raises(Undecryptable):
        ring.open_sealed(blob, conversation, **place(**change))


def test_a_value_that_names_an_epoch_without_key_is_refused(ring: Keyring) -> None:
    conversation = uuid4()
    blob = sealed(ring, conversation)
    with pytest.raises(Undecryptable):
        opened(ring, conversation, blob[:2] + (2).to_bytes(4, "big") + blob[6:])


def test_sizes_show_in_steps_only(ring: Keyring) -> None:
    conversation = uuid4()
    assert len({len(sealed(ring, conversation, "x" * size)) for size in range(30)}) == 1


# Periods and epochs


def test_a_conversation_writes_under_one_key_for_a_month(ring: Keyring, set_date: Callable[[str], None]) -> None:
    conversation = uuid4()
    set_date("2026-11-01")
    first = sealed(ring, conversation)
    set_date("2026-11-30")
    second = sealed(ring, conversation)
    set_date("2026-12-01")
    third = sealed(ring, conversation)
    assert [blob_epoch(blob) for blob in (first, second, third)] == [1, 1, 2]
    assert [*DataKey.objects.order_by("epoch").values_list("epoch", "period")] == [(1, "2026-11"), (2, "2026-12")]
    assert opened(another_process(), conversation, first) == "hello"


@pytest.mark.parametrize(
    ("setting", "epochs"), [("day", [1, 2, 3, 4]), ("month", [1, 1, 2, 3]), ("year", [1, 1, 1, 2])]
)
def test_the_setting_says_how_long_a_period_is(
    ring: Keyring, set_date: Callable[[str], None], settings: Any, setting: str, epochs: list[int]
) -> None:
    settings.KEY_EPOCH = setting
    conversation, found = uuid4(), []
    for date in ("2026-11-20", "2026-11-21", "2026-12-01", "2027-01-01"):
        set_date(date)
        found.append(ring.current_epoch_key(conversation)[0])
    assert found == epochs


def test_a_clock_that_is_behind_does_not_start_an_epoch(ring: Keyring, set_date: Callable[[str], None]) -> None:
    """Else two processes at the turn of the month would make a key for every message."""
    conversation = uuid4()
    set_date("2026-12-01")
    ring.current_epoch_key(conversation)
    set_date("2026-11-30")
    assert ring.current_epoch_key(conversation)[0] == another_process().current_epoch_key(conversation)[0] == 1


def test_an_edit_keeps_the_epoch_of_what_it_replaces(ring: Keyring, set_date: Callable[[str], None]) -> None:
    conversation = uuid4()
    set_date("2026-11-30")
    before = sealed(ring, conversation)
    set_date("2026-12-01")
    sealed(ring, conversation)
    after = ring.seal(conversation, **place(revision=1), payload={"content": "edited"}, epoch=blob_epoch(before))
    assert blob_epoch(after) == 1
    assert ring.open_sealed(after, conversation, **place(revision=1)) == {"content": "edited"}


def test_an_edit_under_an_epoch_that_never_was_is_refused(ring: Keyring) -> None:
    conversation = uuid4()
    with pytest.raises(Undecryptable):
        ring.seal(conversation, **place(), payload={}, epoch=1)
    assert not DataKey.objects.exists()


def test_a_retired_key_opens_and_is_followed_by_another(ring: Keyring) -> None:
    conversation = uuid4()
    blob = sealed(ring, conversation)
    DataKey.objects.update(state=DataKeyState.RETIRED)
    ring.forget(conversation)
    ring.preload([conversation])
    assert blob_epoch(sealed(ring, conversation)) == 2
    assert opened(ring, conversation, blob) == "hello"


# Memory


def test_a_remembered_key_needs_no_query_for_a_minute(ring: Keyring, let_pass: Callable[[float], None]) -> None:
    conversation = uuid4()
    blob = sealed(ring, conversation)
    let_pass(SECONDS_IN_MEMORY - 1)
    with queries() as none:
        sealed(ring, conversation)
        opened(ring, conversation, blob)
    let_pass(2)
    with queries() as again:
        opened(ring, conversation, blob)
    assert (len(none), len(again)) == (0, 1)


def test_a_destroyed_key_is_gone_from_every_process_within_a_minute(
    ring: Keyring, let_pass: Callable[[float], None]
) -> None:
    conversation = uuid4()
    blob = sealed(ring, conversation)
    shred(conversation)
    assert opened(ring, conversation, blob) == "hello"
    let_pass(SECONDS_IN_MEMORY + 1)
    with pytest.raises(Shredded):
        opened(ring, conversation, blob)
    with pytest.raises(Shredded):
        ring.seal(conversation, **place(revision=1), payload={}, epoch=1)


def test_a_process_that_is_told_forgets_at_once_and_only_that_conversation(ring: Keyring) -> None:
    conversation, other = uuid4(), uuid4()
    blob = sealed(ring, conversation)
    kept = sealed(ring, other)
    shred(conversation)
    ring.forget(conversation)
    with pytest.raises(Shredded):
        opened(ring, conversation, blob)
    with queries() as none:
        opened(ring, other, kept)
        sealed(ring, other)
    assert len(none) == 0


def test_a_key_that_is_just_being_read_is_not_remembered_after_forgetting(
    ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that began before the shredding must not put the key back."""
    conversation = uuid4()
    blob = sealed(ring, conversation)
    reader = another_process()
    unwrap = EnvironmentProvider.unwrap

    def shredded_meanwhile(self: EnvironmentProvider, key_id: str, wrapped: bytes, aad: bytes) -> bytes:
        shred(conversation)
        reader.forget(conversation)
        return unwrap(self, key_id, wrapped, aad)

    monkeypatch.setattr(EnvironmentProvider, "unwrap", shredded_meanwhile)
    assert opened(reader, conversation, blob) == "hello"
    with pytest.raises(Shredded):
        opened(reader, conversation, blob)


def test_at_most_1024_keys_are_remembered(ring: Keyring) -> None:
    conversations = [uuid4() for _ in range(KEYS_IN_MEMORY + 1)]
    ring.prepare(conversations)
    with queries() as none:
        ring.current_epoch_key(conversations[-1])
        ring.key_for_epoch(conversations[-1], 1)
    with queries() as one_each:
        ring.current_epoch_key(conversations[0])
    assert (len(none), len(one_each)) == (0, 1)


def test_the_key_that_was_not_used_for_longest_leaves_first(ring: Keyring) -> None:
    conversations = [uuid4() for _ in range(KEYS_IN_MEMORY)]
    ring.prepare(conversations)
    ring.current_epoch_key(conversations[0])
    ring.prepare([uuid4()])
    with queries() as none:
        ring.current_epoch_key(conversations[0])
    with queries() as one:
        ring.current_epoch_key(conversations[1])
    assert (len(none), len(one)) == (0, 1)


# Many at once


def test_preparing_many_conversations_takes_at_most_three_queries(ring: Keyring) -> None:
    old, new = [uuid4() for _ in range(20)], [uuid4() for _ in range(20)]
    another_process().prepare(old)
    with transaction.atomic(), queries() as three:
        ring.prepare([*old, *new, *new])
        with queries() as none:
            ring.prepare([*old, *new])
            for conversation in (*old, *new):
                sealed(ring, conversation)
    with queries() as one:
        another_process().prepare([*old, *new])
    assert (len(three), len(none), len(one)) == (3, 0, 1)
    assert DataKey.objects.count() == 40


def test_preparing_starts_the_next_epoch_only_where_it_is_due(ring: Keyring, set_date: Callable[[str], None]) -> None:
    quiet, busy = uuid4(), uuid4()
    set_date("2026-11-30")
    ring.prepare([quiet, busy])
    set_date("2026-12-01")
    ring.prepare([busy])
    another_process().prepare([quiet, busy])
    assert set(DataKey.objects.values_list("conversation", "epoch")) == {(quiet, 1), (quiet, 2), (busy, 1), (busy, 2)}


def test_the_keys_of_a_page_come_in_one_query(ring: Keyring, set_date: Callable[[str], None]) -> None:
    conversations = [uuid4() for _ in range(10)]
    blobs = []
    for date in ("2026-10-01", "2026-11-01", "2026-12-01"):
        set_date(date)
        blobs += [(conversation, sealed(ring, conversation)) for conversation in conversations]
    reader = another_process()
    with queries() as one:
        reader.preload_blobs([*blobs, (conversations[0], b"no sealed value")])
        assert {opened(reader, *item) for item in blobs} == {"hello"}
    with queries() as none:
        reader.preload_blobs(blobs)
    assert (len(one), len(none)) == (1, 0)


def test_the_newest_keys_of_a_list_come_in_one_query(ring: Keyring, set_date: Callable[[str], None]) -> None:
    conversations = [uuid4() for _ in range(10)]
    set_date("2026-11-01")
    ring.prepare(conversations)
    set_date("2026-12-01")
    ring.prepare(conversations)
    reader = another_process()
    with queries() as one:
        reader.preload(conversations)
        assert {reader.current_epoch_key(conversation)[0] for conversation in conversations} == {2}
    with queries() as none:
        reader.preload(conversations)
    assert (len(one), len(none)) == (1, 0)


# Transactions


def test_a_key_whose_transaction_failed_is_never_used_again(ring: Keyring) -> None:
    """Else later messages would be sealed under a key that is in no table: lost for ever."""
    conversation = uuid4()
    with suppress(ZeroDivisionError), transaction.atomic():
        lost = sealed(ring, conversation)
        assert opened(ring, conversation, lost) == "hello"
        raise ZeroDivisionError
    blob = sealed(ring, conversation)
    assert opened(another_process(), conversation, blob) == "hello"
    with pytest.raises(Undecryptable):
        opened(ring, conversation, lost)


def test_a_key_whose_savepoint_failed_is_never_used_again(ring: Keyring) -> None:
    conversation = uuid4()
    with transaction.atomic():
        with suppress(ZeroDivisionError), transaction.atomic():
            sealed(ring, conversation)
            raise ZeroDivisionError
        blob = sealed(ring, conversation)
    assert opened(another_process(), conversation, blob) == "hello"


def test_a_key_is_remembered_once_its_transaction_has_committed(ring: Keyring) -> None:
    conversation = uuid4()
    with transaction.atomic():
        blob = sealed(ring, conversation)
        with queries() as inside:
            opened(ring, conversation, blob)
            sealed(ring, conversation)
    with queries() as afterwards:
        opened(ring, conversation, blob)
        sealed(ring, conversation)
    assert (len(inside), len(afterwards)) == (0, 0)


def test_two_epochs_made_in_a_transaction_that_fails_are_both_forgotten(
    ring: Keyring, set_date: Callable[[str], None]
) -> None:
    """Midnight can fall into a transaction."""
    conversation = uuid4()
    with suppress(ZeroDivisionError), transaction.atomic():
        set_date("2026-11-30")
        first = sealed(ring, conversation)
        set_date("2026-12-01")
        second = sealed(ring, conversation)
        assert opened(ring, conversation, first) == opened(ring, conversation, second) == "hello"
        raise ZeroDivisionError
    with pytest.raises(Undecryptable):
        ring.key_for_epoch(conversation, 1)
    with pytest.raises(Undecryptable):
        ring.key_for_epoch(conversation, 2)


def test_another_thread_does_not_see_a_key_before_it_is_committed(ring: Keyring) -> None:
    conversation = uuid4()

    def key_there() -> bool:
        try:
            ring.key_for_epoch(conversation, 1)
        except Undecryptable:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(1) as elsewhere:
        with transaction.atomic():
            sealed(ring, conversation)
            before = elsewhere.submit(key_there).result(30)
        after = elsewhere.submit(key_there).result(30)
    assert (before, after) == (False, True)


def test_two_who_start_an_epoch_without_the_lock_never_get_two_keys(ring: Keyring) -> None:
    """The constraint is the net under the lock: who comes second is refused, not given a key that is not stored."""
    conversation, start = uuid4(), threading.Barrier(4)

    def attempt() -> bytes | None:
        reader = another_process()
        start.wait(30)
        try:
            return sealed(reader, conversation)
        except IntegrityError:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        blobs = [blob for blob in pool.map(lambda _: attempt(), range(4)) if blob]
    assert DataKey.objects.filter(conversation=conversation).count() == 1
    assert blobs
    assert {opened(ring, conversation, blob) for blob in blobs} == {"hello"}


# A vault that was tampered with


def test_one_damaged_key_spoils_only_what_it_sealed(ring: Keyring) -> None:
    damaged, whole = uuid4(), uuid4()
    blobs = [(damaged, sealed(ring, damaged)), (whole, sealed(ring, whole))]
    row = DataKey.objects.get(conversation=damaged)
    assert row.blob is not None
    changed = bytes(row.blob)[:-1] + bytes([bytes(row.blob)[-1] ^ 1])
    assert DataKey.objects.filter(pk=row.pk).update(blob=changed) == 1
    reader = another_process()
    reader.preload_blobs(blobs)
    reader.prepare([damaged, whole])
    assert opened(reader, *blobs[1]) == "hello"
    with pytest.raises(Undecryptable):
        opened(reader, *blobs[0])
    with pytest.raises(Undecryptable):
        sealed(reader, damaged)


def test_a_wrapped_key_moved_to_another_conversation_does_not_open_there(ring: Keyring) -> None:
    own, other = uuid4(), uuid4()
    sealed(ring, own)
    sealed(ring, other)
    stolen = DataKey.objects.get(conversation=own).blob
    DataKey.objects.filter(conversation=other).update(blob=stolen)
    with pytest.raises(Undecryptable):
        another_process().key_for_epoch(other, 1)


def test_a_key_under_an_absent_master_key_is_unavailable_and_asked_for_again(ring: Keyring) -> None:
    conversation = uuid4()
    blob = sealed(ring, conversation)
    DataKey.objects.update(kek_id="k9")
    reader = another_process()
    with pytest.raises(KeyUnavailable):
        opened(reader, conversation, blob)
    with pytest.raises(KeyUnavailable):
        sealed(reader, conversation)
    DataKey.objects.update(kek_id="k1")
    assert opened(reader, conversation, blob) == "hello"
