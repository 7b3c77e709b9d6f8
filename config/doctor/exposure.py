"""Who may reach the server, and from where, as far as the settings say it."""

from django.conf import settings

from config.doctor.checks import Asked, Finding, State, check, ok, warning

_SIGN_IN = ("LOGIN_FAILURES_ACCOUNT", "LOGIN_FAILURES_ACCOUNT_ADDRESS", "PASSWORD_FAILURES", "TOTP_FAILURES")
_GUESSES = 10_000
"""A day, at one account. The passwords that people choose from are in lists of a few millions."""


@check("exposure.debug", "Error pages show nothing", takes={"parley.E001": State.ERROR, "security.W018": State.ERROR})
def debug(asked: Asked) -> Finding:
    return ok("DEBUG is off.")


@check(
    "exposure.hosts",
    "The server answers to its own names alone",
    takes={"parley.E002": State.ERROR, "security.W020": State.ERROR},
)
def hosts(asked: Asked) -> Finding:
    return ok(f"ALLOWED_HOSTS names {len(settings.ALLOWED_HOSTS)}.")


@check("exposure.cors", "No page of just anybody may call the API", takes={"parley.E003": State.ERROR})
def cors(asked: Asked) -> Finding:
    return ok(f"CORS_ORIGINS names {len(settings.CORS_ORIGINS)}.")


@check("exposure.origins", "No page of just anybody may open sockets", takes={"parley.E004": State.ERROR})
def origins(asked: Asked) -> Finding:
    return ok(f"ALLOWED_ORIGINS names {len(settings.ALLOWED_ORIGINS) or 'none but the server itself'}.")


@check("exposure.proxies", "The number of proxies is known", takes={"parley.W004": State.WARNING})
def proxies(asked: Asked) -> Finding:
    return ok(f"TRUSTED_PROXIES is {settings.TRUSTED_PROXIES}.")


@check(
    "exposure.cookies",
    "The admin's cookies travel over TLS alone",
    takes={"parley.W017": State.ERROR, **{f"security.W0{number}": State.ERROR for number in range(11, 18)}},
)
def cookies(asked: Asked) -> Finding:
    return ok("They do, and no script can read them.")


@check("exposure.guessing", "Passwords and codes cannot be tried without end")
def guessing(asked: Asked) -> Finding:
    wide = [name for name in _SIGN_IN if settings.LIMITS[name].count * 86400 / settings.LIMITS[name].seconds > _GUESSES]
    if wide:
        remedy = f"Set {' and '.join(f'LIMIT_{name}' for name in wide)} to what .env.example has."
        return warning(f"More than {_GUESSES:,} guesses a day are allowed.", remedy)
    return ok("They cannot.")
