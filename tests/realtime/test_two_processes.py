"""Two processes on one database: whoever is connected to either gets everything, by pokes, and without them too.

One is the live server in the test process, the other `manage.py serve`. What is to be shown about pokes is shown with
looking switched off, and the other way round.
"""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import redis
from pytest_django import Settings

from accounts import services
from core.actor import SYSTEM
from core.limits import Rate
from messaging.models import Message
from tests.live import Server
from tests.people import Person, client_for, make_person, open_clinical, sign_in
from tests.processes import Served, served
from tests.sockets import Client, Frame, connect

pytestmark = pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process")

GROUP = "asgi__group__pokes.0"
"""What Redis calls the group of pokes."""

NEVER = "3600"
BLIND = {"POLL_INTERVAL": NEVER, "SWEEP_INTERVAL": NEVER, "HEARTBEAT": NEVER, "HEARTBEAT_TIMEOUT": "7200"}
DEAF = {"REDIS_URL": "redis://127.0.0.1:1/0", "POLL_INTERVAL": "0.2", "SWEEP_INTERVAL": "0.2"}
"""Nothing listens at that port."""

DEAF_AND_BLIND = {**DEAF, **BLIND}


@pytest.fixture(scope="module")
def blind(emptied: None) -> Iterator[Served]:
    """A process that never looks for itself."""
    with served(**BLIND) as other:
        yield other


@pytest.fixture(scope="module")
def deaf(emptied: None) -> Iterator[Served]:
    """A process that no poke reaches, and that sends none."""
    with served(**DEAF) as other:
        yield other


@pytest.fixture(params=["blind", "deaf"])
def other(
    request: pytest.FixtureRequest, emptied: None, server: Server, settings: Settings, redis_client: redis.Redis
) -> Iterator[Served]:
    """Each of them in turn; the live server does as it does."""
    chosen: Served = request.getfixturevalue(request.param)
    settings.POLL_INTERVAL = settings.SWEEP_INTERVAL = float(NEVER) if request.param == "blind" else 0.2
    server.begin_anew()
    server.sees(lambda: redis_client.pubsub_numsub(GROUP)[0][1] >= 1 + (request.param == "blind"))
    yield chosen
    settings.POLL_INTERVAL, settings.SWEEP_INTERVAL = 1.0, 15.0
    server.begin_anew()


def say(client: Client, conversation: str, text: str) -> int:
    seq: int = client.ask("message:new", {"conversationId": conversation, "content": text})["seq"]
    return seq


def ask(client: Client, conversation: str) -> Frame:
    return client.ask_raw("message:new", {"conversationId": conversation, "content": "again"})


def refused_after(client: Client, conversation: str) -> int:
    """How many messages were taken before the first was refused as too many."""
    for taken in range(1000):
        if "error" in ask(client, conversation):
            return taken
    pytest.fail("nothing was refused")


def received(client: Client, count: int) -> list[int]:
    return [client.next_event("message:new")["seq"] for _ in range(count)]


def test_what_is_said_in_one_process_is_heard_in_the_other(
    server: Server, other: Served, pat1: Person, doc1: Person
) -> None:
    conversation = open_clinical(pat1, doc1)
    with connect(server, pat1.token) as here, connect(other, doc1.token) as there:
        for n in range(1, 21):
            assert say(here if n % 2 else there, conversation, f"number {n}") == n
        for client in (here, there):
            assert received(client, 20) == list(range(1, 21))
            client.nothing_arrives()


def test_a_conversation_that_begins_is_followed_and_announced_once(
    server: Server, other: Served, pat1: Person, doc1: Person
) -> None:
    with connect(server, pat1.token) as here, connect(other, doc1.token) as there:
        with client_for(doc1, server) as rest:
            asked = {"patientId": str(pat1.id), "providerId": str(doc1.id)}
            conversation = rest.post("/api/v1/conversations", json=asked).json()["id"]
        for client in (here, there):
            assert client.next_event("conversation:added")["data"] == {"conversationId": conversation}
        say(here, conversation, "there it is")
        assert there.next_event()["event"] == "message:new"
        there.nothing_arrives(1.0)


def test_logging_out_everywhere_closes_sockets_in_both(server: Server, other: Served, pat1: Person) -> None:
    """T034."""
    with client_for(pat1, server) as rest:
        clients = [connect(where, sign_in(pat1).access) for where in (server, other, other, server, other)]
        assert rest.post("/api/v1/auth/logout-all").status_code == 204
        for client in clients:
            assert client.closed_with() == 4410


def test_disabling_somebody_closes_their_sockets_in_both(
    server: Server, other: Served, pat1: Person, doc1: Person
) -> None:
    """T035."""
    conversation = open_clinical(pat1, doc1)
    with connect(server, pat1.token) as here, connect(other, pat1.token) as there, connect(other, doc1.token) as doctor:
        services.disable_user(actor=SYSTEM, user=pat1.user)
        for client in (here, there):
            assert client.closed_with() == 4403
        say(doctor, conversation, "after it")
        for client in (here, there):
            assert "message:new" not in [frame.get("event") for frame in client.kept()]


def test_a_client_goes_on_in_the_other_process_where_it_was(
    server: Server, other: Served, pat1: Person, doc1: Person
) -> None:
    conversation = open_clinical(pat1, doc1)
    with connect(other, doc1.token) as doctor:
        with connect(server, pat1.token) as patient:
            epoch = patient.hello["epoch"]
            for n in range(1, 6):
                say(doctor, conversation, f"number {n}")
            assert received(patient, 5) == [1, 2, 3, 4, 5]
        say(doctor, conversation, "missed")
        with connect(other, pat1.token, resume={"epoch": epoch, "cursors": {conversation: 5}}) as patient:
            say(doctor, conversation, "live again")
            assert received(patient, 2) == [6, 7]
            assert patient.next_frame()["type"] == "resumed"
            patient.nothing_arrives()


def test_a_client_that_knows_more_than_its_new_process_is_told_nothing_twice(
    server: Server, pat1: Person, doc1: Person
) -> None:
    """It comes from a process that committed a moment ago, to one that has not heard of it yet."""
    conversation = open_clinical(pat1, doc1)
    with (
        served(**{**DEAF, **BLIND}) as slow,
        connect(slow, pat1.token) as ignorant,
        connect(server, doc1.token) as doctor,
    ):
        for n in range(5):
            say(doctor, conversation, f"number {n}")
        resume = {"epoch": doctor.hello["epoch"], "cursors": {conversation: 4}}
        with connect(slow, doc1.token, resume=resume) as moved:
            assert moved.next_frame()["seq"] == 5
            assert moved.next_frame() == {"type": "resumed", "heads": {conversation: 5}}
            assert say(moved, conversation, "goes on") == 6
            assert received(moved, 1) == [6]
            moved.nothing_arrives()
        assert received(ignorant, 6) == [1, 2, 3, 4, 5, 6]


def test_a_cursor_no_process_ever_gave_is_told_to_reload(server: Server, pat1: Person, doc1: Person) -> None:
    conversation = open_clinical(pat1, doc1)
    with (
        served(**{**DEAF, **BLIND}) as slow,
        connect(slow, pat1.token) as patient,
        connect(server, doc1.token) as doctor,
    ):
        say(doctor, conversation, "one")
        patient.send({"type": "resume", "epoch": patient.hello["epoch"], "cursors": {conversation: 7}})
        resync = {"type": "resync", "conversationId": conversation, "reason": "cursor_above_head"}
        assert patient.next_frame_where(lambda frame: frame.get("type") == "resync") == resync


def test_fifty_equal_sends_to_both_make_one_message(server: Server, other: Served, pat1: Person, doc1: Person) -> None:
    """T112."""
    conversation = open_clinical(pat1, doc1)
    message = {"conversationId": conversation, "content": "once", "clientMessageId": "the-same"}
    begin = threading.Barrier(10)

    def ask_five_times(client: Client) -> list[str]:
        begin.wait(20)
        return [client.ask("message:new", message)["id"] for _ in range(5)]

    both: list[Server | Served] = [server, other]
    with ExitStack() as stack, ThreadPoolExecutor(10) as pool:
        clients = [stack.enter_context(connect(where, pat1.token)) for where in both * 5]
        ids = {one for answers in pool.map(ask_five_times, clients) for one in answers}
    assert {str(message.id) for message in Message.objects.all()} == ids
    assert len(ids) == 1


def test_receipts_reach_the_other_process(server: Server, blind: Served, pat1: Person, doc1: Person) -> None:
    """They are ephemeral: without pokes nobody looks for them, and the next page of history shows them."""
    conversation = open_clinical(pat1, doc1)
    with connect(server, pat1.token) as patient, connect(blind, doc1.token) as doctor:
        seq = say(patient, conversation, "read me")
        doctor.next_event("message:new")
        doctor.ask("message:read", {"conversationId": conversation, "seq": seq})
        read = patient.next_event("message:read")["data"]
    assert (read["conversationId"], read["userId"], read["seq"]) == (conversation, str(doc1.id), seq)


def test_a_process_that_was_idle_is_still_woken(server: Server, blind: Served, pat1: Person, doc1: Person) -> None:
    """redis-py ends reads that are idle for 5 s unless it is told not to."""
    conversation = open_clinical(pat1, doc1)
    with connect(server, pat1.token) as patient, connect(blind, doc1.token) as doctor:
        doctor.nothing_arrives(7)
        say(patient, conversation, "still there?")
        assert received(doctor, 1) == [1]


def test_a_poke_shows_a_reader_of_redis_nothing(
    server: Server, blind: Served, pat1: Person, doc1: Person, redis_client: redis.Redis
) -> None:
    conversation = open_clinical(pat1, doc1)
    with redis_client.pubsub() as eavesdropper:
        eavesdropper.psubscribe("*")
        with connect(blind, pat1.token) as patient:
            say(patient, conversation, "canary-text")
            heard = b""
            deadline = time.monotonic() + 5
            while not heard:
                assert time.monotonic() < deadline, "no poke was sent"
                message = eavesdropper.get_message(ignore_subscribe_messages=True, timeout=0.5)
                heard = message["data"] if message else b""
    for secret in (conversation, str(pat1.id), "canary-text", "pat1", "heads"):
        assert secret.encode() not in heard


def test_who_can_write_to_redis_cannot_speak_to_sockets(
    server: Server, blind: Served, pat1: Person, doc1: Person, redis_client: redis.Redis
) -> None:
    conversation = open_clinical(pat1, doc1)
    with connect(blind, pat1.token) as patient, connect(server, doc1.token) as doctor:
        for forged in (b"", b"\x00" * 40, b'{"announcements": [["close_user", "%s", 4403]]}' % str(pat1.id).encode()):
            assert redis_client.publish(GROUP, forged) >= 1
        say(doctor, conversation, "still here")
        assert received(patient, 1) == [1]


def test_an_old_poke_sent_again_gives_nobody_anything(
    server: Server, blind: Served, pat1: Person, doc1: Person, redis_client: redis.Redis
) -> None:
    """Who belongs where is asked of the database, whatever a poke says."""
    with redis_client.pubsub() as eavesdropper:
        eavesdropper.psubscribe("*")
        conversation = open_clinical(pat1, doc1)
        with connect(server, pat1.token) as patient, client_for(doc1, server) as rest:
            say(patient, conversation, "not for long")
            assert rest.delete(f"/api/v1/conversations/{conversation}").status_code == 204
        overheard = []
        while message := eavesdropper.get_message(timeout=1):
            overheard += [message["data"]] if message["type"] == "pmessage" else []
    assert overheard
    with connect(blind, pat1.token) as patient:
        for poke in overheard:
            redis_client.publish(GROUP, poke)
        patient.nothing_arrives(1.0)


def test_pokes_sent_again_take_nobody_s_limits(
    server: Server, blind: Served, pat1: Person, doc1: Person, redis_client: redis.Redis
) -> None:
    conversation = open_clinical(pat1, doc1)
    with redis_client.pubsub() as eavesdropper, connect(server, pat1.token) as here:
        eavesdropper.psubscribe("*")
        for n in range(10):
            say(here, conversation, f"number {n}")
        overheard = []
        while message := eavesdropper.get_message(timeout=1):
            overheard += [message["data"]] if message["type"] == "pmessage" else []
    for poke in overheard * 20:
        redis_client.publish(GROUP, poke)
    with connect(blind, pat1.token) as there:
        for n in range(30):
            say(there, conversation, f"still number {n}")


def test_a_deleted_conversation_is_gone_in_both(server: Server, other: Served, pat1: Person, doc1: Person) -> None:
    conversation = open_clinical(pat1, doc1)
    with connect(other, pat1.token) as patient, connect(server, doc1.token) as doctor:
        say(patient, conversation, "not for long")
        patient.next_event("message:new")
        with client_for(doc1, server) as rest:
            assert rest.delete(f"/api/v1/conversations/{conversation}").status_code == 204
        for client in (doctor, patient):
            assert client.next_event("conversation:removed")["data"] == {"conversationId": conversation}
        patient.send({"type": "resume", "epoch": patient.hello["epoch"], "cursors": {conversation: 0}})
        assert patient.next_frame() == {"type": "resumed", "heads": {}}
        patient.nothing_arrives()


def test_a_member_of_both_processes_is_told_in_the_order_of_the_numbers(
    server: Server, blind: Served, pat1: Person, doc1: Person
) -> None:
    """T119, with two processes: four senders, one order for everybody."""
    conversation = open_clinical(pat1, doc1)
    begin = threading.Barrier(4)

    def send_many(client: Client) -> None:
        begin.wait(20)
        for n in range(25):
            say(client, conversation, f"number {n}")

    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        clients = [stack.enter_context(connect(where, who.token)) for where in (server, blind) for who in (pat1, doc1)]
        list(pool.map(send_many, clients))
        for client in clients:
            assert received(client, 100) == list(range(1, 101))


def test_somebody_in_many_conversations_hears_all_of_them(server: Server, blind: Served, doc1: Person) -> None:
    """T130, with two processes: more streams than one look at the database takes."""
    patients = [make_person(f"patient{n}") for n in range(30)]
    conversations = [open_clinical(patient, doc1) for patient in patients]
    with ExitStack() as stack, ThreadPoolExecutor(6) as pool:
        doctor = stack.enter_context(connect(blind, doc1.token))
        clients = [stack.enter_context(connect(server, patient.token)) for patient in patients]
        list(pool.map(_say_five, clients, conversations))
        heard: dict[str, list[int]] = {}
        for _ in range(150):
            frame = doctor.next_event("message:new")
            heard.setdefault(frame["conversationId"], []).append(frame["seq"])
    assert heard == {conversation: [1, 2, 3, 4, 5] for conversation in conversations}


def test_limits_hold_across_processes(
    server: Server, blind: Served, pat1: Person, doc1: Person, settings: Settings
) -> None:
    """What somebody may do is counted together, whichever process they ask."""
    settings.LIMITS = settings.LIMITS | {"FRAMES": Rate(10_000, 1)}  # a fast machine asks more than 50 times a second
    conversation = open_clinical(pat1, doc1)
    with connect(server, pat1.token) as here, connect(blind, pat1.token) as there:
        assert refused_after(here, conversation) >= 60  # more when it takes longer than a second
        deadline = time.monotonic() + 5
        while "error" not in (reply := ask(there, conversation)):
            assert time.monotonic() < deadline, "the other process has not heard of it"
        assert reply["error"]["code"] == "rate_limited"


def test_pokes_can_be_spread_over_several_groups(server: Server, doc1: Person, settings: Settings) -> None:
    settings.POKE_SHARDS = 3
    server.begin_anew()
    conversations = [open_clinical(make_person(f"patient{n}"), doc1) for n in range(12)]
    try:
        with (
            served(**BLIND, POKE_SHARDS="3") as other,
            connect(server, doc1.token) as here,
            connect(other, doc1.token) as there,
        ):
            for conversation in conversations:
                say(here, conversation, "hello")
            assert {there.next_event("message:new")["conversationId"] for _ in conversations} == {*conversations}
    finally:
        settings.POKE_SHARDS = 1
        server.begin_anew()


def _say_five(client: Client, conversation: str) -> None:
    for n in range(5):
        say(client, conversation, f"number {n}")
