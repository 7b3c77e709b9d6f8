"""Whether a file is clean: clamd is asked while the file is still on its way, and only `stream: OK` is a yes.

    scan = Scan()
    scan.write(block) …            as the upload arrives
    result = scan.finish()         clean, infected, unscannable - or unknown: ask again later (attachments.jobs)

Everything else that can happen (no clamd, a silent one, garbage, a connection that breaks, a limit of clamd's, an
encrypted archive, signatures of last month) is never `clean`.
"""

from attachments.scanning.scanner import Scan, scan
from attachments.scanning.verdicts import Result, Verdict

__all__ = ["Result", "Scan", "Verdict", "scan"]
