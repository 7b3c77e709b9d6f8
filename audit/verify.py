"""The whole log checked against its macs, its chain and its details.

- An entry's mac: it was changed, or written by somebody without the key; also when the chain was made again over it.
- h(n): what stands at its place is not what was sealed there, or what was sealed before it is gone.
- n without gaps: a link was taken out.
- The hash of details: they were changed or exchanged.
- The triggers: somebody took away what keeps the tables from being changed.
- The ledger of destroyed keys: entries that were changed or taken out, and keys that came back.

What nothing inside the database can show: the newest entries taken away together with their seals, or entries taken
out and the chain behind them made again. For that a head of the chain has to be kept where a database administrator
cannot change it; the report prints the present one.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from django.db import connection

from audit import canonical, guards
from audit.entries import mac_key
from audit.models import Seal
from audit.reading import Link, sealed, unsealed
from audit.sql import id_text
from core.errors import KeyUnavailable
from core.time import now
from core.verifying import Findings
from encryption import shredding
from encryption.models import installation


@dataclass(frozen=True)
class Problem:
    """What is wrong, in one sentence, and where: the entry's id and its number in the chain, as far as known."""

    what: str
    entry: str | None = None
    n: int | None = None


@dataclass
class Report(Findings[Problem]):
    """What a check of the log found."""

    links: int = 0
    head: str = ""
    unsealed: int = 0
    oldest_unsealed: str | None = None
    oldest_unsealed_seconds: float | None = None
    details_erased: int = 0


extra_checks: list[Callable[[], Iterable[Problem]]] = []
"""Checks of other apps against the log, run after its own: e.g. stored messages against the hashes of their entries."""


def verify() -> Report:
    """Check everything there is. Takes constant memory and does not hold up the server."""
    return _checked(0, (_stray_details, _missing_guards, _shred_ledger, *extra_checks))


def verify_newest(count: int) -> Report:
    """Check the newest `count` links of the chain, what is not sealed yet, and the triggers. The link before them is
    believed: what is wrong further back is not found."""
    newest = Seal.objects.order_by("-n").values_list("n", flat=True).first() or 0
    return _checked(max(0, newest - count), (_missing_guards,))


def _checked(after: int, others: Iterable[Callable[[], Iterable[Problem]]]) -> Report:
    report, begin = Report(), time.monotonic()
    _check_chain(report, after)
    _check_tail(report)
    for check in others:
        for problem in check():
            report.add(problem)
    if report.oldest_unsealed:
        report.oldest_unsealed_seconds = (now() - datetime.fromisoformat(report.oldest_unsealed)).total_seconds()
    report.seconds = time.monotonic() - begin
    return report


def _check_chain(report: Report, after: int) -> None:
    chain = _Chain(after)
    for link in sealed(after):
        report.links += 1
        for what in chain.flaws(link):
            report.add(Problem(what, link.id, link.n))
        _check_details(link, report)
    report.head = f"{chain.n}:{chain.h.hex()}"


def _check_tail(report: Report) -> None:
    for link in unsealed():
        report.unsealed += 1
        report.oldest_unsealed = report.oldest_unsealed or link.fields.ts
        if flaw := _mac_flaw(link, _text(link), "it was changed, or written without the master key"):
            report.add(Problem(flaw, link.id))
        _check_details(link, report)


class _Chain:
    """The chain as far as it has been followed: the last number and its h."""

    def __init__(self, n: int = 0) -> None:
        """Behind the link n, or at the beginning; also where that link is gone, so that its absence is named."""
        before = Seal.objects.filter(n=n).first() if n else None
        self.n, self.h = (n, bytes(before.h)) if before else (0, canonical.genesis(installation().org))

    def flaws(self, link: Link) -> Iterator[str]:
        """What is wrong with the next link. The chain is followed on from what is stored, so that one change is named
        once and what comes after it is judged by itself."""
        step, previous = link.n - self.n, self.h
        self.n, self.h = link.n, bytes(link.h)
        if step != 1:
            yield _gap(step, link.n)
        if link.is_gone:
            yield "it was sealed, but the entry is gone"
            return
        text = _text(link)
        # Behind a gap h(n-1) is unknown, so the mac alone decides.
        in_place = step != 1 or self.h == canonical.link(previous, link.n, canonical.leaf(text, bytes(link.mac)))
        changed = "it was written without the master key" if in_place else "it was changed after it was sealed"
        if flaw := _mac_flaw(link, text, changed):
            yield flaw
        elif not in_place:
            yield "it is genuine, but not what was sealed here: entries or seals were exchanged, put in or taken out"


def _gap(step: int, n: int) -> str:
    if step < 1:
        return f"the chain has the number {n} twice"
    return "the link before it is missing" if step == 2 else f"the {step - 1} links before it are missing"


def _text(link: Link) -> bytes:
    """The canonical text. SQLite can hold bytes in a text column, which nothing of ours writes: then no mac fits."""
    try:
        return canonical.canonical(link.fields)
    except TypeError:
        return b""


def _mac_flaw(link: Link, text: bytes, otherwise: str) -> str | None:
    """None when the mac is right, else `otherwise`, or that it cannot be known."""
    kid = link.fields.kid
    try:
        key = mac_key(kid)
    except KeyUnavailable:
        return f"it names the master key {kid!a}, which is not here: whether it is genuine cannot be known"
    return None if compare_digest(canonical.mac(key, text), bytes(link.mac)) else otherwise


def _check_details(link: Link, report: Report) -> None:
    expected = link.fields.detail_h
    if expected is None:
        return
    if link.salt is None or link.ciphertext is None:
        report.details_erased += 1
    elif canonical.detail_hash(bytes(link.salt), bytes(link.ciphertext)).hex() != expected:
        report.add(Problem("its details were changed or exchanged", link.id, link.n))


def _stray_details() -> Iterator[Problem]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {id_text('d.entry')} FROM audit_detail d LEFT JOIN audit_entry e ON e.id = d.entry"  # noqa: S608  ours
            " WHERE e.detail_h IS NULL"
        )
        for (entry,) in cursor.fetchall():
            yield Problem("there are details for it that no entry names", entry)


def _missing_guards() -> Iterator[Problem]:
    for name in guards.missing():
        yield Problem(f"the trigger {name} is gone or off: nothing keeps these rows from being changed")


def _shred_ledger() -> Iterator[Problem]:
    for flaw in shredding.flaws():
        yield Problem(flaw)
