"""New data keys before their time: when an old one may have become known, or before a shredding by age."""

from uuid import UUID

from django.db.models import Exists, OuterRef

from encryption import wiring
from encryption.models import DataKey, DataKeyState


def rotate(conversation: UUID | None = None) -> int:
    """Retire the present data key of a conversation, or of all; how many that were.

    Whoever next writes there makes the next epoch, under the lock that they hold anyway: nothing waits for this. Old
    keys go on opening what they sealed. A server that has the present key in memory uses it for at most a minute more.

    All of them in one transaction with its audit entry (`keys.rotated`): killed, it did nothing, and called again it
    rotates once.
    """
    newer = DataKey.objects.filter(conversation=OuterRef("conversation"), epoch__gt=OuterRef("epoch"))
    present = DataKey.objects.filter(~Exists(newer), state=DataKeyState.ACTIVE)
    if conversation is not None:
        present = present.filter(conversation=conversation)
    with wiring.transaction():
        rotated = present.update(state=DataKeyState.RETIRED)
        wiring.record("keys.rotated", {"conversation": conversation, "keys": rotated})
    return rotated
