"""What happened, by whom, so that a later change of the record is found out.

    with audit.transaction():            the only atomic block services use
        …
        audit.record("message.created", actor=actor, object_id=message.id, …)

    audit.canonical   the bytes of an entry, its mac and the chain, as pure functions
    audit.log         record() and transaction()
    audit.verbs       everything that can be recorded
    audit.writer      entries that stand alone, and the process's group commit
    audit.refusals    what people were refused
    audit.reserve     room for entries when the disk is full
    audit.seals       entries become links of one chain, a second later
    audit.verify      the whole chain checked against the tables

Each entry carries a mac under a key that is not in the database, so a row written or changed without the key is found
out. Each is sealed into one chain, so a row taken away from the middle is found out. Somebody who can rewrite
everything from some point on without a gap is not: for that the head of the chain has to be kept elsewhere as well.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit.log import record, transaction

__all__ = ["record", "transaction"]


def __getattr__(name: str) -> Any:
    """`record` and `transaction`, imported when first used: the package itself is imported before there are models."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from audit import log

    return getattr(log, name)
