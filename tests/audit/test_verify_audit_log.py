"""`manage.py verify_audit_log` after changes that only somebody with the database's own password can make (T106)."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection

import audit
from audit import canonical, guards, verify
from audit.models import Detail, Entry, Seal
from audit.reading import sealed
from audit.seals import seal_pending
from audit.verify import Problem
from core.ids import uuid7
from core.sql import stored
from encryption.models import installation
from tests.audit.people import record_some, somebody

pytestmark = pytest.mark.core

Tamper = Callable[..., int]


@pytest.fixture
def entries() -> list[Entry]:
    """Ten sealed entries with details; the one at index i is number i + 1."""
    entries = record_some(10, details=True)
    assert seal_pending() == 10
    return entries


def run() -> tuple[int, dict[str, Any]]:
    """Exit status and report."""
    output, status = StringIO(), 0
    try:
        call_command("verify_audit_log", "--json", stdout=output)
    except SystemExit as end:
        status = int(end.code or 0)
    return status, json.loads(output.getvalue())


def the_problems() -> list[tuple[int | None, str | None, str]]:
    """(number, entry, what) of a log that must not pass."""
    status, report = run()
    assert (status, report["ok"]) == (1, False)
    assert report["problem_count"] == len(report["problems"])
    return [(problem["n"], problem["entry"], problem["what"]) for problem in report["problems"]]


def the_only_problem() -> tuple[int | None, str | None, str]:
    [problem] = the_problems()
    return problem


def test_an_untouched_log_passes(entries: list[Entry]) -> None:
    status, report = run()
    assert (status, report["ok"], report["problems"]) == (0, True, [])
    assert (report["links"], report["unsealed"], report["details_erased"]) == (10, 0, 0)
    newest = Seal.objects.get(n=10)
    assert report["head"] == f"10:{bytes(newest.h).hex()}"


def test_an_empty_log_passes() -> None:
    assert run()[0] == 0


def test_the_tail_that_is_not_sealed_yet_is_reported_by_number_and_age(entries: list[Entry]) -> None:
    record_some(3)
    status, report = run()
    assert (status, report["links"], report["unsealed"]) == (0, 10, 3)
    assert 0 <= report["oldest_unsealed_seconds"] < 60


CHANGES: dict[str, Any] = {
    "v": 2,
    "ts": "2026-01-01 00:00:00.000000+00:00",
    "actor": uuid7(),
    "actor_role": "staff",
    "session": None,
    "ip_h": b"\x01" * 32,
    "action": "user.disabled",
    "object": uuid7(),
    "object_h": b"\x02" * 32,
    "conv": None,
    "outcome": "deny",
    "reason": "because",
    "mac": b"\x03" * 32,
}


@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_field_is_found_whichever_it_is(column: str, entries: list[Entry], tamper: Tamper) -> None:
    """T106."""
    changed = entries[4]
    statement = f'UPDATE audit_entry SET "{column}" = %s WHERE id = %s'  # noqa: S608 - a column of this test
    assert tamper(statement, [stored(CHANGES[column]), key(changed)]) == 1
    assert the_only_problem() == (5, str(changed.id), "it was changed after it was sealed")


def test_another_id_is_found_as_an_entry_gone_and_one_put_in(entries: list[Entry], tamper: Tamper) -> None:
    other = uuid7()
    tamper("UPDATE audit_entry SET id = %s WHERE id = %s", [stored(other), key(entries[4])])
    problems = the_problems()
    assert problems[0] == (5, str(entries[4].id), "it was sealed, but the entry is gone")
    assert problems[1] == (None, str(other), "it was changed, or written without the master key")


def test_a_master_key_that_is_not_here_cannot_hide_a_change(entries: list[Entry], tamper: Tamper) -> None:
    tamper("UPDATE audit_entry SET kid = %s WHERE id = %s", ["k99", key(entries[4])])
    n, entry, what = the_only_problem()
    assert (n, entry) == (5, str(entries[4].id))
    assert "'k99'" in what


def test_an_entry_taken_out_is_found(entries: list[Entry], tamper: Tamper) -> None:
    """T106."""
    tamper("DELETE FROM audit_entry WHERE id = %s", [key(entries[4])])
    problems = the_problems()
    assert problems[0] == (5, str(entries[4].id), "it was sealed, but the entry is gone")


def test_an_entry_taken_out_with_its_seal_is_found(entries: list[Entry], tamper: Tamper) -> None:
    """T106."""
    take_out(entries[4], tamper)
    assert the_only_problem() == (6, str(entries[5].id), "the link before it is missing")


def test_several_entries_taken_out_are_counted(entries: list[Entry], tamper: Tamper) -> None:
    for entry in entries[2:5]:
        take_out(entry, tamper)
    assert the_only_problem() == (6, str(entries[5].id), "the 3 links before it are missing")


def test_numbers_moved_up_over_a_gap_are_found(entries: list[Entry], tamper: Tamper) -> None:
    """T106."""
    take_out(entries[4], tamper)
    for n in range(6, 11):
        tamper("UPDATE audit_seal SET n = %s WHERE n = %s", [n - 1, n])
    problems = the_problems()
    assert problems[0][:2] == (5, str(entries[5].id))
    assert "not what was sealed here" in problems[0][2]


def test_two_entries_that_changed_places_in_the_chain_are_found(entries: list[Entry], tamper: Tamper) -> None:
    """T106."""
    fifth, sixth = entries[4], entries[5]
    for number, entry in ((5, uuid7()), (6, fifth.id), (5, sixth.id)):
        tamper("UPDATE audit_seal SET entry = %s WHERE n = %s", [stored(entry), number])
    problems = the_problems()
    assert [problem[:2] for problem in problems] == [(5, str(sixth.id)), (6, str(fifth.id))]
    assert "not what was sealed here" in problems[0][2]


def test_two_entries_that_exchanged_their_contents_are_found(entries: list[Entry], tamper: Tamper) -> None:
    """T106."""
    fifth, sixth = entries[4], entries[5]
    for entry, other in ((fifth, sixth), (sixth, fifth)):
        tamper("UPDATE audit_entry SET object = %s WHERE id = %s", [stored(other.object), key(entry)])
    assert [(n, entry) for n, entry, _ in the_problems()] == [(5, str(fifth.id)), (6, str(sixth.id))]


def test_a_changed_seal_is_found(entries: list[Entry], tamper: Tamper) -> None:
    tamper("UPDATE audit_seal SET h = %s WHERE n = 5", [b"\x05" * 32])
    problems = the_problems()
    assert [problem[0] for problem in problems] == [5, 6]
    assert "not what was sealed here" in problems[0][2]


def test_an_entry_written_without_the_key_is_found_before_and_after_it_is_sealed(
    entries: list[Entry], tamper: Tamper
) -> None:
    """T106: the chain takes in what it finds; the mac tells."""
    forged = forge(entries[0], tamper)
    assert the_only_problem() == (None, str(forged), "it was changed, or written without the master key")
    assert seal_pending() == 1
    assert the_only_problem() == (11, str(forged), "it was written without the master key")


def test_a_chain_made_again_without_the_key_is_found_by_the_mac(entries: list[Entry], tamper: Tamper) -> None:
    """T106: everything that needs no key is made to fit."""
    tamper("UPDATE audit_entry SET outcome = %s WHERE id = %s", ["deny", key(entries[4])])
    h = canonical.genesis(installation().org)
    for link in sealed():
        text = canonical.canonical(link.fields)
        h = canonical.link(h, link.n, canonical.leaf(text, bytes(link.mac)))
        tamper("UPDATE audit_seal SET h = %s WHERE n = %s", [h, link.n])
    assert the_only_problem() == (5, str(entries[4].id), "it was written without the master key")


def test_a_number_that_stands_twice_is_found(entries: list[Entry], tamper: Tamper) -> None:
    """Only possible once the primary key is gone; on SQLite the number is the row's own and cannot stand twice."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite's row number cannot stand twice")
    tamper("ALTER TABLE audit_seal DROP CONSTRAINT audit_seal_pkey")
    try:
        tamper("UPDATE audit_seal SET n = 5 WHERE n = 6")
        assert any("twice" in what for _, _, what in the_problems())
        tamper("UPDATE audit_seal SET n = 6 WHERE entry = %s", [entries[5].id])
    finally:
        tamper("DELETE FROM audit_seal")
        tamper("ALTER TABLE audit_seal ADD CONSTRAINT audit_seal_pkey PRIMARY KEY (n)")


def test_changed_details_are_found(entries: list[Entry], tamper: Tamper) -> None:
    tamper("UPDATE audit_detail SET ciphertext = %s WHERE entry = %s", [b"something else", key(entries[4])])
    assert the_only_problem() == (5, str(entries[4].id), "its details were changed or exchanged")


def test_exchanged_details_are_found(entries: list[Entry], tamper: Tamper) -> None:
    fifth, sixth = (Detail.objects.get(entry=entry.id) for entry in entries[4:6])
    for detail, other in ((fifth, sixth), (sixth, fifth)):
        tamper(
            "UPDATE audit_detail SET salt = %s, ciphertext = %s WHERE entry = %s",
            [bytes(other.salt), bytes(other.ciphertext), stored(detail.entry)],
        )
    assert [n for n, _, _ in the_problems()] == [5, 6]


def test_details_that_no_entry_names_are_found(entries: list[Entry]) -> None:
    stray = Detail.objects.create(entry=uuid7(), salt=bytes(16), ciphertext=b"x")
    assert the_only_problem() == (None, str(stray.entry), "there are details for it that no entry names")


def test_erased_details_break_nothing(entries: list[Entry], tamper: Tamper) -> None:
    tamper("DELETE FROM audit_detail WHERE entry = %s", [key(entries[4])])
    status, report = run()
    assert (status, report["details_erased"]) == (0, 1)


def test_a_trigger_that_is_gone_is_found(entries: list[Entry], tamper: Tamper) -> None:
    name = switch_a_trigger(False, tamper)
    try:
        n, entry, what = the_only_problem()
        assert (n, entry) == (None, None)
        assert name in what
    finally:
        switch_a_trigger(True, tamper)
    assert run()[0] == 0


def test_every_trigger_of_the_log_is_looked_for() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
            if connection.vendor == "postgresql"
            else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        )
        ours = {name for (name,) in cursor.fetchall() if name.startswith("audit_")}
    assert set(guards.expected()) == ours


def test_one_change_is_named_once_and_hides_no_other(entries: list[Entry], tamper: Tamper) -> None:
    for index in (2, 7):
        tamper("UPDATE audit_entry SET reason = %s WHERE id = %s", ["x", key(entries[index])])
    assert [(n, entry) for n, entry, _ in the_problems()] == [(3, str(entries[2].id)), (8, str(entries[7].id))]


def test_of_many_problems_the_first_are_kept_and_all_are_counted(tamper: Tamper) -> None:
    actor = somebody()
    with audit.transaction():
        for _ in range(130):
            audit.record("users.viewed", actor=actor)
    seal_pending()
    tamper("UPDATE audit_entry SET reason = 'x'")
    status, report = run()
    assert (status, report["problem_count"], len(report["problems"])) == (1, 130, 100)
    assert report["problems"][0]["n"] == 1


def test_other_apps_add_checks_of_their_own(entries: list[Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "extra_checks", [lambda: [Problem("its message is another one", str(entries[0].id))]])
    assert the_only_problem() == (None, str(entries[0].id), "its message is another one")


def test_a_person_reads_which_entry_is_wrong_and_how(
    entries: list[Entry], tamper: Tamper, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper("UPDATE audit_entry SET outcome = 'deny' WHERE id = %s", [key(entries[4])])
    record_some(1)
    with pytest.raises(SystemExit) as end:
        call_command("verify_audit_log")
    assert end.value.code == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == f"Entry {entries[4].id} (number 5): it was changed after it was sealed."
    assert any("1 entries are not sealed yet" in line for line in rest)


def test_a_person_reads_what_concerns_no_single_entry(
    entries: list[Entry], tamper: Tamper, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper("DELETE FROM audit_detail WHERE entry = %s", [key(entries[4])])
    name = switch_a_trigger(False, tamper)
    try:
        with pytest.raises(SystemExit):
            call_command("verify_audit_log")
    finally:
        switch_a_trigger(True, tamper)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"The trigger {name} is gone or off: nothing keeps these rows from being changed."
    assert "Every entry is sealed." in lines
    assert "The details of 1 entries have been erased." in lines


def test_bytes_in_a_column_for_text_are_found(entries: list[Entry], tamper: Tamper) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite lets any column hold anything")
    tamper("UPDATE audit_entry SET reason = x'ff' WHERE id = %s", [key(entries[4])])
    assert the_only_problem() == (5, str(entries[4].id), "it was changed after it was sealed")


def key(entry: Entry) -> Any:
    return stored(entry.id)


def take_out(entry: Entry, tamper: Tamper) -> None:
    """The entry, its seal and its details, as if it had never been."""
    for table, column in (("audit_entry", "id"), ("audit_seal", "entry"), ("audit_detail", "entry")):
        statement = f"DELETE FROM {table} WHERE {column} = %s"  # noqa: S608 - names of this test
        assert tamper(statement, [key(entry)]) == 1


def forge(like: Entry, tamper: Tamper) -> UUID:
    """An entry that somebody without the key writes: the mac is all they have to make up."""
    forged = uuid7()
    tamper(
        "INSERT INTO audit_entry (v, id, ts, actor, actor_role, action, outcome, reason, kid, mac)"
        " SELECT v, %s, ts, actor, actor_role, 'user.disabled', outcome, reason, kid, mac"
        " FROM audit_entry WHERE id = %s",
        [stored(forged), key(like)],
    )
    return forged


def switch_a_trigger(on: bool, tamper: Tamper) -> str:
    """On or off; returns its name."""
    if connection.vendor == "postgresql":
        tamper(f"ALTER TABLE audit_entry {'ENABLE' if on else 'DISABLE'} TRIGGER audit_entry_append_only")
        return "audit_entry_append_only"
    with connection.cursor() as cursor:
        if on:
            cursor.execute(
                "CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry"
                " BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END"
            )
        else:
            cursor.execute("DROP TRIGGER audit_entry_no_update")
    return "audit_entry_no_update"
