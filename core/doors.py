"""What clients may ask and what they are told: declared once, the same by every door.

    send = Receives("message:new", schema=MessageIn, service=send_message, answer=message_out, limit="MESSAGE_NEW", …)
    message_new = Sends("message:new", schema=MessageOut, durable=True, …)

A REST view, a socket frame and every later door run the same declaration, so a permission cannot be forgotten at one
of them. OpenAPI, AsyncAPI and the tests that walk every event are generated from the registries below.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core import limits, outcomes, shapes
from core.actor import Actor
from core.errors import AppError, NotFound, Refused, UnknownEvent
from core.shapes import Data, Shape

receives: dict[str, "Receives"] = {}
sends: dict[str, "Sends"] = {}


@dataclass(frozen=True)
class Receives:
    """One thing a client may ask.

    - `name`: the event on the wire, an imperative: `message:edit`.
    - `schema`: the shape of its data. Validated first, on the event loop, in memory, like the limit.
    - `find(actor, clean) -> subject`: the subject through what the actor may see, or NotFound. It may take values out
      of `clean`; what is left goes to the service.
    - `permission(actor, subject)`: raises Forbidden; None where having found the subject is permission enough.
    - `service`: what happens. A plain function is called as `service(actor=, subject=, **clean)` in a thread that may
      use the database. A coroutine function finds and checks for itself (the writer does, under its lock) and is
      called as `service(actor=, **clean)` on the event loop.
    - `answer(result, actor) -> dict`: the reply as every door gives it.
    - `reply`: the shape of that reply, for the documents.
    - `limit`: the name of a rate in `settings.LIMITS`.
    - `summary`: one sentence for the documents; `description`: what a client has to know beyond it.
    - `examples`: data as a client sends it, by what it is an example of.
    """

    name: str
    schema: type[Shape]
    service: Callable[..., Any]
    answer: Callable[[Any, Actor], Data]
    reply: type[Shape] | None = None
    find: Callable[[Actor, Data], Any] | None = None
    permission: Callable[[Actor, Any], None] | None = None
    limit: str = "REQUEST"
    summary: str = ""
    description: str = ""
    examples: Mapping[str, Data] = field(default_factory=dict)
    socket: bool = True
    awaits: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "awaits", inspect.iscoroutinefunction(self.service))
        if not self.awaits and self.find is None:
            raise TypeError(f"{self.name}: a service in a thread needs a way to find its subject")
        if self.name in receives:
            raise TypeError(f"{self.name} is declared twice")
        receives[self.name] = self

    def admit(self, actor: Actor, data: object) -> Data:
        """The clean values of `data`, counted against the actor's limit. In memory only: safe on the event loop."""
        try:
            clean = shapes.validate(self.schema, data)
            limits.enforce(self.limit, actor.id)
        except AppError as error:
            outcomes.refused(self.name, error)
            raise
        return clean

    def perform(self, actor: Actor, clean: Data) -> Any:
        """Find, check, act; in a thread that may use the database. Returns what the service returns."""
        if self.find is None:
            raise TypeError(f"{self.name} finds its subject in its own service: await it")
        with outcomes.Measured(self.name):
            subject = self.find(actor, clean)
            if self.permission is not None:
                self.permission(actor, subject)
            return self.service(actor=actor, subject=subject, **clean)

    async def perform_awaiting(self, actor: Actor, clean: Data) -> Any:
        """The same for a coroutine service, on the event loop."""
        with outcomes.Measured(self.name):
            return await self.service(actor=actor, **clean)

    def run(self, actor: Actor, data: object) -> Any:
        """Admit and perform, for doors that are in a thread already (REST views, tests)."""
        return self.perform(actor, self.admit(actor, data))


@dataclass(frozen=True)
class Sends:
    """One thing clients are told. `durable` events have a seq and are replayed; the others are best effort."""

    name: str
    schema: type[Shape]
    durable: bool
    audience: str
    summary: str = ""

    def __post_init__(self) -> None:
        if self.name in sends:
            raise TypeError(f"{self.name} is declared twice")
        sends[self.name] = self


def declared(name: object) -> Receives:
    """The declaration of a client event that sockets may use; raises UnknownEvent."""
    found = receives.get(name) if isinstance(name, str) else None
    if found is None or not found.socket:
        raise UnknownEvent()
    return found


RefusalRecorder = Callable[[Actor, str, Refused], None]


def _not_wired(actor: Actor, attempted: str, error: Refused) -> None:
    raise RuntimeError("nobody records refusals: the audit app hands over its recorder at start-up")


record_refusal: RefusalRecorder = _not_wired
"""Writes a refusal to the audit log; set by the audit app at start-up, called by each door in a database thread.

`attempted` names what was asked, e.g. `message:edit` or `GET conversations/{id}`.
"""


def _just_missing(actor: Actor, error: NotFound) -> AppError:
    """Nobody knows better."""
    return error


explain_missing: Callable[[Actor, NotFound], AppError] = _just_missing
"""What to answer instead of NotFound to somebody who once had what they ask for, and may know what became of it: else
the same error. Set by messaging at start-up."""


def recorded(actor: Actor, attempted: str, error: Refused) -> AppError:
    """The error to answer with, once the refusal stands in the audit log; when it cannot, the error that says so. In a
    database thread."""
    try:
        record_refusal(actor, attempted, error)
        return explain_missing(actor, error) if isinstance(error, NotFound) else error
    except AppError as failure:
        return failure
