"""Who may read the figures. They name nobody, but tell how many people there are and when they talk."""

import hmac

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_LEAST = 20

_OF_PROXIES = (
    *("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_FORWARDED_", "HTTP_X_REAL_IP", "HTTP_X_CLIENT_IP", "HTTP_TRUE_CLIENT_IP"),
    *("HTTP_CF_", "HTTP_X_ORIGINAL_", "HTTP_X_ENVOY_", "HTTP_X_PROXY"),
)
"""With a header that begins so a request has come through a proxy, whatever TRUSTED_PROXIES says: that setting
forgotten, all the world would come from this machine."""


def require_long_token(token: str) -> None:
    """Raises ImproperlyConfigured for a token that could be guessed: nothing counts who tries."""
    if token and (len(token) < _LEAST or not token.isascii()):
        raise ImproperlyConfigured(f"METRICS_TOKEN must have at least {_LEAST} characters, of ASCII.")


def may_read(request: HttpRequest) -> bool:
    """Whoever shows METRICS_TOKEN; without that setting, this machine's own loopback with no proxy in front."""
    if not settings.METRICS_ENABLED:
        return False
    if settings.METRICS_TOKEN:
        return _shows(request, settings.METRICS_TOKEN)
    return (
        settings.TRUSTED_PROXIES == 0
        and request.META.get("REMOTE_ADDR") in _LOOPBACK
        and not any(header.startswith(_OF_PROXIES) for header in request.META)
    )


def _shows(request: HttpRequest, token: str) -> bool:
    scheme, _, shown = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    # In a time that does not depend on how much of it is right.
    return hmac.compare_digest(shown.encode(), token.encode()) and scheme.lower() == "bearer"
