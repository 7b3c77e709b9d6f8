"""Events reach every socket in order, once, whatever order they come in and whoever cannot take them just now."""

import asyncio
from uuid import UUID, uuid4

import pytest

from realtime.protocol import CloseCode
from realtime.window import MOST_EVENTS
from tests.realtime.fakes import FakeWire, Stage, departure, message

pytestmark = [pytest.mark.core, pytest.mark.no_database]

ANN, BOB, ROOM = UUID(int=1), UUID(int=2), UUID(int=100)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_everybody_who_follows_gets_an_event_and_nobody_else(stage: Stage) -> None:
    ann, bob, stranger = stage.socket(ANN, {ROOM: 1}), stage.socket(BOB, {ROOM: 1}), stage.socket(UUID(int=3), {})
    stage.publish(ROOM, 1, 2)
    assert ann.seqs(ROOM) == bob.seqs(ROOM) == [1, 2]
    assert stranger.types() == ["auth_success"]


def test_an_event_that_speaks_first_waits_for_the_one_before_it(stage: Stage) -> None:
    ann = stage.socket(ANN, {ROOM: 1})
    stage.publish(ROOM, 2, 3)
    assert ann.seqs(ROOM) == []
    assert stage.reader.gaps
    stage.publish(ROOM, 1)
    assert ann.seqs(ROOM) == [1, 2, 3]


def test_a_gap_that_stays_open_is_closed_from_the_database(stage: Stage) -> None:
    ann = stage.socket(ANN, {ROOM: 1})
    stage.publish(ROOM, 3)
    feed = stage.reader.gaps[0]
    for seq in (1, 2, 3):
        stage.hub.offer(feed, seq, stage.encoded(ROOM, seq), None)
    stage.publish(ROOM, 1, 2)
    assert ann.seqs(ROOM) == [1, 2, 3]


def test_repeats_do_nothing(stage: Stage) -> None:
    ann = stage.socket(ANN, {ROOM: 1})
    stage.publish(ROOM, 1, 1, 2, 1, 2)
    assert ann.seqs(ROOM) == [1, 2]


def test_heads_from_the_database_show_what_nobody_announced(stage: Stage) -> None:
    stage.socket(ANN, {ROOM: 1})
    stage.publish(ROOM, 1)
    stage.hub.notice({ROOM: 1, uuid4(): 7})
    assert not stage.reader.gaps
    stage.hub.notice({ROOM: 3})
    assert [feed.id for feed in stage.reader.gaps] == [ROOM]


@pytest.mark.parametrize(("cursors", "seen"), [({ROOM: 7}, [8, 9]), (None, [9])])
def test_events_that_commit_while_a_socket_opens(
    stage: Stage, cursors: dict[UUID, int] | None, seen: list[int]
) -> None:
    """They belong to the replay; a client that wants none reads the history after auth_success and finds them there."""
    socket, wire = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 1})
    stage.publish(ROOM, 8)
    stage.settle(7)
    socket.begin(stage.hello(), cursors, [])
    stage.publish(ROOM, 9)
    assert wire.seqs(ROOM) == seen


def test_the_opening_order_is_hello_replay_resumed_live(stage: Stage) -> None:
    stage.socket(BOB, {ROOM: 1})
    stage.publish(ROOM, *range(1, 6))
    socket, ann = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 1})
    stage.publish(ROOM, 6)
    socket.begin(stage.hello(), {ROOM: 3}, [])
    stage.publish(ROOM, 7)
    assert ann.types() == ["auth_success", "message:new", "message:new", "message:new", "resumed", "message:new"]
    assert ann.seqs(ROOM) == [4, 5, 6, 7]
    assert ann.frames[4]["heads"] == {str(ROOM): 6}


def test_during_a_replay_from_the_database_nothing_overtakes(stage: Stage) -> None:
    """Also not in a stream that has nothing to replay."""
    other = UUID(int=101)
    socket, ann = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 1, other: 1})
    stage.settle(450)
    socket.begin(stage.hello(), {ROOM: 40}, [])
    stage.publish(ROOM, 451)
    stage.publish(other, 451)
    assert ann.types() == ["auth_success"]
    for _ in range(3):
        stage.page()
    assert ann.seqs(ROOM) == list(range(41, 452))
    kinds = ann.types()
    assert kinds.index("resumed") == 1 + 410
    assert ann.frames[411]["heads"] == {str(ROOM): 450, str(other): 450}
    assert ann.seqs(other) == [451]
    assert not stage.reader.reads


def test_a_page_is_never_more_than_two_hundred_events_over_all_streams(stage: Stage) -> None:
    rooms = [UUID(int=200 + n) for n in range(5)]
    socket, ann = stage.opening(ANN)
    stage.hub.subscribe(socket, dict.fromkeys(rooms, 1))
    stage.settle(90)
    socket.begin(stage.hello(), dict.fromkeys(rooms, 0), [])
    pages = 0
    while stage.reader.reads:
        _, stretches = stage.reader.reads[0]
        assert sum(stretch.up_to - stretch.after for stretch in stretches) <= 200
        stage.page()
        pages += 1
    assert pages == 3
    assert all(ann.seqs(room) == list(range(1, 91)) for room in rooms)
    assert ann.types().count("resumed") == 1


def test_what_lies_before_the_visible_range_is_not_replayed(stage: Stage) -> None:
    socket, ann = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 31})
    stage.settle(40)
    socket.begin(stage.hello(), {ROOM: 5}, [])
    stage.page()
    assert ann.seqs(ROOM) == list(range(31, 41))


def test_below_the_retention_floor_the_client_is_told_to_reload(stage: Stage) -> None:
    """T117."""
    socket, ann = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 1})
    stage.settle(40)
    socket.begin(stage.hello(), {ROOM: 5}, [])
    stage.page(floor=20)
    stage.publish(ROOM, 41)
    assert ann.types() == ["auth_success", "resync", "resumed", "message:new"]
    assert ann.frames[1] == {"type": "resync", "conversationId": str(ROOM), "reason": "below_floor"}


def test_a_resume_in_the_middle_of_a_connection_sends_again_and_goes_on(stage: Stage) -> None:
    socket, ann = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 1})
    stage.settle(0)
    socket.begin(stage.hello(), None, [])
    stage.publish(ROOM, 1, 2, 3)
    socket.replay({ROOM: 1}, [])
    stage.publish(ROOM, 4)
    assert ann.seqs(ROOM) == [1, 2, 3, 2, 3, 4]
    assert ann.types()[-2:] == ["resumed", "message:new"]


def test_a_client_that_cannot_take_more_goes_on_where_it_was(stage: Stage) -> None:
    ann, bob = stage.socket(ANN, {ROOM: 1}), stage.socket(BOB, {ROOM: 1})
    stage.publish(ROOM, 1)
    ann.full()
    stage.publish(ROOM, *range(2, 100))
    assert ann.seqs(ROOM) == [1]
    assert bob.seqs(ROOM) == list(range(1, 100))
    ann.empty()
    stage.publish(ROOM, 100)
    assert ann.seqs(ROOM) == list(range(1, 101))
    assert not stage.reader.reads


def test_who_is_further_back_than_the_window_reads_the_database(stage: Stage) -> None:
    ann, _ = stage.socket(ANN, {ROOM: 1}), stage.socket(BOB, {ROOM: 1})
    ann.full()
    last = MOST_EVENTS + 100
    stage.publish(ROOM, *range(1, last + 1))
    ann.empty()
    assert len(stage.reader.reads) == 1
    stage.publish(ROOM, last + 1)
    stage.page()
    assert ann.seqs(ROOM) == list(range(1, last + 2))


def test_a_client_that_chokes_on_a_page_gets_the_rest_later(stage: Stage) -> None:
    socket, ann = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 1})
    stage.settle(50)
    socket.begin(stage.hello(), {ROOM: 0}, [])
    ann.full_after(10)
    stage.page()
    assert ann.seqs(ROOM) == list(range(1, 11))
    assert not stage.reader.reads
    ann.empty()
    stage.page()
    assert ann.seqs(ROOM) == list(range(1, 51))


def test_a_client_that_chokes_within_a_batch_gets_no_event_twice(stage: Stage) -> None:
    ann = stage.socket(ANN, {ROOM: 1})
    ann.full_after(1)
    stage.publish(ROOM, 2, 3, 4, 1)
    stage.publish(ROOM, 5)
    ann.empty()
    assert ann.seqs(ROOM) == [1, 2, 3, 4, 5]


def test_events_that_wait_together_are_written_together(stage: Stage) -> None:
    ann = stage.socket(ANN, {ROOM: 1})
    before = ann.writes
    stage.publish(ROOM, 2, 3, 4, 1)
    assert ann.seqs(ROOM) == [1, 2, 3, 4]
    assert ann.writes == before + 1


def test_ephemeral_events_wait_for_a_slow_client_and_the_oldest_go_first(stage: Stage) -> None:
    ann = stage.socket(ANN, {ROOM: 1})
    ann.full()
    for n in range(70):
        stage.hub.tell_users([ANN], "typing", {"n": n})
    ann.empty()
    assert [frame["data"]["n"] for frame in ann.frames if frame.get("event") == "typing"] == list(range(6, 70))


def test_nothing_is_said_to_a_client_before_hello(stage: Stage) -> None:
    socket, ann = stage.opening(ANN)
    stage.hub.tell_users([ANN], "typing", {"n": 1})
    stage.hub.subscribe(socket, {ROOM: 1})
    stage.settle(0)
    stage.publish(ROOM, 1)
    assert ann.frames == []
    socket.begin(stage.hello(), {ROOM: 0}, [])
    assert ann.types() == ["auth_success", "typing", "message:new", "resumed"]


def test_the_eleventh_socket_of_a_user_closes_the_oldest(stage: Stage) -> None:
    """T036."""
    wires = [stage.socket(ANN, {ROOM: 1}) for _ in range(11)]
    assert [wire.code for wire in wires] == [CloseCode.SUPERSEDED] + [None] * 10
    stage.publish(ROOM, 1)
    assert [wire.seqs(ROOM) for wire in wires] == [[]] + [[1]] * 10


def test_a_closed_socket_leaves_nothing_behind(stage: Stage) -> None:
    socket, _ = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 1})
    stage.settle(0)
    socket.begin(stage.hello(), None, [])
    socket.close(CloseCode.NORMAL)
    socket.close(CloseCode.DEFECT)
    stage.publish(ROOM, 1)
    stage.hub.tell_users([ANN], "typing", {})
    assert not stage.hub.feeds
    assert not stage.hub.sockets
    assert not stage.hub.session_ids()
    assert stage.hub.counts() == {"active": 0, "total": 1, "peak": 1}


def test_a_page_that_comes_after_the_end_is_dropped(stage: Stage) -> None:
    socket, ann = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 1})
    stage.settle(20)
    socket.begin(stage.hello(), {ROOM: 0}, [])
    socket.close(CloseCode.SESSION_REVOKED)
    stage.page()
    assert ann.seqs(ROOM) == []


async def test_a_large_room_is_served_a_slice_at_a_time_and_in_order() -> None:
    stage = Stage()
    wires = [stage.socket(UUID(int=1000 + n), {ROOM: 1}) for n in range(600)]
    stage.publish(ROOM, 1)
    served = sum(bool(wire.seqs(ROOM)) for wire in wires)
    assert 0 < served < 600
    stage.publish(ROOM, 2)
    late = stage.socket(UUID(int=5000), {ROOM: 1})
    for _ in range(20):
        await asyncio.sleep(0)
    assert all(wire.seqs(ROOM) == [1, 2] for wire in wires)
    assert late.seqs(ROOM) in ([2], [1, 2])


async def test_sockets_that_close_or_choke_in_the_middle_of_a_round_miss_nothing_and_get_nothing_twice() -> None:
    stage = Stage()
    sockets = [stage.opening(UUID(int=1000 + n)) for n in range(600)]
    for socket, _ in sockets:
        stage.hub.subscribe(socket, {ROOM: 1})
        stage.settle(0)
        socket.begin(stage.hello(), None, [])
    stage.publish(ROOM, 1)
    waiting = [(socket, wire) for socket, wire in sockets if not wire.seqs(ROOM)]
    closed, choked = waiting[0], waiting[1]
    closed[0].close(CloseCode.NORMAL)
    choked[1].full()
    stage.publish(ROOM, 2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert closed[1].seqs(ROOM) == choked[1].seqs(ROOM) == []
    choked[1].empty()
    assert all(wire.seqs(ROOM) == [1, 2] for _, wire in sockets if wire is not closed[1])


def test_rounds_that_are_overtaken_by_the_window_send_everybody_to_the_database(stage: Stage) -> None:
    ann, bob = stage.socket(ANN, {ROOM: 1}), stage.socket(BOB, {ROOM: 1})
    last = MOST_EVENTS + 50
    # All of them wait for the first, and then come at once.
    for seq in range(2, MOST_EVENTS + 2):
        stage.hub.publish([message(ROOM, seq)])
    stage.hub.publish([message(ROOM, 1)])
    assert stage.reader.reads
    stage.hub.publish([message(ROOM, seq) for seq in range(MOST_EVENTS + 2, last + 1)])
    while stage.reader.reads:
        stage.page()
    assert ann.seqs(ROOM) == bob.seqs(ROOM) == list(range(1, last + 1))


def test_a_member_who_is_removed_gets_the_removal_last(stage: Stage) -> None:
    ann, bob = stage.socket(ANN, {ROOM: 1}), stage.socket(BOB, {ROOM: 1})
    stage.hub.publish([message(ROOM, 3), message(ROOM, 4), departure(ROOM, 2, ANN), message(ROOM, 1)])
    assert ann.seqs(ROOM) == [1, 2]
    assert ann.frames[-1] == {"event": "conversation:removed", "data": {"conversationId": str(ROOM)}}
    assert bob.seqs(ROOM) == [1, 2, 3, 4]


def test_a_removed_member_who_was_behind_gets_up_to_the_removal(stage: Stage) -> None:
    ann, _ = stage.socket(ANN, {ROOM: 1}), stage.socket(BOB, {ROOM: 1})
    ann.full()
    stage.hub.publish([message(ROOM, 1), departure(ROOM, 2, ANN), message(ROOM, 3)])
    ann.empty()
    stage.publish(ROOM, 4)
    assert ann.seqs(ROOM) == [1, 2]


def test_a_removal_is_seen_by_a_socket_whose_memberships_were_read_before_it(stage: Stage) -> None:
    socket, ann = stage.opening(ANN)
    read = {ROOM: 1}
    stage.hub.publish([departure(ROOM, 5, ANN)])
    stage.hub.subscribe(socket, read)
    socket.begin(stage.hello(), {ROOM: 0}, [])
    stage.publish(ROOM, 6)
    assert ann.seqs(ROOM) == []
    assert not stage.hub.feeds


@pytest.mark.parametrize("head", [4, 5, 6])
def test_a_removal_that_comes_while_the_head_is_read_counts(stage: Stage, head: int) -> None:
    socket, ann = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 1})
    stage.hub.publish([departure(ROOM, 5, ANN)])
    stage.settle(head)
    socket.begin(stage.hello(), {ROOM: 3}, [])
    while stage.reader.reads:
        stage.page()
    stage.publish(ROOM, *range(6, 9))
    assert ann.seqs(ROOM) == [4, 5]


def test_the_announcement_of_a_removal_that_comes_late_counts(stage: Stage) -> None:
    stage.socket(BOB, {ROOM: 1})
    socket, ann = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 1})
    socket.begin(stage.hello(), None, [])
    for seq in (1, 2, 3):
        stage.hub.offer(stage.hub.feeds[ROOM], seq, stage.encoded(ROOM, seq), None)
    stage.hub.publish([departure(ROOM, 2, ANN)])
    stage.publish(ROOM, 4)
    assert ann.seqs(ROOM) == [1, 2, 3]


def test_a_newcomer_follows_from_the_event_that_brought_them(stage: Stage) -> None:
    ann, bob = stage.socket(ANN, {}), stage.socket(BOB, {ROOM: 1})
    stage.publish(ROOM, 1, 2)
    stage.hub.follow([ANN], ROOM, 1, 3)
    stage.publish(ROOM, 3, 4)
    assert ann.types() == ["auth_success", "conversation:added", "message:new", "message:new"]
    assert ann.seqs(ROOM) == [3, 4]
    assert bob.seqs(ROOM) == [1, 2, 3, 4]


def test_a_newcomer_who_is_announced_before_earlier_events_gets_none_of_those(stage: Stage) -> None:
    ann, bob = stage.socket(ANN, {}), stage.socket(BOB, {ROOM: 1})
    stage.hub.follow([ANN], ROOM, 3, 3)
    stage.publish(ROOM, 4, 2, 3, 1)
    assert ann.seqs(ROOM) == [3, 4]
    assert bob.seqs(ROOM) == [1, 2, 3, 4]


def test_a_newcomer_who_is_announced_late_gets_what_they_missed(stage: Stage) -> None:
    ann, _ = stage.socket(ANN, {}), stage.socket(BOB, {ROOM: 1})
    stage.publish(ROOM, 1, 2, 3, 4)
    stage.hub.follow([ANN], ROOM, 1, 3)
    assert ann.seqs(ROOM) == [3, 4]


def test_a_new_conversation_is_followed_from_its_first_event(stage: Stage) -> None:
    ann = stage.socket(ANN, {})
    stage.publish(ROOM, 1)
    stage.hub.follow([ANN, BOB], ROOM, 1)
    stage.hub.follow([ANN, BOB], ROOM, 1)
    stage.settle(1)
    stage.page()
    stage.publish(ROOM, 2)
    assert ann.seqs(ROOM) == [1, 2]


def test_a_socket_that_opens_while_its_user_joins_follows(stage: Stage) -> None:
    socket, ann = stage.opening(ANN)
    stage.hub.follow([ANN], ROOM, 1)
    stage.hub.subscribe(socket, {})
    stage.settle(0)
    socket.begin(stage.hello(), None, [])
    stage.publish(ROOM, 1)
    assert ann.seqs(ROOM) == [1]


def test_old_news_of_joining_does_not_undo_a_removal(stage: Stage) -> None:
    ann, _ = stage.socket(ANN, {}), stage.socket(BOB, {ROOM: 1})
    stage.publish(ROOM, 1, 2)
    stage.hub.publish([departure(ROOM, 3, ANN)])
    stage.hub.follow([ANN], ROOM, 2, 2)
    stage.publish(ROOM, 4)
    assert ann.seqs(ROOM) == []


def test_who_comes_back_before_the_removal_is_heard_of_stays(stage: Stage) -> None:
    ann, _ = stage.socket(ANN, {ROOM: 1}), stage.socket(BOB, {ROOM: 1})
    stage.hub.follow([ANN], ROOM, 4, 4)
    stage.hub.publish([message(ROOM, 1), departure(ROOM, 2, ANN), message(ROOM, 3), message(ROOM, 4)])
    stage.publish(ROOM, 5)
    assert ann.seqs(ROOM) == [1, 2, 4, 5]


def test_a_deleted_conversation_is_gone_at_once_and_for_good(stage: Stage) -> None:
    ann = stage.socket(ANN, {ROOM: 1})
    stage.publish(ROOM, 1)
    stage.hub.unfollow([ANN, BOB], ROOM)
    stage.hub.follow([ANN], ROOM, 1)
    stage.publish(ROOM, 2)
    assert ann.seqs(ROOM) == [1]
    assert ann.types()[-1] == "conversation:removed"


def test_ending_a_session_closes_its_sockets_and_no_others(stage: Stage) -> None:
    ended, ann = stage.opening(ANN)
    other = stage.socket(ANN, {})
    bob = stage.socket(BOB, {})
    assert ended.session_id is not None
    stage.hub.close_session(ended.session_id)
    stage.hub.close_session(uuid4())
    assert (ann.code, other.code, bob.code) == (CloseCode.SESSION_REVOKED, None, None)


def test_disabling_a_user_closes_all_their_sockets_after_saying_so(stage: Stage) -> None:
    first, second, bob = stage.socket(ANN, {}), stage.socket(ANN, {}), stage.socket(BOB, {})
    second.full()
    stage.hub.close_user(ANN)
    assert (first.code, second.code, bob.code) == (CloseCode.ACCOUNT_DISABLED, CloseCode.ACCOUNT_DISABLED, None)
    assert first.types() == ["auth_success", "session:revoked"]
    assert second.types() == ["auth_success"]


def stalled(stage: Stage) -> tuple[FakeWire, FakeWire]:
    return stage.socket(ANN, {ROOM: 1}), stage.socket(BOB, {ROOM: 1})


def test_a_stalled_reader_is_cut_off_and_the_others_go_on(stage: Stage) -> None:
    """T125."""
    ann, bob = stalled(stage)
    ann.full(300_000)
    (choked,) = stage.hub.choked
    began = choked.choked_since
    choked.check_stall(began + 29, 30)
    ann.unsent = 200_000
    choked.check_stall(began + 29.5, 30)
    choked.check_stall(began + 58, 30)
    before = ann.aborted
    choked.check_stall(began + 59.5, 30)
    assert (before, ann.aborted) == (False, True)
    stage.publish(ROOM, 1)
    assert bob.seqs(ROOM) == [1]
    assert not stage.hub.choked


def test_a_reader_who_lags_too_far_behind_the_window_is_told_so(stage: Stage) -> None:
    ann, bob = stalled(stage)
    ann.full(300_000)
    (choked,) = stage.hub.choked
    stage.publish(ROOM, *range(1, MOST_EVENTS + 256))
    choked.check_stall(choked.choked_since, 30)
    before = ann.code
    stage.publish(ROOM, *range(MOST_EVENTS + 256, MOST_EVENTS + 258))
    choked.check_stall(choked.choked_since, 30)
    assert (before, ann.code, bob.code) == (None, CloseCode.TOO_SLOW, None)


def test_a_replay_may_begin_as_far_back_as_it_likes(stage: Stage) -> None:
    socket, ann = stage.opening(ANN)
    stage.hub.subscribe(socket, {ROOM: 1})
    stage.settle(5000)
    socket.begin(stage.hello(), {ROOM: 0}, [])
    ann.full_after(3)
    stage.page()
    socket.check_stall(socket.choked_since, 30)
    assert ann.code is None
