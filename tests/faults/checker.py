"""Whether a history kept the promises of delivery. Each rule returns what broke it; none means that it held.

The method is Jepsen's (https://jepsen.io), small: clients write down what they did and heard, the end is loaded fresh,
and rules compare the two. A run in which nothing went wrong proves nothing, so it is void (`vacuity`).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.faults.history import Final, Heard, History, Outcome, Place, Send, Stay, Stored

Rule = Callable[[History, Final], Iterator[str]]


def acknowledged_is_there_once(history: History, final: Final) -> Iterator[str]:
    """1. Every `ok` send is in the final read exactly once, under the acknowledged number, as it was written."""
    stored = _by_client_id(final)
    for send in _with(history, Outcome.OK):
        found = stored[send.conversation, send.client_message_id]
        if len(found) != 1:
            yield f"{send.client_message_id} was acknowledged and is there {len(found)} times"
        elif found[0].seq != send.seq:
            yield f"{send.client_message_id} was acknowledged as {send.seq} and is there as {found[0].seq}"
        elif found[0].content != send.content:
            yield f"{send.client_message_id} is there with another text"


def refused_is_absent(history: History, final: Final) -> Iterator[str]:
    """2. Every `fail` is absent."""
    stored = _by_client_id(final)
    for send in _with(history, Outcome.FAIL):
        if stored[send.conversation, send.client_message_id]:
            yield f"{send.client_message_id} was refused ({send.code}) and is there"


def unknown_is_there_at_most_once(history: History, final: Final) -> Iterator[str]:
    """3. `info` is present at most once."""
    stored = _by_client_id(final)
    for send in _with(history, Outcome.INFO):
        if len(stored[send.conversation, send.client_message_id]) > 1:
            yield f"{send.client_message_id} is there more than once"


def nobody_made_anything_up(history: History, final: Final) -> Iterator[str]:
    """1-3 from the other side: every stored message was sent by somebody, and by the person it names."""
    sent = {(send.conversation, send.client_message_id): send.person for send in history.sends}
    for conversation in final.events:
        for event in final.messages(conversation):
            sender = sent.get((conversation, event.client_message_id or ""))
            if sender is None:
                yield f"{conversation} has a message at {event.seq} that nobody sent"
            elif event.person is not None and sender != event.person:
                yield f"{conversation} has the message at {event.seq} under another name"


def numbers_are_dense(_: History, final: Final) -> Iterator[str]:
    """4. Final numbers are 1..head without holes."""
    for conversation, events in final.events.items():
        numbers = [event.seq for event in events]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{conversation} is numbered {_where_it_breaks(numbers)}"


def devices_have_what_is_there(history: History, final: Final) -> Iterator[str]:
    """5. What every device applied = what its person may see of the final range, in order and each once."""
    for (person, conversation), stay in final.stays.items():
        expected = [event for event in final.events[conversation] if stay.covers(event.seq)]
        for device, owner in final.devices.items():
            if owner == person:
                yield from _compared(device, conversation, history.heard[device, conversation], expected)


def connections_keep_order(history: History, _: Final) -> Iterator[str]:
    """5, on the wire: no connection brings a number twice, or one before the one that precedes it."""
    yield from history.stumbles


def order_of_sending_is_order_of_numbers(history: History, _: Final) -> Iterator[str]:
    """6. Of two sends to a conversation, the one that was acknowledged before the other began has the lower number.

    For one sender that is program order: a device waits for the answer before it sends the next to the same
    conversation.
    """
    for conversation, sends in _acknowledged_by_conversation(history).items():
        latest_begin = float("-inf")
        for send in sorted(sends, key=lambda send: send.seq or 0):
            if send.ended is not None and send.ended < latest_begin:
                yield f"{conversation}: {send.client_message_id} was answered before one with a lower number was sent"
            latest_begin = max(latest_begin, send.invoked)


def nothing_leaks(history: History, final: Final) -> Iterator[str]:
    """7. No device holds a number outside its person's stay, or anything said after its revocation and the limit."""
    owners = final.devices | {revocation.device: "" for revocation in history.revocations}
    sent = {(send.conversation, send.client_message_id): send.invoked for send in history.sends}
    over = {revocation.device: revocation.at + revocation.limit for revocation in history.revocations}
    for (device, conversation), all_heard in history.heard.items():
        stay = final.stays.get((owners.get(device, ""), conversation))
        for heard in all_heard:
            if device in final.devices and (stay is None or not stay.covers(heard.seq)):
                yield f"{device} holds {heard.seq} of {conversation}, which is not for its person"
            said = sent.get((conversation, heard.client_message_id or ""), heard.at)
            if said > over.get(device, float("inf")):
                yield f"{device} heard {heard.seq} of {conversation}, said after its session had ended"


def unread_and_receipts_are_right(history: History, final: Final) -> Iterator[str]:
    """8. Unread counts and read marks equal those computed from the history."""
    for place, mark in final.read.items():
        if mark != (expected := history.reads.get(place, 0)):
            yield f"{place} has the read mark {mark} instead of {expected}"
    for place, count in final.unread.items():
        if count != (expected := _expected_unread(history, final, place)):
            yield f"{place} has {count} unread instead of {expected}"


def audit_log_tells_of_all(_: History, final: Final) -> Iterator[str]:
    """9. The audit log verifies, hashes of messages included, and has one `message.created` for each."""
    yield from final.audit_problems
    stored = {event.message_id for conversation in final.events for event in final.messages(conversation)}
    for message_id in stored:
        if (entries := final.recorded.get(message_id or "", 0)) != 1:
            yield f"the message {message_id} was recorded {entries} times"
    for message_id in final.recorded.keys() - stored:
        yield f"the message {message_id} was recorded and is not there"


RULES: tuple[Rule, ...] = (
    acknowledged_is_there_once,
    refused_is_absent,
    unknown_is_there_at_most_once,
    nobody_made_anything_up,
    numbers_are_dense,
    devices_have_what_is_there,
    connections_keep_order,
    order_of_sending_is_order_of_numbers,
    nothing_leaks,
    unread_and_receipts_are_right,
    audit_log_tells_of_all,
)


@dataclass(frozen=True)
class Minima:
    """What must have gone wrong for a run to prove something. All of it is counted over the whole run."""

    acknowledged: int = 1
    unknown: int = 1
    """Sends whose outcome was unknown at some time."""
    returns: int = 1
    """Connections that were resumed."""
    hits: int = 1
    """Faults that hit sends in flight or broke connections."""
    refused: int = 1
    """Sends that were refused for good."""


def vacuity(history: History, minima: Minima) -> Iterator[str]:
    """10. What did not go wrong often enough; anything here makes the run void."""
    found = {
        "acknowledged": len(_with(history, Outcome.OK)),
        "unknown": sum(send.unknown > 0 for send in history.sends),
        "returns": len(history.returns),
        "hits": sum(fault.in_flight > 0 or fault.connections > 0 for fault in history.faults),
        "refused": len(_with(history, Outcome.FAIL)),
    }
    for name, count in found.items():
        if count < getattr(minima, name):
            yield f"{name}: {count}, at least {getattr(minima, name)} are needed"


def check(history: History, final: Final) -> dict[str, list[str]]:
    """By name of the rule, what broke it. Every rule is named, the ones that held with an empty list."""
    return {rule.__name__: list(rule(history, final)) for rule in RULES}


# ---- Comparing --------------------------------------------------------------------------------------------------


def _with(history: History, outcome: Outcome) -> list[Send]:
    return [send for send in history.sends if send.outcome == outcome]


def _by_client_id(final: Final) -> dict[Place, list[Stored]]:
    found: dict[Place, list[Stored]] = defaultdict(list)
    for conversation in final.events:
        for event in final.messages(conversation):
            found[conversation, event.client_message_id or ""].append(event)
    return found


def _acknowledged_by_conversation(history: History) -> dict[str, list[Send]]:
    found: dict[str, list[Send]] = defaultdict(list)
    for send in _with(history, Outcome.OK):
        found[send.conversation].append(send)
    return found


def _compared(device: str, conversation: str, heard: list[Heard], expected: list[Stored]) -> Iterator[str]:
    numbers, wanted = [one.seq for one in heard], [event.seq for event in expected]
    if numbers != wanted:
        missing, extra = Counter(wanted) - Counter(numbers), Counter(numbers) - Counter(wanted)
        lost, doubled = sorted(missing)[:5], sorted(extra)[:5]
        how = f"lacks {lost}, has too much {doubled}" if missing or extra else "has all of them in another order"
        yield f"{device} in {conversation} {how} ({len(numbers)} of {len(wanted)})"
        return
    for one, event in zip(heard, expected, strict=True):
        if (one.kind, one.client_message_id) != (event.kind, event.client_message_id):
            yield f"{device} in {conversation} holds something else at {one.seq}"


def _expected_unread(history: History, final: Final, place: Place) -> int:
    person, conversation = place
    mark, stay = history.reads.get(place, 0), final.stays.get(place, Stay())
    others = (event for event in final.messages(conversation) if event.person != person)
    return min(1000, sum(event.seq > mark and stay.covers(event.seq) for event in others))


def _where_it_breaks(numbers: list[int]) -> str:
    for place, number in enumerate(numbers, 1):
        if number != place:
            return f"{number} in place {place}"
    return "in order"
