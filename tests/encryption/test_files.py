"""Files are sealed as they arrive, in the documented format, and every range of them opens exactly."""

import os
import tracemalloc
from collections.abc import Iterator
from itertools import combinations
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encryption.files import CHUNK, HEADER_BYTES, TAG_BYTES, FileSealer, sealed_size
from encryption.formats import Undecryptable
from tests.encryption.objects import BORDERS, CONTENT, File, built_by_hand, chunks_of, parts_of

pytestmark = pytest.mark.no_database

sizes = st.sampled_from([*BORDERS, len(CONTENT)]) | st.integers(0, len(CONTENT))
# Uneven parts, as they come from a socket.
cuts = st.lists(st.integers(1, len(CONTENT)), max_size=12).map(sorted)


# The format


@pytest.mark.parametrize("size", [*BORDERS, len(CONTENT)])
def test_an_object_is_built_from_its_parts_as_documented(size: int) -> None:
    """T097"""
    file, random = File(CONTENT[:size]), os.urandom(39)
    sealed = file.sealed(predictable=random)
    assert sealed == built_by_hand(file, random)
    assert len(sealed) == sealed_size(size) == 81 + size + 16 * max(1, -(-size // 65536))


@given(sizes, cuts)
@settings(deadline=None)
def test_however_a_file_arrives_it_is_sealed_alike(size: int, cut_at: list[int]) -> None:
    file, random = File(CONTENT[:size]), bytes(range(39))
    assert file.sealed([min(cut, size) for cut in cut_at], random) == file.sealed((), random)


def test_no_more_than_one_chunk_is_held_back() -> None:
    sealer = FileSealer(os.urandom(32), uuid4(), uuid4())
    out = 0
    for at in range(0, len(CONTENT), 1000):
        out += len(sealer.update(CONTENT[at : at + 1000]))
        arrived = min(at + 1000, len(CONTENT))
        assert 0 < arrived - out // (CHUNK + TAG_BYTES) * CHUNK <= CHUNK


def test_a_file_is_finished_once() -> None:
    sealer = FileSealer(os.urandom(32), uuid4(), uuid4())
    sealer.finish()
    with pytest.raises(ValueError, match="sealed to its end"):
        sealer.finish()
    with pytest.raises(ValueError, match="sealed to its end"):
        sealer.update(b"more")


def test_the_same_file_never_looks_the_same() -> None:
    """T096, T100"""
    file = File(b"the same file")
    objects = [file.sealed() for _ in range(2_000)]
    for first, stop in ((10, 42), (42, 49), (49, 81), (81, None)):
        assert len({sealed[first:stop] for sealed in objects}) == 2_000
    assert {sealed[:10] for sealed in objects} == {b"MXA1\1\0\0\1\0\0"}


def test_memory_does_not_grow_with_the_file() -> None:
    part, count = CONTENT[:CHUNK], 256
    file = File(b"")

    def through() -> Iterator[bytes]:
        sealer = FileSealer(file.key, file.conversation, file.attachment)
        yield sealer.header
        yield from (sealer.update(part) for _ in range(count))
        yield sealer.finish()

    tracemalloc.start()
    try:
        sealed = through()
        opener = file.opener(next(sealed), count * CHUNK)
        opened = sum(map(len, opener.open(sealed, 0, count * CHUNK)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert opened == count * CHUNK
    assert peak < 16 * CHUNK


# Ranges


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 1, 3 * CHUNK, 3 * CHUNK + 1])
def test_every_range_between_borders_opens_exactly(size: int) -> None:
    file = File(CONTENT[:size])
    sealed = file.sealed()
    places = sorted({place for place in BORDERS if place <= size} | {size // 2, size})
    for start, stop in combinations(places, 2):
        assert b"".join(file.reading(sealed, start, stop)) == file.content[start:stop]


@given(sizes.filter(bool), st.data(), cuts)
@settings(deadline=None)
def test_any_range_opens_exactly_from_any_parts(size: int, data: st.DataObject, cut_at: list[int]) -> None:
    file = File(CONTENT[:size])
    start = data.draw(sizes.filter(lambda place: place < size) | st.just(0))
    stop = data.draw(st.integers(start + 1, size))
    sealed = file.sealed()
    opener = file.opener(sealed)
    piece = sealed[slice(*opener.object_range(start, stop))]
    parts = parts_of(piece, [min(cut, len(piece)) for cut in cut_at])
    assert b"".join(opener.open(parts, start, stop)) == file.content[start:stop]


def test_an_empty_file_is_authenticated_too() -> None:
    file = File(b"")
    sealed = file.sealed()
    assert file.opener(sealed).object_range(0, 0) == (HEADER_BYTES, len(sealed))
    assert b"".join(file.reading(sealed)) == b""
    for changed in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:HEADER_BYTES]):
        with pytest.raises(Undecryptable):
            list(file.reading(changed))


@pytest.mark.parametrize(
    ("start", "stop", "first", "count"),
    [
        (0, 1, 0, 1),
        (CHUNK - 1, CHUNK, 0, 1),
        (CHUNK - 1, CHUNK + 1, 0, 2),
        (CHUNK, CHUNK + 1, 1, 1),
        (2 * CHUNK, 3 * CHUNK, 2, 1),
        (4 * CHUNK, 4 * CHUNK + 100, 4, 1),
        (0, 4 * CHUNK + 100, 0, 5),
    ],
)
def test_only_the_chunks_of_a_range_are_read(start: int, stop: int, first: int, count: int) -> None:
    sealed = File(CONTENT).sealed()
    begin, end = File(CONTENT).opener(sealed).object_range(start, stop)
    assert chunks_of(sealed)[first : first + count] == chunks_of(sealed[:HEADER_BYTES] + sealed[begin:end])


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (1, 0), (5, 5), (0, 0), (0, 11), (10, 10), (10, 11), (11, 12)])
def test_a_range_the_file_does_not_have_is_a_mistake_of_the_caller(start: int, stop: int) -> None:
    file = File(b"ten bytes.")
    opener = file.opener(file.sealed())
    with pytest.raises(ValueError, match="has no range"):
        opener.object_range(start, stop)
    with pytest.raises(ValueError, match="has no range"):
        opener.open([], start, stop)
