"""`python -m benchmarks.removing [MESSAGES]`: how long retention takes for so many expired messages, and what sends
notice of it.

Messages of eight years ago lie in the conversations in which a hundred senders then talk: each sends the next message
as soon as the last is acknowledged (`sending`), first alone, then while `manage.py apply_retention` removes the old.
Prints one JSON object. A million takes about half an hour, most of it to write them.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.dialects import Parley
from benchmarks.sending import measure_sending
from benchmarks.settings import Options
from benchmarks.stack import ROOT, Stack
from benchmarks.targets import Fixture, Target, Values

_SECONDS = 20.0
_MESSAGES = 50_000

# Ids as they were made then, one after the other; bodies as long as a sealed short text, under the first epoch.
_FILL = """
    WITH place AS (
        SELECT stream.id, stream.head_seq, membership.user_id, row_number() OVER (ORDER BY stream.id) - 1 AS number
        FROM realtime_stream AS stream
        JOIN LATERAL (
            SELECT user_id FROM messaging_membership WHERE conversation_id = stream.id LIMIT 1
        ) AS membership ON true
        JOIN messaging_conversation AS conversation ON conversation.id = stream.id AND conversation.kind = 'clinical'
    ), old AS (
        SELECT place.id AS conversation, place.user_id AS sender, place.head_seq + 1 + n / places.size AS seq,
            (lpad(to_hex(1500000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
                || substr(md5(n::text), 4, 15))::uuid AS id
        FROM generate_series(0, %(messages)s - 1) AS series (n), (SELECT count(*) AS size FROM place) AS places, place
        WHERE place.number = n %% places.size
    ), told AS (
        INSERT INTO realtime_event (id, stream_id, seq, kind, actor_id, message_id)
        SELECT gen_random_uuid(), conversation, seq, 'message:new', sender, id FROM old
    ), moved AS (
        UPDATE realtime_stream SET head_seq = newest.seq
        FROM (SELECT conversation, max(seq) AS seq FROM old GROUP BY conversation) AS newest
        WHERE realtime_stream.id = newest.conversation
    )
    INSERT INTO messaging_message
        (id, conversation_id, seq, sender_id, type, format, priority, body, revision, created_at)
    SELECT id, conversation, seq, sender, 'text', 'plain', 'normal',
        decode('010100000001', 'hex') || decode(repeat(md5(id::text), 13), 'hex'), 0, now() - interval '8 years'
    FROM old ORDER BY id
"""


def main(messages: int) -> None:
    options = Options.read(os.environ)
    with (
        tempfile.TemporaryDirectory(prefix="parley-bench-") as logs,
        Stack(Path(logs), options.placement.server) as stack,
    ):
        stack.set_up()
        _say(f"writing {messages} messages")
        with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
            connection.execute(_FILL, {"messages": messages})
        with stack.serving() as [server]:
            target = Target("Parley", server.url, Parley, Fixture.read(stack.fixture), server.processes)
            found = _measure(target, stack)
    sys.stdout.write(json.dumps({"messages": messages, **found}, indent=1) + "\n")


def _measure(target: Target, stack: Stack) -> dict[str, Any]:
    alone = _send(target)
    _say("removing")
    run = _Run(stack.environment)
    meanwhile = _send(target)
    rows, seconds = run.wait()
    slower = 1 - meanwhile["acknowledged/s"] / alone["acknowledged/s"]
    return {
        "removed": rows,
        "seconds": round(seconds, 1),
        "removed/s": round(rows / seconds),
        "peak KiB in each tenth of the run": run.memory(),
        "sends": {"alone": _told(alone), "meanwhile": _told(meanwhile), "slower by": round(slower, 3)},
    }


def _send(target: Target) -> Values:
    return asyncio.run(measure_sending(target, _SECONDS))


def _told(values: Values) -> Values:
    return {name: round(values[name], 2) for name in ("acknowledged/s", "ack p50 ms", "ack p99 ms", "lost")}


class _Run:
    """`manage.py apply_retention`, from the moment it is started, with its memory every fifth of a second."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._begin, self._rss, self._end = time.monotonic(), list[int](), 0.0
        command = [sys.executable, "manage.py", "apply_retention", "--json", "--rule", "messaging.messages"]
        self._process = subprocess.Popen(  # noqa: S603  ours
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    def wait(self) -> tuple[int, float]:
        """How many rows went, and in how many seconds."""
        out, _ = self._process.communicate()
        self._watcher.join()
        return int(json.loads(out)["rows"]), self._end - self._begin

    def memory(self) -> list[int]:
        size = max(1, len(self._rss) // 10)
        return [max(self._rss[start : start + size]) for start in range(0, len(self._rss), size)]

    def _watch(self) -> None:
        while self._process.poll() is None:
            self._end = time.monotonic()
            if rss := _resident(self._process.pid):
                self._rss.append(rss)
            time.sleep(0.2)


def _resident(pid: int) -> int:
    """In KiB; 0 for a process that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else _MESSAGES)
