"""The cells of the permission matrix, and how each is asked at both doors."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import httpx
from websockets.exceptions import ConnectionClosed

from core.doors import receives
from core.time import now, wire_time
from tests.doors.asking import A_FILE, RANDOM
from tests.doors.matrix_table import ALL, PLACES, PersonRule, Rule, verdict
from tests.doors.matrix_world import BESIDES, ELSEWHERE, INSIDE, OUTSIDE, Place, World
from tests.sockets import Client, connect

Json = dict[str, Any]


class Cell(NamedTuple):
    """Somebody asks about something."""

    column: str
    letter: str
    expected: str
    ids: dict[str, str]


class Answer(NamedTuple):
    """What a door said: `ok` or the code of the error, and everything that may tell one refusal from another."""

    verdict: str
    bytes: str


# ---- Cells -----------------------------------------------------------------------------------------------------------


def cells(rule: Rule, world: World, *, refused: bool) -> list[Cell]:
    """What is to be asked: all that must be refused, or all the rest."""
    found = _person_cells(rule, world) if isinstance(rule, PersonRule) else _place_cells(rule, world)
    return [cell for cell in found if (cell.expected != "ok") == refused]


def _person_cells(rule: PersonRule, world: World) -> Iterator[Cell]:
    for column, may in rule.named.items():
        for letter in ALL:
            expected = verdict(may, letter, inside="", outside=rule.otherwise)
            yield Cell(column, letter, expected, _person_ids(world, column, letter))
    yield from _signed_out(_person_ids(world, next(iter(rule.named)), "o"))


def _person_ids(world: World, column: str, letter: str) -> dict[str, str]:
    sessions = {"own": world.sessions[letter], "foreign": world.foreign_session()}
    return {
        "user": world.user_id(letter if column == "self" else column),
        "provider": world.user_id("o"),
        "record": world.record if column == "one" else RANDOM,
        "session": sessions.get(column, RANDOM),
    }


def _place_cells(rule: Rule, world: World) -> Iterator[Cell]:
    for name in PLACES:
        place, inside = world.places[name], INSIDE[name]
        for letter in inside + BESIDES[name]:
            expected = verdict(rule.spec(name), _standing(letter, name), inside)
            yield Cell(name, letter, expected, _place_ids(rule, world, place, letter))
    if rule.everywhere:
        yield from _cells_elsewhere(rule, world)
    yield from _signed_out(_place_ids(rule, world, world.places["clinical"], "o"))


def _standing(letter: str, place: str) -> str:
    """What somebody is here: outside of their places what everybody of their role is."""
    gone = "fx" if place in {"private", "public"} else "f" if place == "clinical" else ""
    return letter if letter in INSIDE[place] + gone else OUTSIDE[letter]


def _cells_elsewhere(rule: Rule, world: World) -> Iterator[Cell]:
    for name, place in world.elsewhere.items():
        for letter in ELSEWHERE[name]:
            expected = verdict(rule.spec(name), OUTSIDE[letter], inside="")
            yield Cell(f"{name}, others'", letter, expected, _place_ids(rule, world, place, letter))
    nowhere = Place(RANDOM, {"?": RANDOM}, {"?": RANDOM})
    for letter in ELSEWHERE["random"]:
        yield Cell("random", letter, "not_found", _place_ids(rule, world, nowhere, letter))


def _place_ids(rule: Rule, world: World, place: Place, letter: str) -> dict[str, str]:
    own = rule.variant != "another's"
    return {
        "conversation": place.id,
        "message": place.message_by(letter) if own else place.message_by_another(letter),
        "attachment": _file(rule, place, letter),
        "user": world.user_id(letter if rule.user == "self" else rule.user or "?"),
        "elsewhere": world.elsewhere["private"].id,
        "direct": world.places["direct"].id,
        "tomorrow": wire_time(now() + timedelta(days=1)),
    }


def _file(rule: Rule, place: Place, letter: str) -> str:
    if "another's" in rule.variant:
        return place.file_by_another(letter) if len(place.files) > 1 else RANDOM
    return place.sent if "sent" in rule.variant else place.file_by(letter)


def _signed_out(ids: dict[str, str]) -> Iterator[Cell]:
    yield Cell("signed out", "e", "token_revoked", ids)
    yield Cell("signed out", "a", "unauthenticated", ids)


# ---- Doors -----------------------------------------------------------------------------------------------------------


def by_rest(world: World, rule: Rule, cell: Cell) -> Answer:
    method, address = _filled(rule.rest, cell.ids).split(" ")
    body, params = _filled(rule.body, cell.ids), _filled(rule.params, cell.ids)
    sent = {"data": body, "files": A_FILE} if rule.form else {"json": body}
    return _answer(world.clients[cell.letter].request(method, f"/api/v1/{address}", params=params, **sent))


def _answer(response: httpx.Response) -> Answer:
    if response.is_success:
        return Answer("ok", "")
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    assert problem.pop("requestId") == response.headers["x-request-id"]
    # `connection` tells of a refused upload whether the rest of its body had come, and nothing of what it names.
    changing = {"date", "x-request-id", "connection"}
    headers = {name: value for name, value in response.headers.items() if name not in changing}
    return Answer(problem["code"], json.dumps([problem, headers, response.status_code]))


class Sockets:
    """One connection for each who asks, opened when it is first needed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: dict[str, Client] = {}

    def ask(self, rule: Rule, cell: Cell) -> Answer:
        data = _socket_data(rule, cell.ids)
        if cell.letter in {"e", "a"}:
            return self._signed_out(rule.name, data, cell.letter)
        reply = self._client(cell.letter).ask_raw(rule.name, data)
        if "error" not in reply:
            return Answer("ok", "")
        return Answer(reply["error"]["code"], json.dumps(reply["error"]))

    def close(self) -> None:
        for client in self._open.values():
            client.close()

    def _client(self, letter: str) -> Client:
        if letter not in self._open:
            self._open[letter] = connect(self._world.server, self._world.people[letter].token)
        return self._open[letter]

    def _signed_out(self, name: str, data: Json, letter: str) -> Answer:
        """Who cannot sign in has no connection to ask on: the code with which it is closed is the answer."""
        with connect(self._world.server) as client:
            if letter == "e":
                client.send({"type": "auth", "token": self._world.people["e"].token})
            try:
                client.send({"id": "x", "event": name, "data": data})
            except ConnectionClosed:
                assert client.closed_with()
            return Answer({4401: "unauthenticated", 4403: "token_revoked"}[client.closed_with()], "")


def _socket_data(rule: Rule, ids: dict[str, str]) -> Json:
    """What REST has in the address and the query, a socket has in its data."""
    path = rule.rest.partition(" ")[2]
    named = {f"{name}Id": value for name, value in ids.items() if f"{{{name}}}" in path}
    if "/reactions/" in path:
        named["emoji"] = "👍"
    data: Json = {**named, **(_filled(rule.body, ids) or {}), **(_filled(rule.params, ids) or {})}
    return data


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, id_ in ids.items():
            value = value.replace(f"{{{name}}}", id_)
    elif isinstance(value, dict):
        return {name: _filled(inner, ids) for name, inner in value.items()}
    elif isinstance(value, list):
        return [_filled(inner, ids) for inner in value]
    return value


def asked_by_socket(rule: Rule) -> bool:
    return rule.name in receives and receives[rule.name].socket
