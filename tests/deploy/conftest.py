"""Two server processes and an nginx in front of them, as deploy/nginx.conf has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.proxy import Proxy, nginx_executable, proxy
from tests.processes import Served, served

FAILURES = 3
"""Failed sign-ins that one address may have here."""


@pytest.fixture(scope="module")
def servers(emptied: None) -> Iterator[list[Served]]:
    """Two processes that believe the proxy, and nobody else."""
    nginx_executable()
    settings = {"TRUSTED_PROXIES": "1", "LIMIT_LOGIN_FAILURES_ADDRESS": f"{FAILURES}/900"}
    with served(**settings) as one, served(**settings) as other:
        yield [one, other]


@pytest.fixture(scope="module")
def front(servers: list[Served], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """nginx before both."""
    with proxy([address_of(server) for server in servers], folder_for_nginx(tmp_path_factory)) as running:
        yield running


def address_of(server: Served) -> str:
    return server.url.removeprefix("http://")


def folder_for_nginx(factory: pytest.TempPathFactory) -> Path:
    """Its worker is another user when it is started by root, and must get into its folder."""
    folder = factory.mktemp("nginx")
    for part in (folder, *folder.parents[:2]):
        part.chmod(0o755)
    return folder
