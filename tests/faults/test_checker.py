"""The checker finds what it looks for: each violation in a history made by hand, and nothing in a right one."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.checker import RULES, Minima, check, vacuity
from tests.faults.history import Fault, Final, Heard, History, Outcome, Return, Revocation, Send, Stay, Stored

pytestmark = [pytest.mark.no_database, pytest.mark.core]

TALK = "talk"
DEVICES = {"ann.1": "ann", "bob.1": "bob"}

Change = Callable[[History, Final], None]


def said(number: int, *, at: float, outcome: Outcome = Outcome.OK, device: str = "ann.1") -> Send:
    """The message with this number, begun at this time and answered half a second later."""
    ended = None if outcome == Outcome.INFO else at + 0.5
    return Send(device, device[:3], TALK, f"m{number}", f"text {number}", at, outcome, ended, number)


def heard(number: int) -> Heard:
    return Heard(number, "message:new", f"m{number}", 10.0 + number, 0.01, live=True)


def stored(number: int) -> Stored:
    return Stored(number, "message:new", f"m{number}", f"text {number}", f"id{number}", "ann")


@pytest.fixture
def history() -> History:
    """Ann says three things, the third of which is acknowledged to nobody, and is refused a fourth; Bob reads two."""
    sends = [said(1, at=1), said(2, at=2), said(3, at=3, outcome=Outcome.INFO), said(4, at=5, outcome=Outcome.FAIL)]
    sends[2].unknown = 1
    history = History(sends)
    for device in DEVICES:
        history.heard[device, TALK] = [heard(1), heard(2), heard(3)]
    history.reads["bob", TALK] = 2
    history.faults.append(Fault("something", 3, 4, 1, 1))
    history.returns.append(Return("bob.1", 3, 4, 1))
    return history


@pytest.fixture
def final() -> Final:
    return Final(
        events={TALK: [stored(1), stored(2), stored(3)]},
        devices=dict(DEVICES),
        stays={(person, TALK): Stay() for person in DEVICES.values()},
        unread={("ann", TALK): 0, ("bob", TALK): 1},
        read={("ann", TALK): 0, ("bob", TALK): 2},
        recorded={"id1": 1, "id2": 1, "id3": 1},
    )


def broken(history: History, final: Final) -> set[str]:
    return {rule for rule, violations in check(history, final).items() if violations}


def test_nothing_is_found_where_nothing_is_wrong(history: History, final: Final) -> None:
    assert broken(history, final) == set()
    assert list(vacuity(history, Minima())) == []


def lose_an_acknowledged_message(_: History, final: Final) -> None:
    del final.events[TALK][1]


def store_one_twice(_: History, final: Final) -> None:
    final.events[TALK].append(replace(stored(2), seq=4, message_id="id4"))


def store_it_elsewhere(_: History, final: Final) -> None:
    final.events[TALK][1] = replace(stored(2), seq=5)


def alter_a_text(_: History, final: Final) -> None:
    final.events[TALK][0] = replace(stored(1), content="text 1 ")


def store_what_was_refused(_: History, final: Final) -> None:
    final.events[TALK].append(stored(4))


def store_an_unknown_one_twice(_: History, final: Final) -> None:
    final.events[TALK].append(replace(stored(3), seq=4, message_id="id4"))


def store_what_nobody_sent(_: History, final: Final) -> None:
    final.events[TALK].append(stored(5))


def store_it_under_another_name(_: History, final: Final) -> None:
    final.events[TALK][0] = replace(stored(1), person="bob")


def leave_a_hole(_: History, final: Final) -> None:
    final.events[TALK][2] = replace(stored(3), seq=4)


def give_a_number_twice(_: History, final: Final) -> None:
    final.events[TALK][2] = replace(stored(3), seq=2)


def keep_one_from_a_device(history: History, _: Final) -> None:
    del history.heard["bob.1", TALK][1]


def keep_the_last_from_a_device(history: History, _: Final) -> None:
    del history.heard["bob.1", TALK][2]


def tell_a_device_nothing(history: History, _: Final) -> None:
    del history.heard["bob.1", TALK]


def tell_a_device_twice(history: History, _: Final) -> None:
    history.heard["bob.1", TALK].insert(1, heard(1))


def tell_a_device_in_another_order(history: History, _: Final) -> None:
    history.heard["bob.1", TALK][:2] = [heard(2), heard(1)]


def tell_a_device_something_else(history: History, _: Final) -> None:
    history.heard["bob.1", TALK][1] = replace(heard(2), client_message_id="m9")


def stumble_on_the_wire(history: History, _: Final) -> None:
    history.stumbles.append("bob.1 got 3 after 1")


def number_them_the_other_way_round(history: History, _: Final) -> None:
    history.sends[0].seq, history.sends[1].seq = 2, 1


def tell_somebody_after_their_removal(history: History, final: Final) -> None:
    final.stays["bob", TALK] = Stay(1, 2)


def tell_somebody_from_before_their_time(history: History, final: Final) -> None:
    final.stays["bob", TALK] = Stay(2)


def tell_a_stranger(history: History, final: Final) -> None:
    del final.stays["bob", TALK]


def tell_somebody_after_their_session(history: History, final: Final) -> None:
    del final.devices["bob.1"]
    history.revocations.append(Revocation("bob.1", 1.5, 1.0))


def count_wrong(_: History, final: Final) -> None:
    final.unread["bob", TALK] = 2


def forget_a_read_mark(_: History, final: Final) -> None:
    final.read["bob", TALK] = 1


def spoil_the_audit_log(_: History, final: Final) -> None:
    final.audit_problems.append("entry 3 does not match its seal")


def record_nothing(_: History, final: Final) -> None:
    del final.recorded["id2"]


def record_one_twice(_: History, final: Final) -> None:
    final.recorded["id2"] = 2


def record_what_is_not_there(_: History, final: Final) -> None:
    final.recorded["id9"] = 1


FOUND: dict[Change, set[str]] = {
    lose_an_acknowledged_message: {"acknowledged_is_there_once"},
    store_one_twice: {"acknowledged_is_there_once"},
    store_it_elsewhere: {"acknowledged_is_there_once", "numbers_are_dense"},
    alter_a_text: {"acknowledged_is_there_once"},
    store_what_was_refused: {"refused_is_absent"},
    store_an_unknown_one_twice: {"unknown_is_there_at_most_once"},
    store_what_nobody_sent: {"nobody_made_anything_up"},
    store_it_under_another_name: {"nobody_made_anything_up"},
    leave_a_hole: {"numbers_are_dense"},
    give_a_number_twice: {"numbers_are_dense"},
    keep_one_from_a_device: {"devices_have_what_is_there"},
    keep_the_last_from_a_device: {"devices_have_what_is_there"},
    tell_a_device_nothing: {"devices_have_what_is_there"},
    tell_a_device_twice: {"devices_have_what_is_there"},
    tell_a_device_in_another_order: {"devices_have_what_is_there"},
    tell_a_device_something_else: {"devices_have_what_is_there"},
    stumble_on_the_wire: {"connections_keep_order"},
    number_them_the_other_way_round: {"order_of_sending_is_order_of_numbers"},
    tell_somebody_after_their_removal: {"nothing_leaks"},
    tell_somebody_from_before_their_time: {"nothing_leaks"},
    tell_a_stranger: {"nothing_leaks"},
    tell_somebody_after_their_session: {"nothing_leaks"},
    count_wrong: {"unread_and_receipts_are_right"},
    forget_a_read_mark: {"unread_and_receipts_are_right"},
    spoil_the_audit_log: {"audit_log_tells_of_all"},
    record_nothing: {"audit_log_tells_of_all"},
    record_one_twice: {"audit_log_tells_of_all"},
    record_what_is_not_there: {"audit_log_tells_of_all"},
}


@pytest.mark.parametrize("change", FOUND, ids=lambda change: change.__name__)
def test_each_violation_is_found(history: History, final: Final, change: Change) -> None:
    change(history, final)
    assert broken(history, final) >= FOUND[change]


def test_every_rule_has_a_violation_that_it_finds() -> None:
    assert set().union(*FOUND.values()) == {rule.__name__ for rule in RULES}


def test_what_is_said_before_the_end_of_a_session_may_still_arrive(history: History, final: Final) -> None:
    del final.devices["bob.1"]
    history.revocations.append(Revocation("bob.1", 2.5, 1.0))
    assert "nothing_leaks" not in broken(history, final)


def test_two_sends_at_the_same_time_may_have_either_order(history: History, final: Final) -> None:
    history.sends[0].ended = 2.2
    number_them_the_other_way_round(history, final)
    assert "order_of_sending_is_order_of_numbers" not in broken(history, final)


@pytest.mark.parametrize("name", ["acknowledged", "unknown", "returns", "hits", "refused"])
def test_a_run_in_which_too_little_went_wrong_is_void(history: History, name: str) -> None:
    [reason] = vacuity(history, replace(Minima(), **{name: 5}))
    assert reason.startswith(f"{name}: ")


def test_a_fault_that_hit_nobody_does_not_count(history: History) -> None:
    history.faults = [replace(fault, in_flight=0, connections=0) for fault in history.faults]
    assert list(vacuity(history, Minima())) == ["hits: 0, at least 1 are needed"]
