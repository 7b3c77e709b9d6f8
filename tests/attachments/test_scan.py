"""What a real clamd, set up as deploy/clamd.conf has it, says of files, good and bad."""

import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from attachments.scanning import Scan, Verdict, scan, scanner
from attachments.scanning.probing import eicar, nested, oversized
from core.time import now
from tests.attachments.archives import MIB, bomb, crowded, docx, encrypted, with_zip64, zipped
from tests.peers.clamd import Clamd, clamd_of, scan_with

pytestmark = pytest.mark.no_database
PASSWORD = b"correct horse"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine shall not be the reason for a verdict."""
    monkeypatch.setattr(scanner, "allowance", lambda size: 300.0)


def fed(data: bytes, step: int = 10_000) -> Iterator[bytes]:
    return (data[begin : begin + step] for begin in range(0, len(data), step))


@pytest.mark.parametrize("content", [b"", b"x", b"Potassium 3.4", os.urandom(300_000), docx()])
def test_a_harmless_file_is_clean(clamd: Clamd, content: bytes) -> None:
    result = scan(fed(content))
    assert result.verdict is Verdict.CLEAN
    assert result.found == ""


def test_a_large_file_is_clean_and_clamd_keeps_nothing_of_it(clamd: Clamd) -> None:
    """50 MiB, as large as any may be here."""
    assert scan(bytes(MIB) for _ in range(50)).verdict is Verdict.CLEAN
    assert not clamd.has_left_over()


def test_the_verdict_says_who_gave_it(clamd: Clamd) -> None:
    named = scan([b"x"]).scanner
    assert re.fullmatch(r"ClamAV \d+\.\d+\.\d+/27500/\d{4}-\d\d-\d\d", named)
    made = datetime.fromisoformat(named.rpartition("/")[2]).replace(tzinfo=UTC)
    assert now() - made < timedelta(days=2)


@pytest.mark.parametrize(
    "content",
    [
        eicar(),
        eicar() + b"\n",
        docx(image1=eicar()),
        zipped({"report.pdf": zipped({"deeper.zip": zipped({"x.com": eicar()})})}),
        os.urandom(100_000) + eicar() + os.urandom(100_000),
    ],
    ids=["plain", "with a line end", "in a document", "three archives deep", "across noise"],
)
@pytest.mark.parametrize("step", [1, 1000, 65536, MIB])
def test_the_test_virus_is_found_wherever_it_is_and_however_it_comes(clamd: Clamd, content: bytes, step: int) -> None:
    """T075, whatever the cuts: one of them goes through the middle of the signature."""
    if step == 1 and len(content) > 10_000:
        content = content[90_000:110_000]
    result = scan(fed(content, step))
    assert result.verdict is Verdict.INFECTED
    assert result.found == "Project.Test.EICAR.UNOFFICIAL"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (encrypted("letter.txt", b"The findings", PASSWORD), "Heuristics.Encrypted.Zip"),
        (zipped({"inner.zip": encrypted("letter.txt", eicar(), PASSWORD)}), "Heuristics.Encrypted.Zip"),
        (nested(20), "Heuristics.Limits.Exceeded"),
        (nested(500), "Heuristics.Limits.Exceeded"),
        (crowded(10_001), "Heuristics.Limits.Exceeded"),
    ],
    ids=["encrypted", "encrypted within another", "20 deep", "500 deep", "10,001 files"],
)
def test_what_clamd_cannot_look_into_is_unscannable(clamd: Clamd, content: bytes, found: str) -> None:
    """T079."""
    result = scan(fed(content))
    assert result.verdict is Verdict.UNSCANNABLE
    assert result.found.startswith(found)


def test_a_zip_bomb_is_unscannable_and_costs_little(clamd: Clamd) -> None:
    """T079: under 42 KB unfold to 4 GiB."""
    assert len(bomb()) < 42_000
    before = clamd.memory()
    result = scan(fed(bomb()))
    assert result.verdict is Verdict.UNSCANNABLE
    assert result.found.startswith("Heuristics.Limits.Exceeded")
    assert clamd.memory() - before < 200 * MIB
    assert not clamd.has_left_over()


@pytest.mark.parametrize("mib", [65, 200, 300, 600])
def test_what_stands_behind_a_lot_of_nothing_is_not_clean(clamd: Clamd, mib: int) -> None:
    """clamd cuts off what is beyond MaxFileSize within an archive, and says OK: another limit has to come first."""
    assert scan([oversized(mib)]).verdict is (Verdict.INFECTED if mib < 256 else Verdict.UNSCANNABLE)


@pytest.mark.parametrize("step", [1, 7, 65536])
@pytest.mark.parametrize("before", [0, 65530])
def test_an_entry_that_clamd_passes_over_is_unscannable(clamd: Clamd, before: int, step: int) -> None:
    """It says OK to the test virus in a ZIP64 archive, wherever the cuts of the upload are."""
    if step == 1:
        before = min(before, 100)
    result = scan(fed(bytes(before) + with_zip64(b"0" * 100 + eicar()), step))
    assert (result.verdict, result.found) == (Verdict.UNSCANNABLE, "ZIP64")


@pytest.fixture(scope="module")
def small() -> Iterator[Clamd]:
    """A clamd that takes less than an upload may have."""
    with clamd_of(changed={"StreamMaxLength": "2M", "MaxFileSize": "1M"}) as clamd:
        yield clamd


@pytest.mark.parametrize("mib", [3, 40])
def test_more_than_clamd_takes_is_unscannable(small: Clamd, settings: Settings, mib: int) -> None:
    """T078: it says so while the file is still coming, and hangs up."""
    scan_with(settings, small.url)
    assert scan(bytes(MIB) for _ in range(mib)).verdict is Verdict.UNSCANNABLE


def test_more_than_clamd_looks_into_is_unscannable(small: Clamd, settings: Settings) -> None:
    """T078: within its stream's limit, beyond that of a file."""
    scan_with(settings, small.url)
    result = scan([os.urandom(MIB), os.urandom(MIB // 2)])
    assert (result.verdict, result.found[:26]) == (Verdict.UNSCANNABLE, "Heuristics.Limits.Exceeded")


def test_a_source_that_fails_fails_the_scan_with_its_own_error(clamd: Clamd) -> None:
    def broken() -> Iterable[bytes]:
        yield b"x" * 100_000
        raise LookupError

    with pytest.raises(LookupError):
        scan(broken())
    assert scan([b"x"]).verdict is Verdict.CLEAN


def test_an_abandoned_scan_is_forgotten(clamd: Clamd) -> None:
    """T086: half a file, then nothing."""
    for _ in range(20):
        begun = Scan()
        for _ in range(40):
            begun.write(bytes(65536))
        begun.abort()
        begun.abort()
    assert scan([b"x"]).verdict is Verdict.CLEAN


def test_clamd_is_reached_by_tcp_too(settings: Settings, unused_tcp_port: int) -> None:
    with clamd_of(changed={"TCPSocket": str(unused_tcp_port), "TCPAddr": "127.0.0.1"}):
        scan_with(settings, f"tcp://127.0.0.1:{unused_tcp_port}")
        assert scan([eicar()]).verdict is Verdict.INFECTED
        assert scan([b"x"]).verdict is Verdict.CLEAN


def test_without_a_scanner_nothing_is_asked(settings: Settings, tmp_path: Path) -> None:
    settings.ATTACHMENT_SCANNER, settings.CLAMD_URL = "none", f"unix:{tmp_path}/nobody"
    result = scan([eicar()])
    assert (result.verdict, result.scanner) == (Verdict.CLEAN, "")
