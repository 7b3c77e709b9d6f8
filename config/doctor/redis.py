"""Redis: wake-ups between processes, and counts of failed sign-ins."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from urllib.parse import SplitResult, urlsplit, urlunsplit

from django.conf import settings
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from config.checks import is_elsewhere
from config.doctor.checks import (
    Asked,
    Finding,
    Measure,
    State,
    cannot_tell,
    check,
    error,
    not_applicable,
    ok,
    warning,
)

_TIMEOUT = 3.0


@contextmanager
def _client(address: str) -> Iterator[Redis]:
    with Redis.from_url(address, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT) as client:
        yield client


def _asks_redis(ask: Callable[[Redis], Finding]) -> Measure:
    """A measure for where there is a Redis that answers."""

    @wraps(ask)
    def measure(asked: Asked) -> Finding:
        if not settings.REDIS_URL:
            return not_applicable("There is no Redis.")
        try:
            with _client(settings.REDIS_URL) as client:
                return ask(client)
        except (NoPermissionError, ResponseError):
            remedy = "Allow its user INFO and CONFIG GET, or look for yourself."
            return cannot_tell("Redis does not tell Parley's user.", remedy)
        except RedisError as failure:
            return cannot_tell(f"Redis does not answer ({type(failure).__name__}).", "See what redis.answers says.")

    return measure


@check("redis.answers", "Redis answers", takes={"parley.W002": State.WARNING})
def answers(asked: Asked) -> Finding:
    if not settings.REDIS_URL:
        return not_applicable("There is no Redis.")
    try:
        with _client(settings.REDIS_URL) as client:
            client.ping()
    except RedisError as failure:
        return error(f"It does not ({type(failure).__name__}).", "See to it that it runs, and that REDIS_URL is right.")
    return ok("It does.")


@check(
    "redis.tls",
    "The connection to Redis is encrypted, or does not leave the machine",
    takes={"parley.W005": State.WARNING},
)
@_asks_redis
def tls(client: Redis) -> Finding:
    client.ping()
    if urlsplit(settings.REDIS_URL).scheme == "rediss":
        return ok("It is, and the certificate is verified.")
    return not_applicable("The connection does not leave the machine.")


@check("redis.password", "Redis asks for a password")
@_asks_redis
def password(client: Redis) -> Finding:
    """Tried without one. Pokes are encrypted, but who can write may forget failed sign-ins."""
    address = urlsplit(settings.REDIS_URL)
    if address.scheme == "unix":
        return not_applicable("Redis is reached by a local socket, whose file says who may.")
    client.ping()
    try:
        with _client(urlunsplit(_without_login(address))) as stranger:
            stranger.ping()
    except AuthenticationError:
        return ok("It does.")
    remedy = "Set requirepass or users in Redis, and put the password into REDIS_URL: redis://:password@host/0."
    found = "Redis serves whoever reaches it, without a password."
    return error(found, remedy) if is_elsewhere(address.hostname or "") else warning(found, remedy)


def _without_login(address: SplitResult) -> SplitResult:
    return address._replace(netloc=address.netloc.rpartition("@")[2])


@check("redis.memory", "Redis forgets nothing when its memory is full")
@_asks_redis
def memory(client: Redis) -> Finding:
    """A full Redis that refuses is noticed, and sign-ins fall back to stricter limits. One that evicts forgives."""
    memory = client.info("memory")
    if memory["maxmemory"] and memory["maxmemory_policy"] != "noeviction":
        found = "Redis drops entries when its memory is full, counts of failed sign-ins among them."
        return warning(found, "Set maxmemory-policy noeviction in redis.conf.")
    return ok("It does not.")


@check("redis.disk", "Redis writes nothing to the disk")
@_asks_redis
def disk(client: Redis) -> Finding:
    """Nothing in it is worth keeping, and what is on no disk cannot be found there."""
    persists = client.info("persistence")["aof_enabled"] or client.config_get("save")["save"]
    if persists:
        remedy = 'Set save "" and appendonly no in redis.conf, unless others share this Redis and need it.'
        return warning("Redis keeps copies of its memory on the disk, and Parley needs none.", remedy)
    return ok("It does not.")
