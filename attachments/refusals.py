"""The answers that are about files alone; the others are in `core.errors`, and beside what raises them."""

from core.errors import AppError, Conflict, Forbidden, TooLarge, Unavailable


class ScanPending(Conflict):
    code, title = "scan_pending", "The file has not been scanned yet; nobody can open it until then."

    def __init__(self, detail: str | None = None, *, retry_after_ms: int = 5000) -> None:
        super().__init__(detail, retry_after_ms=retry_after_ms)


class BlockedFile(Forbidden):
    code, title = "blocked_file", "The scanner did not find this file clean, so nobody can open it."


class LinkRefused(Forbidden):
    """One answer whatever is wrong with a link: what it was for is nobody's who cannot use it."""

    title = "This link does not work, or does not work any more."


class NoThumbnail(AppError):
    """Not `NotFound`, which is a refusal and stands in the audit log: whoever asks may have the file itself."""

    status, code, title = 404, "not_found", "There is no thumbnail of this file."


class RangeNotSatisfiable(AppError):
    """Sent with the `Content-Range` that RFC 9110 15.5.17 wants; `size` is what the file has."""

    status, code, title = 416, "range_not_satisfiable", "Ask for one range that lies inside the file."

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes"))


class FileTooLarge(TooLarge):
    """In the same words wherever it shows. `most_bytes` is the limit that counts: before the conversation is known, the
    largest there is."""

    def __init__(self, most_bytes: int) -> None:
        size, unit = next((size, unit) for size, unit in _UNITS if most_bytes % size == 0)
        super().__init__(f"A file here has at most {most_bytes // size} {unit}.")


class Altered(AppError):
    status, code, title = 502, "integrity_error", "What the storage holds is not the file that was stored."


class TooManyUnsent(Conflict):
    code, title = "too_many_unsent", "You have too many files that are not sent yet."


class TooManyUploads(Unavailable):
    code, title = "overloaded", "Too many uploads come at once."
