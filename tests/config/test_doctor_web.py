"""`manage.py doctor` looks at what people's browsers find, at the scanner and at the storage; and a production in which
nothing is wrong is content, warnings included."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.config.production import Production, Report
from tests.deploy.certificate import made_out_to_localhost
from tests.deploy.conftest import address_of, folder_for_nginx
from tests.deploy.proxy import Proxy, proxy
from tests.peers.clamd import Clamd, clamd_of
from tests.peers.relay import relay
from tests.peers.storage import StoragePeer
from tests.processes import Served, free_port, served

pytestmark = pytest.mark.no_database

ERROR, WARNING = "error", "warning"


@pytest.fixture(scope="module")
def server(live: Production) -> Iterator[Served]:
    with served(**{**dict.fromkeys(_SHELLS, ""), **live.environment}) as running:
        yield running


_SHELLS = ("DATABASE_OWNER_URL", "DEMO_PASSWORD")
"""What `served` would hand on of the suite's own."""


class Front:
    """nginx with TLS before the server. `settings` and `arguments` are what the doctor then needs."""

    def __init__(self, running: Proxy, url: str, certificate: Path) -> None:
        self.settings = {"SSL_CERT_FILE": str(certificate)}
        self.arguments = ["--url", url, "--plain-url", running.url.replace("127.0.0.1", "localhost")]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return lambda: folder_for_nginx(tmp_path_factory)


@contextmanager
def front(
    server: Served, folder: Path, edits: Mapping[str, str] | None = None, lasts: timedelta = timedelta(days=60)
) -> Iterator[Front]:
    """With these edits in deploy/nginx.conf."""
    port = free_port()
    certificate, key = made_out_to_localhost(folder, lasts)
    tls = {
        "listen 8443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "/etc/nginx/tls/fullchain.pem": str(certificate),
        "/etc/nginx/tls/privkey.pem": str(key),
        **(edits or {}),
    }
    with proxy([address_of(server)] * 2, folder, tls) as running:
        yield Front(running, f"https://localhost:{port}", certificate)


def test_a_sound_production_has_nothing_to_fear(
    live: Production, server: Served, session_clamd: Clamd, folders: Callable[[], Path], tmp_path: Path
) -> None:
    """Everything is asked, and all is well: with --strict, too."""
    secret = tmp_path / "master"
    secret.write_text(live.environment["MASTER_KEYS"])
    secret.chmod(0o400)
    changes: dict[str, str | None] = {"MASTER_KEYS": None, "MASTER_KEYS_FILE": str(secret)}
    changes |= {"ATTACHMENT_SCANNER": "clamd", "CLAMD_URL": session_clamd.url}
    with front(server, folders()) as before:
        report = live.doctor("--strict", *before.arguments, **before.settings, **changes)
    assert {name: state for name, state in report.states.items() if state not in {"ok", "not_applicable"}} == {}
    assert report.status == 0
    # Both on this machine.
    unasked = {name for name, state in report.states.items() if state == "not_applicable"}
    assert unasked == {"redis.tls", "storage.tls"}


def test_a_warning_is_status_0_and_with_strict_1(live: Production, session_clamd: Clamd) -> None:
    scanned = {"ATTACHMENT_SCANNER": "clamd", "CLAMD_URL": session_clamd.url, "LOG_FORMAT": "console"}
    assert live.doctor(**scanned).status == 0
    assert live.doctor("--strict", **scanned).status == 1


HIDE = "proxy_http_version 1.1;"
"""After this line there is room for more."""
POLICY = "default-src 'none'; script-src 'unsafe-inline'; frame-ancestors 'none'"
WEAK = f'add_header Content-Security-Policy "{POLICY}" always;'
COOKIE = "add_header Set-Cookie 'seen=1; Secure; HttpOnly; SameSite=Strict' always;"


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        # The server takes it for plain HTTP, and its own page for another origin.
        (
            {"proxy_set_header X-Forwarded-Proto $scheme;": "proxy_set_header X-Forwarded-Proto http;"},
            {"web.hsts": ERROR, "web.sockets": ERROR},
        ),
        ({HIDE: f"{HIDE} proxy_hide_header Content-Security-Policy;"}, {"web.csp": ERROR}),
        ({HIDE: f"{HIDE} proxy_hide_header Content-Security-Policy; {WEAK}"}, {"web.csp": ERROR}),
        ({HIDE: f"{HIDE} proxy_hide_header X-Frame-Options;"}, {"web.headers": ERROR}),
        ({HIDE: f"{HIDE} {COOKIE}"}, {"web.cookies": ERROR}),
        ({HIDE: f"{HIDE} proxy_cookie_flags ~ nosecure;"}, {"web.cookies": ERROR}),
        ({"proxy_set_header Upgrade $http_upgrade;": ""}, {"web.sockets": ERROR}),
        ({"location / {": "location = /health/ready { return 503; }\n location / {"}, {"web.ready": ERROR}),
        ({"return 308 https://$host$request_uri;": "return 308 http://$host$request_uri;"}, {"web.redirect": ERROR}),
    ],
    ids=["plain", "no policy", "weak", "headers", "own cookie", "insecure", "no upgrade", "not ready", "redirect"],
)
def test_it_turns_red_for_what_the_proxy_does(
    live: Production,
    calm: Report,
    server: Served,
    folders: Callable[[], Path],
    edits: dict[str, str],
    expected: dict[str, str],
) -> None:
    with front(server, folders(), edits) as before:
        assert live.doctor(*before.arguments, **before.settings).beside(calm) == expected


def test_it_turns_red_for_figures_that_everybody_can_read(
    live: Production, calm: Report, server: Served, folders: Callable[[], Path]
) -> None:
    """The proxy shows the token itself."""
    token = f'proxy_set_header Authorization "Bearer {live.environment["METRICS_TOKEN"]}";'
    shows = f"location = /metrics {{ proxy_set_header Host $http_host; {token} proxy_pass http://parley; }}\n"
    with front(server, folders(), {"location / {": f"{shows} location / {{"}) as before:
        assert live.doctor(*before.arguments, **before.settings).beside(calm) == {"web.metrics": ERROR}


@pytest.mark.parametrize(
    ("days", "state"), [(60, None), (14, WARNING), (3, ERROR)], ids=["in time", "soon", "almost over"]
)
def test_it_turns_red_for_a_certificate_that_ends(
    live: Production, calm: Report, server: Served, folders: Callable[[], Path], days: int, state: str | None
) -> None:
    with front(server, folders(), lasts=timedelta(days=days, minutes=30)) as before:
        report = live.doctor(*before.arguments, **before.settings)
    assert report.beside(calm) == ({"web.certificate": state} if state else {})
    assert f"{days} days" in report.found["web.certificate"]


def test_it_turns_red_for_a_certificate_that_nobody_knows(
    live: Production, calm: Report, server: Served, folders: Callable[[], Path]
) -> None:
    """Everything else behind it is looked at all the same."""
    with front(server, folders()) as before:
        report = live.doctor(*before.arguments, **{**before.settings, "SSL_CERT_FILE": str(live.data / "none")})
    assert report.beside(calm) == {"web.certificate": ERROR}


def test_where_nobody_answers_nothing_can_be_told(live: Production, calm: Report) -> None:
    nowhere = [f"https://localhost:{free_port()}", f"http://localhost:{free_port()}"]
    report = live.doctor("--url", nowhere[0], "--plain-url", nowhere[1])
    assert report.beside(calm) == {}
    asked = {name: state for name, state in report.states.items() if name.startswith("web.")}
    # Where nobody listens without TLS, nobody is let in without TLS.
    assert {name for name, state in asked.items() if state != "cannot_tell"} <= {"web.redirect"}


# ---- The scanner -----------------------------------------------------------------------------------------------------


def test_it_turns_red_for_a_scanner_that_is_away(live: Production) -> None:
    report = live.doctor(ATTACHMENT_SCANNER="clamd", CLAMD_URL="unix:/nowhere/clamd.ctl")
    assert report.bad == {"scanner.answers": ERROR}


@pytest.mark.parametrize(("age", "state"), [(10, WARNING), (40, ERROR)])
def test_it_turns_red_for_old_signatures(live: Production, age: int, state: str) -> None:
    with clamd_of(age=timedelta(days=age)) as clamd:
        assert live.doctor(ATTACHMENT_SCANNER="clamd", CLAMD_URL=clamd.url).bad == {"scanner.signatures": state}


def test_it_turns_red_for_a_scanner_as_it_comes(live: Production) -> None:
    """clamd's own defaults call archives clean that it did not look into."""
    with clamd_of(shipped=False) as clamd:
        assert live.doctor(ATTACHMENT_SCANNER="clamd", CLAMD_URL=clamd.url).bad == {"scanner.objects": ERROR}


def test_it_turns_red_for_a_scanner_that_takes_less(live: Production, session_clamd: Clamd) -> None:
    larger = {"ATTACHMENT_MAX_BYTES": str(70 << 20)}
    report = live.doctor(ATTACHMENT_SCANNER="clamd", CLAMD_URL=session_clamd.url, **larger)
    assert report.bad == {"scanner.size": ERROR}


def test_it_turns_red_for_files_in_the_clear(live: Production, session_clamd: Clamd) -> None:
    with relay(session_clamd.url.removeprefix("unix:")) as elsewhere:
        address = f"tcp://{elsewhere.host}:{elsewhere.port}"
        assert live.doctor(ATTACHMENT_SCANNER="clamd", CLAMD_URL=address).bad == {"scanner.network": WARNING}


# ---- The storage -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bucket(storage_peers: Callable[[str], StoragePeer]) -> Iterator[StoragePeer]:
    peer = storage_peers("s3")
    peer.make_bucket("parley-doctor")
    yield peer
    peer.remove_bucket("parley-doctor")


def test_it_turns_red_for_a_bucket_that_everybody_can_list(live: Production, calm: Report, bucket: StoragePeer) -> None:
    """moto asks nobody who they are."""
    assert live.doctor(**bucket.settings("parley-doctor")).beside(calm) == {"storage.private": ERROR}


def test_it_turns_red_for_a_bucket_that_is_not_there(live: Production, calm: Report, bucket: StoragePeer) -> None:
    assert live.doctor(**bucket.settings("another")).beside(calm) == {"storage.keeps": ERROR}


def test_it_turns_red_for_a_bucket_in_the_clear(live: Production, calm: Report, bucket: StoragePeer) -> None:
    with relay(("127.0.0.1", bucket.port)) as elsewhere:
        settings = bucket.settings("parley-doctor")
        settings["STORAGE_S3_ENDPOINT"] = f"http://{elsewhere.host}:{elsewhere.port}"
        assert live.doctor(**settings).beside(calm) == {"storage.private": ERROR, "storage.tls": WARNING}
