"""What clamd's answer means. Only one answer means `clean`."""

import re
from dataclasses import dataclass
from enum import StrEnum

from clamav_client.clamd import ScanResults


class Verdict(StrEnum):
    """UNKNOWN says nothing of the file: it was not scanned, and is asked about again later."""

    CLEAN = "clean"
    INFECTED = "infected"
    UNSCANNABLE = "unscannable"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Result:
    """`scanner` is clamd's version with the number and the date of its database, "" when none was asked; `found` is the
    name of the signature that matched, in ASCII, "" for none."""

    verdict: Verdict
    scanner: str = ""
    found: str = ""


class Nonsense(Exception):
    """An answer that clamd does not give."""


UNKNOWN = Result(Verdict.UNKNOWN)

# With AlertExceedsMax and AlertEncrypted (deploy/clamd.conf) clamd reports in the form of a finding what it did not
# look into: those names say nothing evil of the file, and nothing good.
_NOT_LOOKED_INTO = ("Heuristics.Limits.Exceeded", "Heuristics.Encrypted")
_LONGEST_NAME = 80


def judge(reply: ScanResults, scanner: str) -> Result:
    """The verdict in the library's reading of `stream: OK`, `stream: <signature> FOUND` or `stream: <reason> ERROR`.

    Raises Nonsense for everything else: an empty answer, one about something else, an OK with words before it.
    """
    if reply == {"stream": ("OK", None)}:
        return Result(Verdict.CLEAN, scanner)
    match reply.get("stream"):
        case ("FOUND", str(name)) if len(reply) == 1:
            return Result(_weight(name), scanner, _plain(name))
        case ("ERROR", _) if len(reply) == 1:
            # It could not say, for want of memory or room: it may be able to later.
            return Result(Verdict.UNKNOWN, scanner)
    raise Nonsense


def _weight(name: str) -> Verdict:
    return Verdict.UNSCANNABLE if name.startswith(_NOT_LOOKED_INTO) else Verdict.INFECTED


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._/-]", "?", name)[:_LONGEST_NAME]
