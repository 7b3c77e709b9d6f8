"""The four stores keep the same promises: a folder, S3, Azure Blob and Google Cloud, the last three as real servers."""

import random
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO, cast

import pytest
from pytest_django import Settings

from attachments.storage import ObjectGone, ObjectStore, StorageUnavailable, new_key, object_store
from attachments.storage.contract import BLOCK, PART, WINDOW
from core.errors import TooLarge
from tests.attachments.places import AGAIN, PROVIDERS, Place, place_of, stream
from tests.peers.storage import StoragePeer

pytestmark = pytest.mark.no_database

MIB = 1024 * 1024
HEAVY = ["local", pytest.param("s3", marks=pytest.mark.thorough), *AGAIN]
LENGTHS = [0, 1, WINDOW, WINDOW + 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK]


@pytest.fixture(params=PROVIDERS)
def place(
    request: pytest.FixtureRequest,
    settings: Settings,
    tmp_path: Path,
    storage_peers: Callable[[str], StoragePeer],
) -> Iterator[Place]:
    with place_of(request.param, settings, tmp_path, storage_peers) as place:
        yield place


@pytest.fixture
def store(place: Place) -> ObjectStore:
    return object_store()


def sealed(length: int) -> bytes:
    """Bytes without any order, as ciphertext has them; the same each time."""
    return random.Random(length).randbytes(length)  # noqa: S311  test data


def endless(length: int) -> BinaryIO:
    """A source of so many bytes that never holds more than a few of them."""
    return cast(BinaryIO, SimpleNamespace(read=partial(_more, [length])))


def _more(left: list[int], size: int) -> bytes:
    count = min(size, PART, left[0])
    left[0] -= count
    return bytes(count)


def whole(store: ObjectStore, key: str) -> bytes:
    return b"".join(store.read(key, 0, store.size(key)))


class TestStore:
    @pytest.mark.parametrize("length", LENGTHS)
    def test_what_was_written_is_there_whole(self, store: ObjectStore, place: Place, length: int) -> None:
        key, content = new_key(), sealed(length)
        store.write(key, stream(content))
        assert store.size(key) == length
        assert whole(store, key) == content
        assert place.contents() == {key: content}
        assert place.unfinished() == []

    def test_a_source_may_give_any_number_of_bytes_at_a_time(self, store: ObjectStore) -> None:
        content = sealed(BLOCK + 4321)
        for at_once in (997, 65_536, 2 * BLOCK):
            key = new_key()
            store.write(key, stream(content, at_once=at_once))
            assert whole(store, key) == content

    def test_ranges_are_exact(self, store: ObjectStore) -> None:
        key, content = new_key(), sealed(2 * WINDOW + PART + 3)
        store.write(key, stream(content))
        chance = random.Random(5)  # noqa: S311  test data
        edges = [0, 1, 80, 81, 65_633, PART, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, len(content) - 1, len(content)]
        pairs = [sorted(chance.sample(edges, 2)) for _ in range(25)]
        pairs += [sorted(chance.sample(range(len(content)), 2)) for _ in range(10)]
        for start, stop in pairs:
            parts = list(store.read(key, start, stop))
            assert b"".join(parts) == content[start:stop], (start, stop)
            assert all(0 < len(part) <= PART for part in parts)

    def test_a_range_beyond_the_end_is_what_there_is(self, store: ObjectStore) -> None:
        key, content = new_key(), sealed(WINDOW)
        store.write(key, stream(content))
        assert b"".join(store.read(key, 5, WINDOW + 1)) == content[5:]
        assert b"".join(store.read(key, 5, 9 * WINDOW)) == content[5:]
        assert list(store.read(key, WINDOW, WINDOW + 1)) == []
        assert list(store.read(key, 3 * WINDOW, 4 * WINDOW)) == []
        assert list(store.read(key, 7, 7)) == []

    def test_what_is_not_there_is_gone(self, store: ObjectStore) -> None:
        key = new_key()
        store.write(new_key(), stream(b"something else"))
        with pytest.raises(ObjectGone):
            store.size(key)
        with pytest.raises(ObjectGone):
            next(store.read(key, 0, 10))

    def test_a_deleted_object_is_gone_and_may_be_deleted_again(self, store: ObjectStore, place: Place) -> None:
        key, other = new_key(), new_key()
        for each in (key, other):
            store.write(each, stream(sealed(1000)))
        for _ in range(2):
            store.delete(key)
            with pytest.raises(ObjectGone):
                store.size(key)
        store.delete(new_key())
        assert list(place.contents()) == [other]

    def test_a_reader_that_goes_away_leaves_nothing_behind(self, store: ObjectStore) -> None:
        """Warnings are errors here: one about an open file or socket would fail the run."""
        key = new_key()
        store.write(key, stream(sealed(3 * WINDOW)))
        for _ in range(3):
            assert next(store.read(key, 0, 3 * WINDOW))

    @pytest.mark.parametrize(
        ("length", "error"),
        [
            (0, ConnectionResetError),
            (1000, FileNotFoundError),
            (BLOCK + 1, ConnectionResetError),
            (BLOCK + 1, TooLarge),
            (2 * BLOCK, KeyboardInterrupt),
        ],
    )
    def test_when_the_source_fails_there_is_nothing(
        self, store: ObjectStore, place: Place, length: int, error: type[BaseException]
    ) -> None:
        """And the exception is the source's own: one that looks like a network's is not taken for the storage's."""
        key, failure = new_key(), error()

        def fail() -> None:
            raise failure

        with pytest.raises(error) as caught:
            store.write(key, stream(sealed(length), then=fail))
        assert caught.value is failure
        assert place.contents() == {}
        assert place.unfinished() == []
        with pytest.raises(ObjectGone):
            store.size(key)

    def test_names_that_are_no_keys_reach_nothing(self, store: ObjectStore, place: Place) -> None:
        """T082 at the last door: whatever came before, no path and no address is made of such a name."""
        good = new_key()
        store.write(good, stream(b"kept"))
        for name in ("", "../../etc/passwd", f"../{good[3:]}", good.upper(), f"{good}\n", f"{good}0", "%2e%2e%2f" * 4):
            with pytest.raises(ValueError, match="32 digits"):
                store.write(name, stream(b"x"))
            with pytest.raises(ValueError, match="32 digits"):
                next(store.read(name, 0, 1))
            with pytest.raises(ValueError, match="32 digits"):
                store.size(name)
            with pytest.raises(ValueError, match="32 digits"):
                store.delete(name)
        assert place.contents() == {good: b"kept"}

    @pytest.mark.parametrize("place", HEAVY, indirect=True)
    def test_many_threads_use_it_at_once(self, store: ObjectStore) -> None:
        def there_and_back(number: int) -> bool:
            key, content = new_key(), sealed(BLOCK + number)
            store.write(key, stream(content))
            same = whole(store, key) == content
            store.delete(key)
            return same

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(there_and_back, range(16)))

    @pytest.mark.parametrize("place", HEAVY, indirect=True)
    def test_memory_stays_flat(self, store: ObjectStore) -> None:
        key, length = new_key(), 50 * MIB
        tracemalloc.start()
        try:
            store.write(key, endless(length))
            read_back = sum(map(len, store.read(key, 0, length)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert read_back == length
        assert peak < 30 * MIB

    def test_without_its_place_nothing_is_known_of_any_object(self, store: ObjectStore, place: Place) -> None:
        """T141: the folder or bucket is gone. That is an outage: no file is called damaged for it, and none deleted."""
        key = new_key()
        store.write(key, stream(b"there"))
        place.vanish()
        for attempt in (
            lambda: store.size(key),
            lambda: next(store.read(key, 0, 5)),
            lambda: store.delete(key),
            lambda: store.write(new_key(), stream(sealed(1000))),
            lambda: store.write(new_key(), stream(sealed(BLOCK + 1))),
        ):
            with pytest.raises(StorageUnavailable):
                attempt()
