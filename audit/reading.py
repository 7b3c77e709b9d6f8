"""The log read from its beginning as text, in constant memory, whatever its length."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

from django.db import connection, transaction

from audit.canonical import Fields
from audit.sql import fields_of, id_text

PAGE = 5000


class Link(NamedTuple):
    """One row of the log: an entry with its seal and its details.

    `n` is 0 for what is not sealed yet. `salt` and `ciphertext` are None where there are no details, or no longer.
    """

    n: int
    h: bytes
    id: str
    mac: bytes
    salt: bytes | None
    ciphertext: bytes | None
    fields: Fields

    @property
    def is_gone(self) -> bool:
        """Whether there is a seal and not its entry."""
        return not self.fields.id


def sealed(after: int = 0) -> Iterator[Link]:
    """The chain from n = `after` + 1 up to the newest seal."""
    return _links(
        f"SELECT s.n, s.h, {id_text('s.entry')}, e.mac, d.salt, d.ciphertext, {fields_of('e')}"  # noqa: S608 - names from this package only
        " FROM audit_seal s LEFT JOIN audit_entry e ON e.id = s.entry LEFT JOIN audit_detail d ON d.entry = s.entry"
        " WHERE s.n > %s ORDER BY s.n",
        after,
    )


def unsealed() -> Iterator[Link]:
    """The entries that are not sealed, in the order of ids."""
    return _links(
        f"SELECT 0, NULL, {id_text('e.id')}, e.mac, d.salt, d.ciphertext, {fields_of('e')}"  # noqa: S608 - names from this package only
        " FROM audit_entry e LEFT JOIN audit_detail d ON d.entry = e.id"
        " WHERE NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.entry = e.id)"
        " ORDER BY e.id"
    )


def _links(query: str, *parameters: int) -> Iterator[Link]:
    # PostgreSQL streams from a cursor, and a cursor needs a transaction. SQLite streams anyway, and a transaction would
    # keep writers out until the last row is read.
    surroundings = transaction.atomic() if connection.vendor == "postgresql" else nullcontext()
    with surroundings, connection.chunked_cursor() as cursor:
        cursor.execute(query, parameters or None)
        while rows := cursor.fetchmany(PAGE):
            for n, h, entry, mac, salt, ciphertext, *values in rows:
                yield Link(n, h, entry, mac, salt, ciphertext, Fields._make(values))
