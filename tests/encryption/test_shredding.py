"""Keys are destroyed, a ledger says so, and nobody is served before it has been followed."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, transaction

from audit.verify import verify
from core import process
from core.errors import Shredded
from core.time import now
from encryption import shredding, wiring
from encryption.keyring import keyring, reset_keyring
from encryption.models import DataKey, DataKeyState, Installation, Shred

pytestmark = pytest.mark.core

PLACE = {"object_id": uuid4(), "sender_id": uuid4(), "revision": 0, "kind": "text"}


@pytest.fixture(autouse=True)
def fresh_keys() -> Iterator[None]:
    yield
    reset_keyring()


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[UUID, int | None]]:
    """What followed from entries that were carried out again."""
    seen: list[tuple[UUID, int | None]] = []
    monkeypatch.setattr(shredding, "consequences", [lambda entry: seen.append((entry.conversation, entry.epoch))])
    monkeypatch.setattr(shredding, "lost", [])
    return seen


def sealed(conversation: UUID, epochs: int = 1) -> list[bytes]:
    """A value under each of so many keys of a conversation."""
    blobs = []
    for _ in range(epochs):
        with transaction.atomic():
            blobs.append(keyring().seal(conversation, payload={"content": "x"}, **PLACE))  # type: ignore[arg-type]
        DataKey.objects.filter(conversation=conversation, state=DataKeyState.ACTIVE).update(state=DataKeyState.RETIRED)
        reset_keyring()
    return blobs


def opens(conversation: UUID, blob: bytes) -> bool:
    try:
        return bool(keyring().open_sealed(blob, conversation, **PLACE))  # type: ignore[arg-type]
    except Shredded:
        return False


def shred(conversation: UUID, epochs: list[int] | None = None) -> list[Shred]:
    with transaction.atomic():
        return shredding.shred(conversation, epochs, reason=shredding.REQUESTED)


def test_what_was_sealed_opens_no_more_and_that_of_others_does() -> None:
    one, other = uuid4(), uuid4()
    [first, second], [kept] = sealed(one, 2), sealed(other)
    assert opens(one, first)
    shred(one)
    assert not opens(one, first)
    assert not opens(one, second)
    assert opens(other, kept)
    assert set(DataKey.objects.filter(conversation=one).values_list("state", "blob")) == {("shredded", None)}


def test_single_epochs_go_alone() -> None:
    conversation = uuid4()
    first, second, third = sealed(conversation, 3)
    assert [entry.epoch for entry in shred(conversation, [1, 3, 9])] == [1, 3]
    assert [opens(conversation, blob) for blob in (first, second, third)] == [False, True, False]
    assert shred(conversation, [1, 3]) == []
    assert Shred.objects.count() == 2


def test_a_key_made_later_is_another_one() -> None:
    conversation = uuid4()
    sealed(conversation)
    shred(conversation)
    [blob] = sealed(conversation)
    assert opens(conversation, blob)
    assert list(DataKey.objects.order_by("epoch").values_list("epoch", "state")) == [(1, "shredded"), (2, "retired")]


def test_a_rollback_leaves_everything_as_it_was() -> None:
    conversation = uuid4()
    [blob] = sealed(conversation)

    class Undone(Exception):
        pass

    with suppress(Undone), transaction.atomic():
        shredding.shred(conversation, None, reason=shredding.REQUESTED)
        raise Undone
    assert opens(conversation, blob)
    assert not Shred.objects.exists()
    assert not shredding.is_behind()


def test_it_leaves_the_memory_of_this_process_and_the_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[UUID] = []
    monkeypatch.setattr(shredding, "tell_others", told.append)
    conversation = uuid4()
    [blob] = sealed(conversation)
    assert opens(conversation, blob)  # now it is in memory
    with transaction.atomic():
        shredding.shred(conversation, None, reason=shredding.REQUESTED)
        assert told == []
    assert told == [conversation]
    assert not opens(conversation, blob)


def test_outside_a_transaction_nothing_is_destroyed() -> None:
    with pytest.raises(RuntimeError):
        shredding.shred(uuid4(), None, reason=shredding.REQUESTED)


def test_the_ledger_counts_and_is_applied_where_it_was_made() -> None:
    one, other = uuid4(), uuid4()
    sealed(one, 2)
    sealed(other)
    shred(one, [1, 2])
    shred(other)
    rows = Shred.objects.order_by("position").values_list("position", "conversation", "epoch", "reason")
    assert list(rows) == [(1, one, 1, "requested"), (2, one, 2, "requested"), (3, other, None, "requested")]
    assert Installation.objects.get().shreds_applied == 3
    assert not shredding.is_behind()
    assert list(shredding.flaws()) == []
    [counted] = [count() for name, count in wiring.signatures.items() if "shred" in name]
    assert counted == {keyring().provider.active_id(): 3}


# ---- After a restore -----------------------------------------------------------------------------------------------


def test_older_data_catch_up(followed: list[tuple[UUID, int | None]]) -> None:
    one, other = uuid4(), uuid4()
    sealed(one)
    sealed(other)
    shred(one, [1])
    Installation.objects.update(shreds_applied=0)
    shred(other)  # while it is behind: carried out by the replay as well
    assert shredding.is_behind()
    assert shredding.replay() == 2
    assert followed == [(one, 1), (other, None)]
    assert not shredding.is_behind()
    assert shredding.replay() == 0


def test_a_key_that_an_older_vault_brought_back_is_destroyed_again(followed: list[object]) -> None:
    conversation = uuid4()
    [blob] = sealed(conversation)
    key = DataKey.objects.get()
    shred(conversation)
    DataKey.objects.filter(pk=key.pk).update(state=key.state, blob=key.blob)
    reset_keyring()
    assert opens(conversation, blob)
    [flaw] = shredding.flaws()
    assert "still there" in flaw
    Installation.objects.update(shreds_applied=0)
    shredding.replay()
    assert not opens(conversation, blob)
    assert list(shredding.flaws()) == []


def test_processes_replay_before_they_serve_or_work(followed: list[object]) -> None:
    shred(uuid4())
    Installation.objects.update(shreds_applied=0)
    process.require_preconditions()
    assert len(followed) == 1
    assert not shredding.is_behind()


def test_an_altered_ledger_keeps_everybody_from_being_served(
    followed: list[object], tamper: Callable[..., int]
) -> None:
    """Whoever has only the database cannot have a server destroy what it should keep."""
    victim = uuid4()
    [blob] = sealed(victim)
    shred(uuid4())
    Installation.objects.update(shreds_applied=0)
    assert tamper("UPDATE vault_shred SET conversation = %s", [_as_stored(victim)]) == 1
    with pytest.raises(ImproperlyConfigured, match="is not what was written"):
        process.require_preconditions()
    assert followed == []
    assert opens(victim, blob)
    assert any("shred ledger" in problem.what for problem in verify().problems)


@pytest.mark.parametrize("column", ["position", "epoch", "reason", "at"])
def test_every_column_is_covered(column: str, tamper: Callable[..., int]) -> None:
    conversation = uuid4()
    sealed(conversation)
    shred(conversation, [1])
    assert list(shredding.flaws()) == []
    values = {"position": 7, "epoch": 2, "reason": "retention", "at": "2020-01-01 00:00:00+00:00"}
    assert tamper(f"UPDATE vault_shred SET {column} = %s", [values[column]]) == 1  # noqa: S608 - of the list above
    assert any("not what was written" in flaw for flaw in shredding.flaws())


def test_a_gap_in_the_ledger_is_found_out(followed: list[object], tamper: Callable[..., int]) -> None:
    for _ in range(3):
        shred(uuid4())
    assert tamper("DELETE FROM vault_shred WHERE position = 2") == 1
    assert any("gap" in flaw for flaw in shredding.flaws())
    Installation.objects.update(shreds_applied=1)
    with pytest.raises(ImproperlyConfigured, match="no entry 2"):
        shredding.replay()


def test_an_entry_that_was_taken_off_the_end_is_found_out(followed: list[object], tamper: Callable[..., int]) -> None:
    shred(uuid4())
    shred(uuid4())
    assert tamper("DELETE FROM vault_shred WHERE position = 2") == 1
    assert any("ends with entry 1, and the data have followed it to entry 2" in flaw for flaw in shredding.flaws())
    assert any("ends with entry 1" in problem.what for problem in verify().problems)
    assert shredding.is_behind()


def made_up(victim: UUID) -> None:
    """An entry by somebody who can write to the database and has no key: under one that nobody has."""
    last = Shred.objects.order_by("position").last()
    Shred.objects.create(
        position=last.position + 1 if last else 1,
        conversation=victim,
        reason=shredding.REQUESTED,
        at=now(),
        kek_id="k0",
        mac=bytes(32),
    )


def test_an_entry_under_a_master_key_that_is_not_here_destroys_nothing(followed: list[object]) -> None:
    """Fail closed: it may be genuine, and anybody can make up a key's name."""
    victim = uuid4()
    [blob] = sealed(victim)
    made_up(victim)
    with pytest.raises(ImproperlyConfigured, match=r"Entry 1 .* names the master key 'k0', which is not here"):
        process.require_preconditions()
    assert followed == []
    assert opens(victim, blob)
    assert shredding.is_behind()
    assert any("'k0', which is not here" in problem.what for problem in verify().problems)


def test_nothing_is_entered_behind_what_somebody_made_up(tamper: Callable[..., int]) -> None:
    """So that it can be taken away, and leaves no gap."""
    victim, other = uuid4(), uuid4()
    sealed(victim)
    [blob] = sealed(other)
    made_up(victim)
    with pytest.raises(ImproperlyConfigured, match="'k0', which is not here"):
        shred(other)
    assert opens(other, blob)
    assert tamper("DELETE FROM vault_shred WHERE kek_id = 'k0'") == 1
    shred(other)
    assert not shredding.is_behind()
    assert not opens(other, blob)
    assert list(shredding.flaws()) == []


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_the_role_of_the_server_can_only_append_to_the_ledger() -> None:
    """T105, for the ledger."""
    shred(uuid4())
    columns = {field.column for field in Shred._meta.concrete_fields} - {"kek_id", "mac"}  # it is signed anew
    assert columns > {"position", "conversation", "epoch"}
    for statement in ("DELETE FROM vault_shred", *(f"UPDATE vault_shred SET {one} = NULL" for one in columns)):  # noqa: S608
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)


def _as_stored(id_: UUID) -> str:
    return str(id_) if connection.vendor == "postgresql" else id_.hex
