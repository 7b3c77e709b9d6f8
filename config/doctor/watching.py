"""Whether somebody would notice. docs/watching.md says how."""

import logging

from django.conf import settings

from config.doctor.checks import Asked, Finding, check, ok, warning

_HOUR = 3600.0


@check("watching.metrics", "Somebody may read the figures, and not just anybody")
def metrics(asked: Asked) -> Finding:
    """The settings refuse a token that can be guessed; what the proxy lets through is web.metrics."""
    if not settings.METRICS_ENABLED:
        return warning("METRICS_ENABLED is false: nobody sees how the server fares.", "Remove it.")
    if settings.TRUSTED_PROXIES and not settings.METRICS_TOKEN:
        return warning("Behind a proxy, and without METRICS_TOKEN, nobody may read them.", "Set METRICS_TOKEN.")
    return ok("Whoever has the token." if settings.METRICS_TOKEN else "This machine alone.")


@check("watching.logs", "Logs are lines for programs")
def logs(asked: Asked) -> Finding:
    if settings.LOG_FORMAT != "json":
        return warning("LOG_FORMAT is console: lines for people.", "Set LOG_FORMAT=json.")
    return ok("One JSON object a line.")


@check("watching.level", "Logs say enough, and not too much")
def level(asked: Asked) -> Finding:
    chosen = logging.getLevelNamesMapping()[settings.LOG_LEVEL]
    if chosen == logging.INFO:
        return ok("LOG_LEVEL is INFO.")
    what = "every step of the libraries is logged" if chosen < logging.INFO else "the summary is not logged"
    return warning(f"LOG_LEVEL is {settings.LOG_LEVEL}: {what}.", "Set LOG_LEVEL=INFO.")


@check("watching.summary", "The log has the figures at least every hour")
def summary(asked: Asked) -> Finding:
    if settings.METRICS_SUMMARY > _HOUR:
        return warning(f"Every {settings.METRICS_SUMMARY / _HOUR:.1f} hours.", "Set METRICS_SUMMARY=300.")
    return ok(f"Every {settings.METRICS_SUMMARY:.0f} s.")
