"""How the log's rows are read: the text of every field, made by the database.

The chain is made over text; so a million entries need not become ten million Python objects first.
"""

from django.db import connection

from audit.canonical import Fields

_IDS = {"actor", "conv", "id", "object", "session"}
_HASHES = {"detail_h", "ip_h", "object_h"}


def fields_of(alias: str) -> str:
    """SQL for the columns of `canonical.Fields`, in their order, from the entry table under this alias."""
    return ", ".join(_as_text(name, f'{alias}."{name}"') for name in Fields._fields)


def id_text(column: str) -> str:
    """SQL for a UUID column as its 36 characters."""
    if connection.vendor == "postgresql":
        return f"{column}::text"
    parts = [f"substr({column}, {start}, {length})" for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))]
    return " || '-' || ".join(parts)


def _as_text(name: str, column: str) -> str:
    if name in _IDS:
        return id_text(column)
    if name in _HASHES:
        return f"encode({column}, 'hex')" if connection.vendor == "postgresql" else f"nullif(lower(hex({column})), '')"
    return _time_text(column) if name == "ts" else column


def _time_text(column: str) -> str:
    if connection.vendor == "postgresql":
        return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    # Stored as `2026-01-02 03:04:05.678901`, without the decimals when they are all zero.
    seconds, decimals = f"replace(substr({column}, 1, 19), ' ', 'T')", f"substr(substr({column}, 21) || '000000', 1, 6)"
    return f"{seconds} || '.' || {decimals} || 'Z'"
