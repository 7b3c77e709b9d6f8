"""What is left to erase of somebody outside of this package. Conversations are not known here: messaging hands this
over at start-up.

from accounts import erasure
erasure.follow = …
"""

from collections.abc import Callable
from uuid import UUID


def _nothing(user_id: UUID) -> None:
    """There are no conversations."""


follow: Callable[[UUID], None] = _nothing
"""Have what this person said, and whatever else names them, erased by a job: in the transaction that erases them, and
once more with every repeat. By messaging."""
