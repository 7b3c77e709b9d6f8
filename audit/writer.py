"""The group commit of this process: drafts of every app that wait together are stored in one transaction together.

An app registers how its drafts are stored. The stores of a group run one after the other inside one
`audit.transaction()`, so that a group costs one COMMIT whatever is in it, and its entries one statement.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar, Unpack

from audit import log
from audit.entries import Note, Particulars
from core.actor import Actor
from core.writer import Draft, GroupWriter, Store

D = TypeVar("D", bound=Draft)

_stores: dict[type[Draft], Store] = {}


def register(kind: type[D], store: Callable[[Sequence[D]], None]) -> None:
    """Have drafts of exactly this class stored by `store`, inside the transaction of their group.

    `store` sets each draft's `outcome`: its result, or the AppError that refuses it alone. It raises only when nothing
    of the group may be stored; the writer then tries each draft by itself. Stores run in the order of registration.
    """
    if kind in _stores:
        raise TypeError(f"{kind.__name__} has a store already")
    _stores[kind] = store


def _store(drafts: Sequence[Draft]) -> None:
    groups: defaultdict[type[Draft], list[Draft]] = defaultdict(list)
    for draft in drafts:
        groups[type(draft)].append(draft)
    with log.transaction():
        for kind, store in _stores.items():
            if kind in groups:
                store(groups.pop(kind))
        if groups:
            raise TypeError(f"nobody stores {', '.join(kind.__name__ for kind in groups)}")


writer = GroupWriter(_store, name="audit-writer")
"""The one writer of this process: `await writer.store(draft)`, or `writer.submit(draft).result()` in a thread."""


class EntryDraft(Draft):
    """An entry that stands alone, because what it tells of changed nothing: something was read, or refused.

    Waiting for its outcome (None) is waiting for its COMMIT. Raises ValueError for a verb that is not in `audit.verbs`.
    """

    def __init__(self, action: str, actor: Actor, **particulars: Unpack[Particulars]) -> None:
        super().__init__()
        self.note = Note(action, actor, **particulars)


def _store_entries(drafts: Sequence[EntryDraft]) -> None:
    for draft in drafts:
        log.add(draft.note)


register(EntryDraft, _store_entries)
