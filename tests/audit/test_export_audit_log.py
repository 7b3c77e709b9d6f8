"""`manage.py export_audit_log`: everything that is needed to verify the log somewhere else."""

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit import canonical
from audit.entries import mac_key
from audit.models import Detail, Entry
from audit.seals import seal_pending
from core.actor import SYSTEM
from core.errors import AuditUnavailable
from encryption.models import installation
from tests.audit.people import actions, ids, record_some

pytestmark = pytest.mark.core


def export(*arguments: str) -> list[dict[str, Any]]:
    output = StringIO()
    call_command("export_audit_log", *arguments, stdout=output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def entry_ids(lines: list[dict[str, Any]]) -> list[str]:
    return [json.loads(line["canonical"])["id"] for line in lines]


def test_the_chain_can_be_followed_from_the_exported_lines_alone() -> None:
    record_some(5)
    seal_pending()
    lines = [line for line in export() if "n" in line]
    h = canonical.genesis(installation().org)
    for n, line in enumerate(lines, start=1):
        text, mac = line["canonical"].encode(), bytes.fromhex(line["mac"])
        assert mac == canonical.mac(mac_key(json.loads(text)["kid"]), text)
        h = canonical.link(h, n, canonical.leaf(text, mac))
        assert (line["n"], line["h"]) == (n, h.hex())
    assert len(lines) == 5


def test_the_export_is_itself_recorded_before_its_first_line() -> None:
    lines = export()
    assert actions(SYSTEM) == ["audit.exported"]
    assert entry_ids(lines) == [str(Entry.objects.get().id)]


def test_it_says_how_much_it_wrote_and_where_beside_the_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_some(2)
    file = tmp_path / "log.jsonl"
    call_command("export_audit_log", output=str(file))
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"3 entries exported to {file}.\n")
    call_command("export_audit_log")
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 4
    assert said.err == "4 entries exported to standard output.\n"


def test_what_is_not_sealed_yet_comes_last_without_number() -> None:
    sealed = record_some(2)
    seal_pending()
    waiting = record_some(2)
    lines = export()
    assert entry_ids(lines)[:4] == [str(entry) for entry in ids(sealed + waiting)]
    assert ["n" in line for line in lines] == [True, True, False, False, False]


def test_a_file_is_readable_by_its_owner_only_and_is_never_overwritten(tmp_path: Path) -> None:
    record_some(2)
    file = tmp_path / "log.jsonl"
    call_command("export_audit_log", output=str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    assert len(before.splitlines()) == 3
    with pytest.raises(CommandError, match="there already"):
        call_command("export_audit_log", output=str(file))
    assert file.read_bytes() == before
    assert actions(SYSTEM) == ["audit.exported"]  # what did not happen is not recorded


@pytest.mark.usefixtures("log_cannot_be_written")
def test_an_export_that_cannot_be_recorded_does_not_happen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AuditUnavailable):
        call_command("export_audit_log")
    assert capsys.readouterr().out == ""


def test_times_bound_what_is_exported() -> None:
    first, second, third = record_some(3)
    since, until = (first.ts + (second.ts - first.ts) / 2).isoformat(), third.ts.isoformat()
    lines = export(f"--since={since}", f"--until={until}")
    assert entry_ids(lines) == [str(second.id)]
    details = Detail.objects.get(entry=Entry.objects.get(actor=SYSTEM.id).id)
    assert set(details.payload()) == {"since", "until"}


def test_a_day_stands_for_its_first_moment() -> None:
    record_some(1)
    assert export("--since=9999-01-01") == []
    assert len(export("--until=9999-01-01")) == 3


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="'yesterday' is neither a day"):
        export("--since=yesterday")
    assert actions(SYSTEM) == []


def test_a_seal_whose_entry_is_gone_is_not_passed_over(tamper: Any) -> None:
    [entry] = record_some(1)
    seal_pending()
    tamper("DELETE FROM audit_entry")
    lines = export()
    assert lines[0]["id"] == str(entry.id)
    assert lines[0]["n"] == 1
