"""Mistakes that are found when the server starts, before a client finds them."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from core import doors
from realtime import wiring

_HANDED_OVER = ("authenticate", "ended_sessions", "last_seen", "presence_of", "visible_streams", "render")


@register
def check_declarations(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Every request a client may make has a limit that exists, and no permission that would never be asked."""
    return [*_limits(), *_unasked_permissions()]


@register
def check_wiring(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """What other packages provide has been handed over."""
    return [
        Error(f"realtime.wiring.{name} has not been handed over.", id="realtime.E003")
        for name in _HANDED_OVER
        if getattr(wiring, name) is wiring.not_wired
    ]


@register
def check_settings(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The settings of sockets do not contradict each other."""
    problems: list[CheckMessage] = []
    if settings.HEARTBEAT_TIMEOUT <= settings.HEARTBEAT:
        problems.append(
            Error("HEARTBEAT_TIMEOUT must be longer than HEARTBEAT, or every client is dropped.", id="realtime.E004")
        )
    if settings.EMBEDDED and settings.POKE_SHARDS != 1:
        problems.append(
            Error("POKE_SHARDS divides work among processes; without REDIS_URL there is one.", id="realtime.E005")
        )
    return problems


def _limits() -> Iterator[CheckMessage]:
    for name, declaration in doors.receives.items():
        if declaration.limit not in settings.LIMITS:
            yield Error(f"{name} names the limit {declaration.limit}, which is no setting.", id="realtime.E001")


def _unasked_permissions() -> Iterator[CheckMessage]:
    for name, declaration in doors.receives.items():
        if declaration.awaits and (declaration.find or declaration.permission):
            yield Error(
                f"{name} has a coroutine service, which finds and checks for itself: `find` and `permission` would "
                "never be called.",
                id="realtime.E002",
            )
