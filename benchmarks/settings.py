"""What a measurement is to do, from the environment of `make bench`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.dialects import DIALECTS, Connection
from benchmarks.targets import Fixture, Target


@dataclass(frozen=True)
class Placement:
    """On which cores the server runs, and on which everything else: databases and generator."""

    server: frozenset[int]
    others: frozenset[int]

    @classmethod
    def chosen(cls, text: str) -> Self:
        """`free`: wherever the system likes. `pinned`: the server on the first core, all else on the others."""
        cores = sorted(os.sched_getaffinity(0))
        if text == "free" or len(cores) == 1:
            return cls(frozenset(cores), frozenset(cores))
        if text != "pinned":
            raise ValueError("PLACEMENT is free or pinned")
        return cls(frozenset(cores[:1]), frozenset(cores[1:]))

    @property
    def sentence(self) -> str:
        if self.server == self.others:
            return (
                f"Server, PostgreSQL, Redis and generator share the {len(self.server)} cores as the system places them."
            )
        server, others = (", ".join(map(str, sorted(cores))) for cores in (self.server, self.others))
        return f"The server is held on core {server}; PostgreSQL, Redis and the generator are on core {others}."


@dataclass(frozen=True)
class Options:
    """`only` names families of workloads; empty is all. `seconds` is how long each run is measured."""

    rounds: int
    only: frozenset[str]
    seconds: float
    placement: Placement
    peer: Target | None
    peer_told: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        return cls(
            rounds=int(environment.get("ROUNDS") or 1),
            only=frozenset(filter(None, environment.get("ONLY", "").upper().split(","))),
            seconds=float(environment.get("DURATION") or 5),
            placement=Placement.chosen(environment.get("PLACEMENT") or "free"),
            peer=_peer(environment),
            peer_told=environment.get("PEER_TOLD", ""),
        )


def _peer(environment: Mapping[str, str]) -> Target | None:
    """The second server, which runs already: PEER_URL, PEER_DIALECT, PEER_FIXTURE (`targets`) and PEER_PIDS, the roots
    of its process trees as `server=12 PostgreSQL=34 Redis=56`. PEER_NAME and PEER_TOLD are what the report
    says about it."""
    url = environment.get("PEER_URL")
    if not url:
        return None
    return Target(
        name=environment.get("PEER_NAME") or "peer",
        url=url.rstrip("/"),
        dialect=_dialect(environment.get("PEER_DIALECT") or "parley"),
        fixture=Fixture.read(Path(environment["PEER_FIXTURE"])),
        processes=_processes(environment["PEER_PIDS"]),
    )


def _dialect(name: str) -> type[Connection]:
    if name not in DIALECTS:
        raise ValueError(f"PEER_DIALECT is one of {', '.join(DIALECTS)}")
    return DIALECTS[name]


def _processes(text: str) -> dict[str, int]:
    named = dict(part.partition("=")[::2] for part in text.split())
    if "server" not in named:
        raise ValueError("PEER_PIDS names at least the server: server=<pid>")
    return {name: int(pid) for name, pid in named.items()}
