"""What is measured, and how each is shown."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from typing import Any

from benchmarks.fanning_out import fan_out_200, fan_out_500
from benchmarks.filing import measure_files
from benchmarks.idling import measure_idle
from benchmarks.reading import measure_rest_history, measure_socket_history
from benchmarks.sending import measure_sending
from benchmarks.targets import Target, Values

Measure = Callable[[Target, float], Coroutine[Any, Any, Values]]


class On(Enum):
    """Which installation of Parley a workload runs on."""

    PRODUCTION = "PostgreSQL and Redis, one server process and the worker"
    TWO = "PostgreSQL and Redis, two server processes and the worker"
    EMBEDDED = "SQLite, no Redis, the worker inside the server"


@dataclass(frozen=True)
class Workload:
    """`family` is what `ONLY` names. `charted` are the two figures in the chart. `once` runs in the first round only:
    memory does not vary."""

    key: str
    family: str
    title: str
    told: str
    measure: Measure | None
    on: On = On.PRODUCTION
    with_peer: bool = True
    once: bool = False
    charted: tuple[str, ...] = ()


WORKLOADS = [
    Workload(
        "send",
        "W1",
        "Send",
        "100 senders, each in a conversation of two; the next message goes when the last is acknowledged. "
        "Acknowledged is committed, together with its event and its audit entry.",
        measure_sending,
        charted=("acknowledged/s", "total CPU s/1000"),
    ),
    Workload(
        "fan-out-200",
        "W2",
        "Fan-out, 200 members",
        "One room, everybody connected, 16 messages in flight.",
        fan_out_200,
        charted=("deliveries/s", "server CPU s/100k"),
    ),
    Workload(
        "fan-out-500",
        "W2",
        "Fan-out, 500 members",
        "One room, everybody connected, 4 messages in flight.",
        fan_out_500,
        charted=("deliveries/s", "server CPU s/100k"),
    ),
    Workload(
        "history-rest",
        "W4",
        "History over REST",
        "20 clients read the newest 50 messages of conversations at random. Parley looks at the session and commits an "
        "audit entry for each page.",
        measure_rest_history,
        charted=("pages/s", "server CPU ms/page"),
    ),
    Workload(
        "history-socket",
        "W4",
        "History over the socket",
        "The same page by `conversation:messages`, 20 sockets.",
        measure_socket_history,
        with_peer=False,
    ),
    Workload(
        "crossing",
        "CROSSING",
        "Delivery to another process",
        "200 messages a second; senders are connected to one server process, recipients to the other.",
        None,
        on=On.TWO,
        with_peer=False,
    ),
    Workload(
        "embedded",
        "EMBEDDED",
        "Send, embedded default",
        "W1 on what `make run` starts.",
        measure_sending,
        on=On.EMBEDDED,
        with_peer=False,
    ),
    Workload(
        "files",
        "FILES",
        "Files",
        "Files of 50 MiB over one connection, one after the other up and then down; the scanner is off, the storage is "
        "a local folder. MB are millions of bytes; MB per CPU second are what one core does with nothing in its way. "
        "Memory is the peak meanwhile less what the server had after small files, and then the same with eight "
        "people at once.",
        measure_files,
        with_peer=False,
    ),
    Workload(
        "idle",
        "W3",
        "Idle sockets",
        "Signed-in sockets that do nothing; memory per socket is the slope from 200 on. At the end 50 messages a "
        "second flow between people among them.",
        measure_idle,
        once=True,
    ),
]
