"""clamd away, silent, lying, slow: a file is never called clean then, and nobody waits for it."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from attachments.scanning import Result, Scan, Verdict, breaker, clamd, scan
from attachments.scanning import scanner as scanning
from core.time import now
from tests.attachments.archives import MIB
from tests.peers import impostors
from tests.peers.clamd import Clamd, forget, scan_with
from tests.peers.impostors import Impostor, Manner, knows_its_version

pytestmark = pytest.mark.no_database

Play = Callable[[Manner], Impostor]
TODAY = f"{now():%a %b %d %H:%M:%S %Y}".encode()


@pytest.fixture
def play(settings: Settings, tmp_path: Path) -> Iterator[Play]:
    """`play(manner)`: from now on the scanner is somebody who behaves like that."""
    playing: list[Impostor] = []

    def begin(manner: Manner) -> Impostor:
        server = Impostor(tmp_path / f"{len(playing)}.sock", manner)
        playing.append(server)
        scan_with(settings, server.url)
        return server

    yield begin
    for server in playing:
        server.stop()
    forget()


@pytest.fixture(autouse=True)
def places() -> Iterator[None]:
    """Every test leaves all places free, soon after its end."""
    yield
    held = [scanning._places.acquire(timeout=10) for _ in range(scanning.AT_ONCE)]
    for _ in held:
        scanning._places.release()
    assert all(held)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience for tests: half a second for everything."""
    monkeypatch.setattr(scanning, "allowance", lambda size: 0.5)
    monkeypatch.setattr(clamd, "ANSWER_TIMEOUT", 0.5)
    monkeypatch.setattr(clamd, "BASE_ALLOWANCE", 0.5)


def honest(then: Manner) -> Manner:
    return knows_its_version(TODAY, then)


def verdict_on(size: int = 100_000) -> Verdict:
    return scan(bytes(65536) for _ in range(-(-size // 65536))).verdict


# ---- T076: nobody there ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["unix:{}/nobody", "tcp://127.0.0.1:1", "tcp://scanner.invalid:3310"])
def test_without_clamd_nothing_is_known(settings: Settings, tmp_path: Path, address: str) -> None:
    scan_with(settings, address.format(tmp_path))
    assert verdict_on() is Verdict.UNKNOWN
    forget()


def test_when_clamd_is_back_files_are_scanned_again(clamd: Clamd, hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """T076, and the circuit breaker: it opens, and lets one through after its pause."""
    clamd.stop()
    try:
        assert [verdict_on() for _ in range(breaker.FAILURES + 1)] == [Verdict.UNKNOWN] * (breaker.FAILURES + 1)
    finally:
        clamd.start()
    assert verdict_on() is Verdict.UNKNOWN
    monkeypatch.setattr(breaker.breaker, "_open_until", time.monotonic())
    assert verdict_on() is Verdict.CLEAN
    assert verdict_on() is Verdict.CLEAN


def test_clamd_that_ends_in_the_middle_leaves_it_open(clamd: Clamd) -> None:
    begun = Scan()
    try:
        for _ in range(40):
            begun.write(bytes(65536))
        clamd.stop()
        for _ in range(40):
            begun.write(bytes(65536))
        assert begun.finish().verdict is Verdict.UNKNOWN
    finally:
        clamd.start()


# ---- T077: it is there and silent ------------------------------------------------------------------------------------


def test_a_real_clamd_that_hangs_is_not_waited_for(clamd: Clamd, hasty: None) -> None:
    with clamd.paused():
        began = time.monotonic()
        assert verdict_on() is Verdict.UNKNOWN
        assert time.monotonic() - began < 10
    forget()
    assert verdict_on() is Verdict.CLEAN


def test_fifty_uploads_do_not_wait_for_a_silent_one(play: Play, hasty: None) -> None:
    """T077. At most eight talk with it; after three failures nobody does for a while."""
    silent = play(impostors.silent)
    results: list[Result] = []

    def upload() -> None:
        begun = Scan()
        for _ in range(40):
            begun.write(bytes(65536))
        results.append(begun.finish())

    threads = [threading.Thread(target=upload) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [result.verdict for result in results] == [Verdict.UNKNOWN] * 50
    assert silent.connections <= scanning.AT_ONCE
    before = silent.connections
    assert verdict_on() is Verdict.UNKNOWN
    assert silent.connections == before


def test_who_takes_nothing_holds_an_upload_up_for_its_patience_at_most(play: Play, hasty: None) -> None:
    play(honest(impostors.takes_nothing))
    begun = Scan(patience=0.3)
    began = time.monotonic()
    for _ in range(200):
        begun.write(bytes(65536))
    assert begun.is_over
    assert begun.finish().verdict is Verdict.UNKNOWN
    assert time.monotonic() - began < 5


def test_a_verdict_that_does_not_come_is_not_waited_for(play: Play, hasty: None) -> None:
    play(honest(impostors.silent))
    assert verdict_on() is Verdict.UNKNOWN


def test_an_answer_that_trickles_in_for_ever_is_cut_off(play: Play, hasty: None) -> None:
    play(honest(impostors.trickles(b"s")))
    began = time.monotonic()
    assert verdict_on() is Verdict.UNKNOWN
    assert time.monotonic() - began < 5


# ---- It answers, and not what clamd answers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\n",
        b"OK\n",
        b"stream: OK",
        b"stream: OK\r\n",
        b"stream: OK \n",
        b" stream: OK\n",
        b"Stream: OK\n",
        b"stream: ok\n",
        b"stream:OK\n",
        b"stream: all is well OK\n",
        b"stream: Virus FOUND OK\n",
        b"another: OK\n",
        b"stream: OK\0",
        b"\xff\xfe stream: OK\n",
        b"HTTP/1.1 200 OK\r\n\r\nstream: OK\n",
        b"x" * 100_000 + b"stream: OK\n",
        b"UNKNOWN COMMAND\n",
        b"COMMAND READ TIMED OUT\n",
        b"stream: Can't allocate memory ERROR\n",
        b"stream: OK ERROR\n",
    ],
)
def test_only_the_one_answer_is_clean(play: Play, answer: bytes) -> None:
    play(honest(impostors.takes_it_all(answer)))
    assert verdict_on() is Verdict.UNKNOWN


def test_the_one_answer_is_clean(play: Play) -> None:
    """What the test above compares with."""
    play(honest(impostors.takes_it_all(b"stream: OK\n")))
    assert verdict_on() is Verdict.CLEAN


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("Win.Test.EICAR_HDB-1", Verdict.INFECTED),
        ("Heuristics.Phishing.Email.SpoofedDomain", Verdict.INFECTED),
        ("Heuristics.Limits.Exceeded", Verdict.UNSCANNABLE),
        ("Heuristics.Limits.Exceeded.MaxScanTime", Verdict.UNSCANNABLE),
        ("Heuristics.Encrypted.PDF", Verdict.UNSCANNABLE),
        ("two words", Verdict.INFECTED),
        ("OK", Verdict.INFECTED),
    ],
)
def test_a_finding_is_one_of_two_kinds(play: Play, name: str, verdict: Verdict) -> None:
    """T075, T078."""
    play(honest(impostors.takes_it_all(f"stream: {name} FOUND\n".encode())))
    result = scan([b"x"])
    assert (result.verdict, result.found) == (verdict, name.replace(" ", "?"))


@pytest.mark.parametrize(
    "version", [b"", b"PONG\n", b"ClamAV\n", b"ClamAV 1.4.6/x/y\n", b"ClamAV 1.4.6/1/Fri Feb 31 08:00:00 2026\n"]
)
def test_who_cannot_say_its_version_is_not_asked_for_a_verdict(play: Play, hasty: None, version: bytes) -> None:
    server = play(impostors.says(version))
    assert verdict_on() is Verdict.UNKNOWN
    assert server.connections == 1


def test_an_ok_before_the_end_is_none(play: Play) -> None:
    """Clean is what was looked at from the first byte to the last."""
    play(honest(impostors.says_at_once(b"stream: OK\n")))
    assert verdict_on(4 * MIB) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (b"INSTREAM size limit exceeded. ERROR\n", Verdict.UNSCANNABLE),
        (b"stream: OK\n", Verdict.UNKNOWN),
        (b"", Verdict.UNKNOWN),
    ],
)
def test_who_hangs_up_in_the_middle_has_called_nothing_clean(play: Play, answer: bytes, verdict: Verdict) -> None:
    """A broken pipe is about the file only when clamd says so."""
    play(honest(impostors.takes_only(300_000, answer)))
    assert verdict_on(40 * MIB) is verdict


# ---- At most eight ---------------------------------------------------------------------------------------------------


def test_one_more_at_once_is_scanned_later(clamd: Clamd) -> None:
    many = [Scan() for _ in range(scanning.AT_ONCE)]
    for one in many:
        for _ in range(20):
            one.write(bytes(65536))
    assert verdict_on() is Verdict.UNKNOWN
    assert [one.finish().verdict for one in many] == [Verdict.CLEAN] * len(many)
    assert verdict_on() is Verdict.CLEAN


def test_small_files_that_trickle_in_hold_no_place(clamd: Clamd) -> None:
    slow = [Scan() for _ in range(3 * scanning.AT_ONCE)]
    for one in slow:
        one.write(b"a byte now and then")
    assert verdict_on() is Verdict.CLEAN
    assert [one.finish().verdict for one in slow] == [Verdict.CLEAN] * len(slow)


def test_an_abandoned_scan_has_no_verdict(clamd: Clamd) -> None:
    for size in (0, 10, 40 * 65536):
        begun = Scan()
        begun.write(bytes(size))
        begun.abort()
        begun.write(b"more")
        assert begun.finish().verdict is Verdict.UNKNOWN


def test_without_a_thread_to_scan_in_an_upload_goes_on(clamd: Clamd, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", refuse)
        assert [verdict_on(4 * MIB) for _ in range(2 * scanning.AT_ONCE)] == [Verdict.UNKNOWN] * 2 * scanning.AT_ONCE
    assert verdict_on() is Verdict.CLEAN


def test_an_upload_that_is_abandoned_is_not_held_against_clamd(play: Play, hasty: None) -> None:
    """Whoever breaks off uploads must not be able to open the breaker."""
    play(honest(impostors.silent))
    for _ in range(2 * breaker.FAILURES):
        begun = Scan()
        for _ in range(20):
            begun.write(bytes(65536))
        begun.abort()
    assert breaker.breaker.allows()
    assert breaker.breaker._failures == 0
