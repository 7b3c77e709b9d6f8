"""What stands about messages in other tables: who is mentioned, who reacted, how long the thread is, which files.

Most messages have none of it, and say so themselves; then nothing is asked.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from uuid import UUID

from django.db.models import Count, Value
from django.db.models.functions import Greatest

from attachments.claiming import files_of
from messaging.models import Mention, Message, Reaction
from messaging.rows import Extras, MessageRow


def extras_of(rows: Iterable[MessageRow]) -> dict[UUID, Extras]:
    """The extras of those of these messages that have any: at most four queries, however many there are, and another
    for keys of files that are not in memory.

    Of one that is gone only its thread is left, which others wrote.
    """
    rows = list(rows)
    alive = [row for row in rows if not row.is_gone]
    mentions = _mentions([row.id for row in alive if row.mentions_some])
    reactions = _reactions([row.id for row in alive if row.has_reactions])
    threads = _thread_counts([row.id for row in rows if row.has_thread])
    files = files_of([row.id for row in alive if row.has_files])
    found = mentions.keys() | reactions.keys() | threads.keys() | files.keys()
    return {
        id_: Extras(mentions.get(id_, ()), reactions.get(id_, ()), threads.get(id_, 0), files.get(id_, ()))
        for id_ in found
    }


def thread_counts_at(places: Collection[tuple[UUID, int]]) -> dict[tuple[UUID, int], int]:
    """How many replies these threads, given as (root, seq), had when their conversation had got as far as that seq.

    Tombstones count: they keep their place in the thread. So a number never falls, and whoever adds one for each reply
    that comes has it right, whatever is deleted.
    """
    if not places:
        return {}
    lowest, highest = min(seq for _, seq in places), max(seq for _, seq in places)
    # Counted together up to the lowest number, and one by one from there: as many as there are numbers in between.
    counted = (
        Message.objects.filter(thread_root__in={root for root, _ in places}, seq__lte=highest)
        .annotate(reached=Greatest("seq", Value(lowest)))
        .values_list("thread_root", "reached")
        .annotate(n=Count("*"))
        .order_by("thread_root", "reached")
    )
    steps: defaultdict[UUID, list[tuple[int, int]]] = defaultdict(list)
    for root, reached, n in counted:
        before = steps[root][-1][1] if steps[root] else 0
        steps[root].append((reached, before + n))
    return {(root, seq): _at(steps[root], seq) for root, seq in places if root in steps}


def _at(steps: Sequence[tuple[int, int]], seq: int) -> int:
    """The second of the last step whose first is not above `seq`."""
    place = bisect_right(steps, seq, key=itemgetter(0))
    return steps[place - 1][1] if place else 0


def _thread_counts(root_ids: Collection[UUID]) -> dict[UUID, int]:
    """The same for all there are now."""
    if not root_ids:
        return {}
    counted = Message.objects.filter(thread_root__in=root_ids).values_list("thread_root").annotate(n=Count("*"))
    return dict(counted)


def _mentions(message_ids: Collection[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    found: defaultdict[UUID, tuple[UUID, ...]] = defaultdict(tuple)
    if message_ids:
        rows = Mention.objects.filter(message__in=message_ids).order_by("id")
        for message_id, user_id in rows.values_list("message_id", "user_id"):
            found[message_id] += (user_id,)
    return found


def _reactions(message_ids: Collection[UUID]) -> dict[UUID, tuple[tuple[str, tuple[UUID, ...]], ...]]:
    found: defaultdict[UUID, defaultdict[str, list[UUID]]] = defaultdict(lambda: defaultdict(list))
    if message_ids:
        rows = Reaction.objects.filter(message__in=message_ids).order_by("id")
        for message_id, emoji, user_id in rows.values_list("message_id", "emoji", "user_id"):
            found[message_id][emoji].append(user_id)
    return {id_: tuple((emoji, tuple(who)) for emoji, who in used.items()) for id_, used in found.items()}
