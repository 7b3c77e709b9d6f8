"""Dockerfile, compose.yaml, deploy/: what they name exists, and their commands run with their settings alone."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import yaml
from django.core.management import get_commands

from deploy.make_env import contents
from encryption.checks import require_sound_keys
from tests.deploy.supervised import becomes_true
from tests.processes import free_port
from tests.servers import _postgres_programs, start_postgres, start_redis

ROOT = Path(__file__).parents[2]
COMPOSITION: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSITION["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "parley"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()

pytestmark = pytest.mark.no_database


def asked_of_the_environment() -> set[str]:
    """What stands in `${…}` in compose.yaml."""
    return set(re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "compose.yaml").read_text()))


def made_environment() -> dict[str, str]:
    lines = contents(["chat.example.org", "localhost"]).splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled_in(value: str, environment: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)[^}]*\}", lambda found: environment[found[1]], value)


# ---- compose.yaml ----------------------------------------------------------------------------------------------------


def test_every_service_that_is_named_exists() -> None:
    stores, scanner = {"postgres", "redis"}, {"clamd", "freshclam"}
    assert {"web1", "web2", "worker", "migrate", "nginx", *stores, *scanner} == set(SERVICES)
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        assert set(service["networks"]) <= set(COMPOSITION["networks"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (ROOT / source).is_file() if source.startswith(".") else source in COMPOSITION["volumes"]
            assert there, f"{name} mounts {source}"


def test_the_made_environment_holds_what_is_asked_for_and_nothing_else() -> None:
    assert set(made_environment()) == asked_of_the_environment()


def test_no_secret_has_a_value_of_its_own_or_a_default() -> None:
    for found in re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", (ROOT / "compose.yaml").read_text()):
        assert found[1].startswith(":?"), found
    for name, service in SERVICES.items():
        for setting, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|KEYS$|SECRET|URL", setting) and setting != "CLAMD_URL":  # it has no password
                assert "${" in value, f"{name}: {setting}"


def test_only_migrations_know_the_owner_and_only_the_proxy_is_reached_from_outside() -> None:
    assert [name for name, service in OURS.items() if "DATABASE_OWNER_URL" in service["environment"]] == ["migrate"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["nginx"]["ports"])
    assert COMPOSITION["networks"]["inner"]["internal"]
    assert not set(SERVICES["nginx"]["networks"]) & set(SERVICES["postgres"]["networks"])


def test_the_scanner_reaches_nobody_and_only_servers_reach_it() -> None:
    """It reads whatever strangers send: who takes it over shall find no store, no key and no way out."""
    [network] = SERVICES["clamd"]["networks"]
    assert COMPOSITION["networks"][network]["internal"]
    assert {name for name, service in SERVICES.items() if network in service["networks"]} == {
        *("clamd", "web1", "web2", "worker")
    }
    assert "environment" not in SERVICES["clamd"]
    assert not any(volume.startswith("data:") for volume in SERVICES["clamd"]["volumes"])
    configuration = dict(
        line.split(" ", 1) for line in (ROOT / "deploy" / "clamd.conf").read_text().splitlines() if line[:1].isalpha()
    )
    assert OURS["web1"]["environment"]["CLAMD_URL"] == f"tcp://clamd:{configuration['TCPSocket']}"
    assert any(mount.startswith(f"{configuration['TemporaryDirectory']}:") for mount in SERVICES["clamd"]["tmpfs"])


def test_every_setting_and_command_is_one_of_parleys() -> None:
    known = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for name, service in OURS.items():
        assert set(service["environment"]) <= known, name
        command = service.get("command", dockerfile_command("CMD"))
        assert command[:2] == ["python", "manage.py"], name
        assert command[2] in get_commands(), name


def test_nginx_looks_for_the_servers_where_they_are() -> None:
    upstream = re.findall(r"^\s*server (\w+):(\d+);", (ROOT / "deploy" / "nginx.conf").read_text(), re.MULTILINE)
    assert upstream == [("web1", "8000"), ("web2", "8000")]
    assert "PORT=8000" in DOCKERFILE
    for name, _ in upstream:
        assert set(SERVICES[name]["networks"]) & set(SERVICES["nginx"]["networks"])


# ---- deploy/make_env.py ----------------------------------------------------------------------------------------------


def test_the_made_keys_are_sound_and_new_each_time() -> None:
    one, other = made_environment(), made_environment()
    for made in (one, other):
        require_sound_keys(made["MASTER_KEYS"], made["MASTER_KEY_ACTIVE"], made["SECRET_KEY"], made["JWT_KEYS"])
    same = {name for name in one if one[name] == other[name]}
    assert same == {"MASTER_KEY_ACTIVE", "ALLOWED_HOSTS"}
    passwords = [value for name, value in one.items() if name.endswith("_PASSWORD")]
    assert len(set(passwords)) == 4
    assert all(quote(value, safe="") == value and "$" not in value for value in passwords)


def test_a_file_with_keys_is_never_touched(tmp_path: Path) -> None:
    script = tmp_path / "deploy" / "make_env.py"
    script.parent.mkdir()
    script.write_text((ROOT / "deploy" / "make_env.py").read_text())
    command = [sys.executable, "-I", str(script), "chat.example.org"]
    assert subprocess.run(command, check=False).returncode == 0
    file = tmp_path / ".env"
    before = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    assert file.read_text() == before


# ---- Units of systemd ------------------------------------------------------------------------------------------------


def test_every_unit_runs_a_command_of_parleys_with_its_settings() -> None:
    for path in (ROOT / "deploy").glob("*.service"):
        unit = path.read_text()
        for command in re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE):
            program, manage, name, *_ = command.split()
            assert (program, manage) == ("/srv/parley/.venv/bin/python", "manage.py"), path.name
            assert name in get_commands(), path.name
        assert "EnvironmentFile=/etc/parley/environment" in unit
        knows_owner = "EnvironmentFile=/etc/parley/owner" in unit
        assert knows_owner is (path.stem == "parley-backup"), path.name


def test_what_a_timer_starts_is_there() -> None:
    timers = sorted(path.stem for path in (ROOT / "deploy").glob("*.timer"))
    assert timers == ["parley-backup", "parley-checks"]
    for name in timers:
        assert "Type=oneshot" in (ROOT / "deploy" / f"{name}.service").read_text()


# ---- Dockerfile ------------------------------------------------------------------------------------------------------


def dockerfile_command(instruction: str) -> list[str]:
    """The last `CMD […]` of the file, or the one of its HEALTHCHECK."""
    text = DOCKERFILE.replace("\\\n", " ")
    pattern = r"^HEALTHCHECK .*CMD (\[.*\])$" if instruction == "HEALTHCHECK" else rf"^{instruction} (\[.*\])$"
    found: list[str] = json.loads(re.findall(pattern, text, re.MULTILINE)[-1])
    return found


def test_only_what_is_named_gets_into_the_image() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert allowed == {*packages, "static", "templates", "manage.py", "requirements-storage.lock"}
    assert lines.index("**/.env*") > max(lines.index(f"!{name}") for name in allowed)


def test_the_image_runs_as_nobody_in_particular_from_the_lock() -> None:
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE) == ["parley"]
    assert "--require-hashes --only-binary :all:" in DOCKERFILE
    assert not re.search(r"^(ARG|ENV) .*(KEY|SECRET|PASSWORD)", DOCKERFILE, re.MULTILINE)


# ---- All of it, but for the containers -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stores() -> Iterator[tuple[str, str]]:
    """An empty PostgreSQL, as its superuser, and a Redis."""
    if "REDIS_URL" not in os.environ:
        pytest.skip("the embedded default has neither")
    with ExitStack() as running:
        postgres, redis = start_postgres(), start_redis()
        running.callback(postgres.stop)
        running.callback(redis.stop)
        yield postgres.url, redis.url


def environment_of(service: str, made: Mapping[str, str], stores: tuple[str, str], folder: Path) -> dict[str, str]:
    """Exactly what compose.yaml gives the service; only the addresses of the stores are others."""
    place = urlsplit(stores[0]).netloc.rpartition("@")[2]
    given = {name: filled_in(value, made) for name, value in OURS[service]["environment"].items()}
    given = {name: value.replace("@postgres/", f"@{place}/") for name, value in given.items()}
    return {"PATH": os.environ["PATH"], **given, "REDIS_URL": stores[1], "DATA_DIR": str(folder)}


def run(arguments: list[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *arguments[1:]]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_composition_comes_up_from_nothing(stores: tuple[str, str], tmp_path: Path) -> None:
    """Roles, migrations as their owner, the server as the other role, healthy by the image's own check."""
    made = made_environment()
    roles = [str(_postgres_programs()[1] / "psql"), "-q", "-f", str(ROOT / "deploy" / "roles.sql"), stores[0]]
    done = subprocess.run(roles, env={**os.environ, **made}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    migrated = run(OURS["migrate"]["command"], environment_of("migrate", made, stores, tmp_path))
    assert migrated.returncode == 0, migrated.stderr

    port = str(free_port())
    environment = {**environment_of("web1", made, stores, tmp_path), "PORT": port}
    arguments = dockerfile_command("CMD")
    assert arguments[-2:] == ["--host", "0.0.0.0"]  # noqa: S104  the container's own network
    check = dockerfile_command("HEALTHCHECK")
    assert run(check, environment).returncode != 0
    server = subprocess.Popen([sys.executable, *arguments[1:-1], "127.0.0.1"], env=environment)
    try:
        becomes_true(lambda: run(check, environment).returncode == 0)
        host = {"Host": "chat.example.org"}
        answer = httpx.get(f"http://127.0.0.1:{port}/health/ready", headers=host, trust_env=False)
        # No clamd is part of this test: files would wait, and nothing else does.
        assert answer.json() == {"status": "ready", "cache": "available", "scanner": "unavailable"}
        assert "owner" not in environment["DATABASE_URL"]
        server.terminate()
        assert server.wait(30) == 0
        assert run(check, environment).returncode != 0
    finally:
        server.kill()
        server.wait(10)
