"""Access tokens: what is accepted, and everything that must not be (T001 to T006), at REST and at the socket."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import tokens
from accounts.authentication import actor_for
from accounts.models import LoginSession
from tests.accounts.conftest import Rest, assert_problem, listener
from tests.live import Server
from tests.people import Person, sign_in
from tests.sockets import connect

Forge = Callable[..., str]


@pytest.fixture
def forge(doc1: Person) -> Forge:
    """A token of doc1's session with other claims, headers or another key; None takes a claim or header away."""
    session_id = doc1.signed_in.session_id

    def token(*, key: bytes | None = None, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        moment = int(datetime.now(UTC).timestamp())
        genuine = {
            "iss": tokens.ISSUER,
            "aud": tokens.AUDIENCE,
            "sub": str(doc1.id),
            "sid": str(session_id),
            "jti": uuid4().hex,
            "iat": moment,
            "exp": moment + 300,
        }
        kid, signing_key = next(iter(tokens.keys().items()))
        header = {"alg": "HS256", "typ": "at+jwt", "kid": kid} | (headers or {})
        return signed(without_none(header), without_none(genuine | claims), signing_key if key is None else key)

    return token


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def signed(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    """By hand, because libraries refuse to make what attackers make."""
    text = f"{segment(json.dumps(header).encode())}.{segment(json.dumps(claims).encode())}"
    return (
        f"{text}.{segment(jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(text.encode(), key))}"
    )


def segment(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def assert_refused(rest: Rest, server: Server, token: str, code: str = "token_invalid", close: int = 4401) -> None:
    assert_problem(rest(token).get("/me"), 401, code)
    with connect(server) as socket:
        socket.send({"type": "auth", "token": token})
        assert socket.closed_with() == close


def test_a_token_says_who_and_which_session_and_nothing_else(doc1: Person) -> None:
    header, claims = jwt.get_unverified_header(doc1.token), jwt.decode(doc1.token, options={"verify_signature": False})
    assert header == {"alg": "HS256", "typ": "at+jwt", "kid": "j1"}
    assert claims.keys() == {"iss", "aud", "sub", "sid", "jti", "iat", "exp"}
    assert (claims["sub"], claims["sid"]) == (str(doc1.id), str(doc1.signed_in.session_id))
    assert claims["exp"] - claims["iat"] == 300


def test_a_genuine_token_works_by_both_doors(rest: Rest, server: Server, forge: Forge, doc1: Person) -> None:
    assert rest(forge()).get("/me").json()["id"] == str(doc1.id)
    with connect(server, forge()) as socket:
        assert socket.hello["user_id"] == str(doc1.id)


def test_a_token_without_a_signature_is_refused(rest: Rest, server: Server, forge: Forge) -> None:
    """T001"""
    for alg in ("none", "None", "NONE"):
        bare = forge(headers={"alg": alg}).rpartition(".")[0] + "."
        assert_refused(rest, server, bare)


@pytest.mark.parametrize("which", ["empty", "secret_key", "kid_as_key", "random"])
def test_a_token_signed_with_another_key_is_refused(
    rest: Rest, server: Server, forge: Forge, settings: Settings, which: str
) -> None:
    """T002"""
    keys = {"empty": b"", "secret_key": settings.SECRET_KEY.encode(), "kid_as_key": b"j1", "random": b"r" * 32}
    assert_refused(rest, server, forge(key=keys[which]))


@pytest.mark.parametrize("alg", ["HS384", "HS512", "RS256", "ES256", "hs256", "", None])
def test_another_algorithm_is_refused(rest: Rest, server: Server, forge: Forge, alg: str | None) -> None:
    assert_refused(rest, server, forge(headers={"alg": alg}))


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["x-unknown"]},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"crit": []},
        {"cty": "JWT"},
        {"zip": "DEF"},
    ],
)
def test_a_header_with_anything_extra_is_refused(
    rest: Rest, server: Server, forge: Forge, extra: dict[str, Any]
) -> None:
    """T003"""
    assert_refused(rest, server, forge(headers=extra))


@pytest.mark.parametrize("kid", ["../../x", "' OR 1=1--", "", "J1", "j2", 1, ["j1"], None])
def test_a_key_id_that_does_not_exist_is_refused(rest: Rest, server: Server, forge: Forge, kid: object) -> None:
    """T004"""
    assert_refused(rest, server, forge(headers={"kid": kid}))


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
def test_a_token_that_brings_its_own_key_is_refused_and_nothing_is_fetched(
    rest: Rest, server: Server, forge: Forge, name: str
) -> None:
    """T004"""
    with listener() as (url, requests):
        key = {"kty": "oct", "k": segment(b"r" * 32)}
        value = {"jku": url, "x5u": url, "jwk": key, "x5c": ["MII="]}[name]
        assert_refused(rest, server, forge(headers={name: value}, key=b"r" * 32))
        assert_refused(rest, server, forge(headers={name: value}, iss=url))
        assert requests == []


@pytest.mark.parametrize("typ", ["JWT", "rt+jwt", "application/at+jwt", "", None])
def test_another_kind_of_token_is_refused(rest: Rest, server: Server, forge: Forge, typ: str | None) -> None:
    """T007: also what calls itself a refresh token."""
    assert_refused(rest, server, forge(headers={"typ": typ}))


def test_time_is_measured_with_ten_seconds_of_leeway(rest: Rest, server: Server, forge: Forge) -> None:
    """T005"""
    moment = int(datetime.now(UTC).timestamp())
    assert_refused(rest, server, forge(exp=moment - 11), "token_expired", 4402)
    assert_refused(rest, server, forge(nbf=moment + 30))
    assert_refused(rest, server, forge(iat=moment + 30))
    assert rest(forge(exp=moment - 4)).get("/me").status_code == 200
    assert rest(forge(nbf=moment + 8)).get("/me").status_code == 200


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "jti", "iat", "exp"])
def test_every_claim_must_be_there(rest: Rest, server: Server, forge: Forge, claim: str) -> None:
    """T006"""
    assert_refused(rest, server, forge(**{claim: None}))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"aud": ["parley"]},
        {"iss": "https://evil.example"},
        {"sub": 1},
        {"sub": "not-an-id"},
        {"sid": "not-an-id"},
        {"jti": 1},
        {"exp": "soon"},
        {"exp": 1e300},
        {"exp": [1]},
        {"nbf": {}},
    ],
)
def test_a_claim_with_a_wrong_value_is_refused(
    rest: Rest, server: Server, forge: Forge, claims: dict[str, Any]
) -> None:
    """T006"""
    assert_refused(rest, server, forge(**claims))


def test_a_session_of_somebody_else_is_refused(rest: Rest, server: Server, forge: Forge, pat1: Person) -> None:
    assert_refused(rest, server, forge(sub=str(pat1.id)))
    assert_refused(rest, server, forge(sid=str(pat1.signed_in.session_id)))
    assert_refused(rest, server, forge(sid=str(uuid4())))


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "a.b.c",
        "....",
        "eyJ.eyJ.",
        "[" * 5000,
        base64.urlsafe_b64encode(b"[" * 180).decode() + ".e30.x",
        base64.urlsafe_b64encode(b'{"alg":' * 40).decode() + ".e30.x",
        "bnVsbA.e30.x",
        "MQ.e30.x",
        "x" * 10_000,
    ],
)
def test_garbage_is_refused(rest: Rest, server: Server, text: str) -> None:
    assert_refused(rest, server, text)


def test_a_token_that_is_no_ascii_is_refused_at_the_socket(server: Server) -> None:
    for text in ('"\\ud800.\\ud800.x"', '"\u00e9.\u00e9.x"', "null", "7", '["x"]'):
        with connect(server) as socket:
            socket.send(f'{{"type": "auth", "token": {text}}}')
            assert socket.closed_with() in {4400, 4401}


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "bearer  x"])
def test_a_malformed_authorization_header_is_refused(rest: Rest, database: None, header: str) -> None:
    assert_problem(rest().get("/me", headers={"Authorization": header}), 401, "token_invalid")


@pytest.mark.parametrize("header", [None, "", "Basic ZG9jMTpwdw==", "Token x"])
def test_without_a_bearer_token_one_is_asked_to_sign_in(rest: Rest, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert_problem(rest().get("/me", headers=headers), 401, "unauthenticated")


def test_a_token_never_outlives_its_session(doc1: Person, settings: Settings) -> None:
    settings.REFRESH_LIFETIME = 100
    signed_in = sign_in(doc1)
    assert signed_in.expires_in <= 100
    session = LoginSession.objects.get(id=signed_in.session_id)
    assert tokens.read_access(signed_in.access).expires_at <= session.expires_at


def test_a_session_that_has_run_out_is_expired(rest: Rest, server: Server, doc1: Person, forge: Forge) -> None:
    LoginSession.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert_refused(rest, server, forge(), "token_expired", 4402)


def test_tokens_of_the_former_key_work_until_the_key_is_taken_away(
    rest: Rest, doc1: Person, settings: Settings
) -> None:
    old, new = settings.JWT_KEYS, "j2:" + base64.b64encode(b"\x07" * 31 + b"\x08").decode()
    client = rest(doc1)
    settings.JWT_KEYS = f"{new},{old}"
    assert client.get("/me").status_code == 200
    fresh = sign_in(doc1)
    assert jwt.get_unverified_header(fresh.access)["kid"] == "j2"
    settings.JWT_KEYS = new
    assert_problem(client.get("/me"), 401, "token_invalid")
    assert rest(fresh.access).get("/me").status_code == 200


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "missing"),
        ("j1", "not base64|shorter"),
        ("j1:" + "A" * 20, "shorter than 32 bytes"),
        ("j1:???", "not base64"),
        ("j1:" + "A" * 44 + ",j1:" + "B" * 44, "each id once"),
        (":" + "A" * 44, "each id once"),
    ],
)
def test_unsound_keys_are_named_and_not_shown(settings: Settings, text: str, complaint: str) -> None:
    settings.JWT_KEYS = text
    with pytest.raises(ImproperlyConfigured, match=complaint) as refused:
        tokens.keys()
    assert "AAAA" not in str(refused.value)


def test_a_token_costs_one_query(doc1: Person, connection_queries: CaptureQueriesContext) -> None:
    token = doc1.token
    before = len(connection_queries)
    user, actor, _ = actor_for(token, "127.0.0.1", "")
    assert (user.username, actor.role) == ("doc1", "provider")
    assert len(connection_queries) - before == 1


def test_a_session_is_seen_at_most_once_a_minute(rest: Rest, doc1: Person) -> None:
    client = rest(doc1)
    for age, moved in ((30, False), (90, True)):
        seen = datetime.now(UTC) - timedelta(seconds=age)
        LoginSession.objects.update(last_seen=seen)
        client.get("/me")
        assert (LoginSession.objects.get().last_seen > seen) is moved
