"""The permission matrix: every route and every event, asked by everybody about everything, at both doors.

T040 and T063. What is expected stands in `matrix_table`; a route or declaration that is in no rule fails here.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from audit.models import Entry
from core.doors import receives
from tests.doors.matrix_asking import Answer, Cell, Sockets, asked_by_socket, by_rest, cells
from tests.doors.matrix_report import Report
from tests.doors.matrix_table import EMOJI, EXCEPTIONS, RULES, SIGNED_OUT_ONLY, Rule
from tests.doors.matrix_world import STANDINGS, World, made_world, state_of_the_database
from tests.live import Server
from tests.messaging.talking import refused
from tests.shown import show

TABLE = Path(".cache/permission-matrix.txt")
METHODS = ("get", "post", "put", "patch", "delete")
REFUSALS = {"forbidden", "not_found", "invalid_reference"}
ALSO_EMBEDDED = {
    *("conversation:get", "conversation:update", "member:remove a member", "message:new", "message:edit another's"),
    *("reaction:new own", "user:block", "patient-record:get", "presence:get"),
}
"""One or two of each noun: the embedded default's database is asked too which rows somebody may see."""

FIRST = {rule.name: rule for rule in reversed(RULES)}
"""Of the variants of a request the one that stands first: the others wait for `ALL=1`."""

Asked = list[tuple[str, Cell, Answer]]


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    report = Report()
    yield report
    show("permission matrix", report.text())
    if report.whole:
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(report.text() + "\n")


@pytest.fixture(scope="module")
def made(emptied: None, running_server: Server, report: Report) -> Iterator[tuple[World, str]]:
    with made_world(running_server) as world:
        yield world, state_of_the_database()


@pytest.fixture
def world(made: tuple[World, str], server: Server) -> World:
    world, _ = made
    world.restore()
    return world


@pytest.fixture
def sockets(world: World) -> Iterator[Sockets]:
    sockets = Sockets(world)
    yield sockets
    sockets.close()


def marks_of(rule: Rule) -> list[pytest.MarkDecorator]:
    embedded, first = rule.label in ALSO_EMBEDDED, rule is FIRST[rule.name]
    return [pytest.mark.core] * embedded + [pytest.mark.thorough] * (not first and not embedded)


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.label, marks=marks_of(rule)) for rule in RULES])
def test_everybody_is_answered_as_the_table_says(
    made: tuple[World, str], world: World, sockets: Sockets, report: Report, rule: Rule
) -> None:
    _, before = made
    turned_away = [one for cell in cells(rule, world, refused=True) for one in ask(world, sockets, rule, cell, report)]
    recorded, after = denials(), state_of_the_database()
    let_in = [one for cell in cells(rule, world, refused=False) for one in ask(world, sockets, rule, cell, report)]
    wrong = [
        f"by {door}, {cell.column}, {STANDINGS[cell.letter]}: {answer.verdict}, not {cell.expected}"
        for door, cell, answer in turned_away + let_in
        if answer.verdict != cell.expected
    ]
    assert not wrong, f"{rule.label}:\n" + "\n".join(wrong)
    hidden = {(door, answer.bytes) for door, _, answer in turned_away if answer.verdict == "not_found"}
    assert len(hidden) == len({door for door, _ in hidden}), "a hidden id is told from a random one"
    assert recorded == [
        (world.people[cell.letter].id, answer.verdict) for _, cell, answer in turned_away if answer.verdict in REFUSALS
    ]
    assert after == before, "a refusal changed something"


def ask(world: World, sockets: Sockets, rule: Rule, cell: Cell, report: Report) -> Asked:
    """The same question at each door that takes it; whatever it did is undone."""
    asked: Asked = []
    if rule.rest:
        asked.append(("REST", cell, by_rest(world, rule, cell)))
    if asked_by_socket(rule):
        put_back(world, rule, asked)
        asked.append(("WebSocket", cell, sockets.ask(rule, cell)))
    put_back(world, rule, asked)
    for _, _, answer in asked:
        report.note(rule, cell, answer)
    return asked


def put_back(world: World, rule: Rule, asked: Asked) -> None:
    if asked and asked[-1][2].verdict == "ok" and not rule.reads:
        world.restore()


def denials() -> list[tuple[UUID, str]]:
    """Who was turned away since the world was made, and why, in order."""
    rows = Entry.objects.filter(action="access.denied", outcome="deny").order_by("id")
    return [(actor, reason) for actor, reason in rows.values_list("actor", "reason")]


@pytest.mark.parametrize("route", SIGNED_OUT_ONLY)
def test_what_ends_ones_session_is_not_for_who_has_none(world: World, route: str) -> None:
    method, path = route.split(" ")
    for letter, code in (("a", "unauthenticated"), ("e", "token_revoked")):
        refused(world.clients[letter].request(method, f"/api/v1/{path}", json={}), 401, code)


@pytest.mark.no_database
def test_every_declaration_has_a_rule() -> None:
    """Whoever adds one says here who may."""
    assert receives.keys() <= {rule.name for rule in RULES}
    assert {rule.name for rule in RULES if " " not in rule.name} <= receives.keys()


@pytest.mark.no_database
def test_every_route_has_a_rule_or_a_reason() -> None:
    routes = set(all_routes(get_resolver().url_patterns))
    ruled = {
        (method, f"api/v1/{path}")
        for method, path in map(str.split, [*filter(None, map(route_of, RULES)), *SIGNED_OUT_ONLY])
    }
    assert {(method, address) for method, address in routes if address not in EXCEPTIONS} == ruled
    assert EXCEPTIONS.keys() <= {address for _, address in routes}


def all_routes(patterns: Iterable[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, str]]:
    """Each method of each address, `api/v1/messages/{message}`; of Django's own admin only where it begins."""
    for pattern in patterns:
        address = before + re.sub(r"<(?:\w+:)?(\w+?)(?:_id)?>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLPattern):
            yield from ((method, address) for method in methods_of(pattern.callback))
        elif pattern.app_name == "admin":
            yield "GET", address
        else:
            yield from all_routes(pattern.url_patterns, address)


def methods_of(view: Any) -> list[str]:
    """As its class has them; what is no class answers GET."""
    found = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return ["GET"] if found is None else [method.upper() for method in METHODS if hasattr(found, method)]


def route_of(rule: Rule) -> str:
    """`GET messages/{message}` as the resolver has it."""
    return rule.rest.replace(EMOJI, "{emoji}")
