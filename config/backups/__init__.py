"""Backups: the data and the vault of one moment in two files, what the rows know of the storage, and a manifest.

taking      makes one, whole or not at all
manifest    what is in one, signed
engines     how PostgreSQL and SQLite are dumped and restored (`postgres`, `sqlite`)
objects     files of the storage
keeping     backups that lie beside each other: the newest vault, and vaults that are too old
restoring   into an empty database
checking    whether what was restored is whole and opens
drill       a restore that leaves nothing
"""

from datetime import datetime


def last_backup() -> datetime | None:
    """When the last one was made, by the audit log; None when there was none."""
    from audit.models import Entry  # the settings read this package before there are models

    return Entry.objects.filter(action="backup.made").order_by("-id").values_list("ts", flat=True).first()
