"""Watermarks that moved before moves were kept: where each stands, and since when, as if it had come there at once.

So what had been read has a time at which it had been read at the latest, and every watermark stands where its last move
put it.
"""

from collections.abc import Iterator
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def keep_moves(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    alias = schema_editor.connection.alias
    move = apps.get_model("messaging", "WatermarkMove")
    stays = (
        apps.get_model("messaging", "Membership")
        .objects.using(alias)
        .filter(conversation__kind__in=("clinical", "direct"), moves=None)
        .values_list("id", "delivered_seq", "delivered_at", "read_seq", "read_at")
    )
    move.objects.using(alias).bulk_create([move(**one) for one in _moves(stays)], batch_size=2000)


def _moves(stays: Any) -> Iterator[dict[str, Any]]:
    for stay_id, delivered_seq, delivered_at, read_seq, read_at in stays.iterator():
        for watermark, seq, at in (("delivered", delivered_seq, delivered_at), ("read", read_seq, read_at)):
            if at is not None:
                yield {"membership_id": stay_id, "watermark": watermark, "seq": seq, "at": at}


class Migration(migrations.Migration):
    dependencies = [("messaging", "0003_rooms_reactions_receipts")]

    operations = [migrations.RunPython(keep_moves, migrations.RunPython.noop, elidable=True)]
