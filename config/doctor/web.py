"""What people's browsers find: asked with real requests, when `--url` says where. Nothing of this is asked otherwise,
since nothing in the settings says what a proxy does."""

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from functools import wraps
from http.client import HTTPException
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect
from websockets.typing import Origin

from config.doctor.asking import Answer, get, without_verifying
from config.doctor.checks import Asked, Finding, Measure, cannot_tell, check, error, not_applicable, ok, warning
from config.headers import SECURITY

PAGES = {"the page": "/", "the API": "/api/v1/me", "files": "/files/none", "the admin": "/admin/login/"}
"""One address of each kind; nothing that a stranger may not ask for."""

_FEW_DAYS, _DAYS = 7, 21
"""Those who make certificates for 90 days renew them 30 days before their end."""

_HALF_A_YEAR = 180 * 86400
_TIMEOUT = 10.0
_UNASKED = "Nobody said where people reach the server: --url https://…"


def _asks_the_server(ask: Callable[[Asked], Finding]) -> Measure:
    """A measure for when `--url` is given."""

    @wraps(ask)
    def measure(asked: Asked) -> Finding:
        if not asked.url:
            return not_applicable(_UNASKED)
        try:
            return ask(asked)
        except socket.gaierror:
            remedy = "Ask from where the name is known, or mend it in the DNS."
            return cannot_tell("The name at --url is not known to this machine.", remedy)
        except (OSError, HTTPException, WebSocketException) as failure:
            remedy = "See to it that the proxy and a server run."
            return cannot_tell(f"There is no answer at --url ({type(failure).__name__}).", remedy)

    return measure


def _answers(asked: Asked) -> dict[str, Answer]:
    context = without_verifying()
    return {name: get(asked.url + path, context=context) for name, path in PAGES.items()}


def _those(answers: dict[str, Answer], is_wrong: Callable[[Answer], bool]) -> str:
    return ", ".join(name for name, answer in answers.items() if is_wrong(answer))


@check("web.certificate", "The certificate is valid for weeks to come")
@_asks_the_server
def certificate(asked: Asked) -> Finding:
    try:
        days = _days_left(asked.url)
    except ssl.SSLCertVerificationError as failure:
        remedy = "Install a certificate for this name, with the chain, from an authority that browsers know."
        return error(f"The certificate is refused: {failure.verify_message}.", remedy)
    remedy = "See why it is not renewed."
    if days < _FEW_DAYS:
        return error(f"The certificate ends in {days} days.", remedy)
    if days < _DAYS:
        return warning(f"The certificate ends in {days} days.", remedy)
    return ok(f"It is, for {days} days.")


def _days_left(url: str) -> int:
    parts = urlsplit(url)
    host = parts.hostname or ""
    with (
        socket.create_connection((host, parts.port or 443), _TIMEOUT) as plain,
        ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
    ):
        shown = secure.getpeercert() or {}
    return int((ssl.cert_time_to_seconds(str(shown["notAfter"])) - time.time()) // 86400)


@check("web.ready", "The server behind the proxy is ready")
@_asks_the_server
def ready(asked: Asked) -> Finding:
    status = get(f"{asked.url}/health/ready", context=without_verifying()).status
    if status == 200:
        return ok("It is.")
    remedy = "400: ALLOWED_HOSTS does not have this name. 502: no server runs. 503: its log says what is missing."
    return error(f"/health/ready answers {status}.", remedy)


@check("web.redirect", "Who comes without TLS is sent to it")
@_asks_the_server
def redirect(asked: Asked) -> Finding:
    try:
        answer = get(asked.plain_url)
    except ConnectionRefusedError:
        return ok("Nothing listens there without TLS.")
    target = answer.headers.get("location", "")
    if answer.status in {301, 302, 307, 308} and urlsplit(target).scheme == "https":
        return ok("They are.")
    return error(f"Without TLS the server answers {answer.status}.", "Let the proxy redirect to https://.")


@check("web.hsts", "Browsers remember to come by TLS")
@_asks_the_server
def hsts(asked: Asked) -> Finding:
    """RFC 6797."""
    without = _those(_answers(asked), lambda answer: _lasts(answer) < _HALF_A_YEAR)
    if without:
        remedy = "The server sets it when it knows of TLS: TRUSTED_PROXIES, and X-Forwarded-Proto from the proxy."
        return error(f"No Strict-Transport-Security of at least half a year on {without}.", remedy)
    return ok("They do.")


def _lasts(answer: Answer) -> int:
    found = re.search(r"max-age=(\d+)", answer.headers.get("strict-transport-security", ""))
    return int(found[1]) if found else 0


@check("web.csp", "Pages run nothing but their own scripts, in nobody's frame")
@_asks_the_server
def content_security(asked: Asked) -> Finding:
    wrong = _those(_answers(asked), lambda answer: not _is_strict(answer.headers.get("content-security-policy", "")))
    if wrong:
        remedy = "The server sets it on every answer: let the proxy hand it on unchanged."
        return error(f"The Content-Security-Policy is missing or weak on {wrong}.", remedy)
    return ok("They do.")


def _is_strict(policy: str) -> bool:
    directives = {part.strip() for part in policy.split(";")}
    return {"default-src 'none'", "frame-ancestors 'none'"} <= directives and "unsafe" not in policy


@check("web.headers", "The other security headers arrive")
@_asks_the_server
def headers(asked: Asked) -> Finding:
    lacking = {name for answer in _answers(asked).values() for name in _lacking(answer)}
    if lacking:
        remedy = "The server sets them on every answer: let the proxy hand them on unchanged."
        return error(f"Missing or changed: {', '.join(sorted(lacking))}.", remedy)
    return ok("They do.")


def _lacking(answer: Answer) -> Iterator[str]:
    for name, value in SECURITY.items():
        # A policy of its own is web.csp's business, and files tell even less of where one comes from.
        stricter = {value, "no-referrer"} if name == "Referrer-Policy" else {value}
        if name != "Content-Security-Policy" and answer.headers.get(name.lower(), "") not in stricter:
            yield name


@check("web.cookies", "Cookies are Secure, HttpOnly and SameSite=Strict, and for the admin alone")
@_asks_the_server
def cookies(asked: Asked) -> Finding:
    answers = _answers(asked)
    own = answers.pop("the admin").headers.get("set-cookie", "")
    if elsewhere := _those(answers, lambda answer: "set-cookie" in answer.headers):
        return error(f"A cookie is set by {elsewhere}.", "None of Parley's is: see what the proxy adds.")
    lacking = [
        attribute
        for attribute in ("Secure", "HttpOnly", "SameSite=Strict")
        if any(attribute not in cookie.split("; ") for cookie in own.split("\n"))
    ]
    if lacking:
        return error(f"Cookies of the admin are not {', '.join(lacking)}.", "Set ADMIN_COOKIES_SECURE=true.")
    return ok("They are.")


@check("web.metrics", "Figures are not for everybody")
@_asks_the_server
def metrics(asked: Asked) -> Finding:
    if get(f"{asked.url}/metrics", context=without_verifying()).status == 200:
        remedy = "Set METRICS_TOKEN and TRUSTED_PROXIES, and let the proxy answer 404 at /metrics."
        return error("Anybody may read /metrics.", remedy)
    return ok("A stranger gets none.")


@check("web.sockets", "The proxy passes sockets on")
@_asks_the_server
def sockets(asked: Asked) -> Finding:
    address = f"wss{asked.url.removeprefix('https')}/ws/chat"
    try:
        # As a page of this address would. It says nothing, and is gone before anybody waits for it.
        with connect(address, ssl=without_verifying(), origin=Origin(asked.url), proxy=None, open_timeout=_TIMEOUT):
            return ok("It does.")
    except InvalidStatus as refusal:
        status = refusal.response.status_code
        remedy = "403: see ALLOWED_ORIGINS and TRUSTED_PROXIES. Else: HTTP/1.1, Upgrade and Connection in the proxy."
        return error(f"A socket is answered with {status}.", remedy)
