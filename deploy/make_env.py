"""`python3 deploy/make_env.py chat.example.org`: fresh keys and passwords for compose.yaml, in `.env` beside it.

Needs only Python's own library. A file that is there is never touched: its keys are the only way to read the database.
"""

import base64
import os
import secrets
import sys
from pathlib import Path

_TARGET = Path(__file__).resolve().parent.parent / ".env"

_FILE = """\
# Keep a copy apart from every backup of the database: without the master key nobody can read it again.
MASTER_KEYS=k1:{master}
MASTER_KEY_ACTIVE=k1
SECRET_KEY={secret}
JWT_KEYS=j1:{jwt}
POSTGRES_PASSWORD={superuser}
OWNER_PASSWORD={owner}
APP_PASSWORD={app}
REDIS_PASSWORD={redis}
ALLOWED_HOSTS={hosts}
"""


def contents(hosts: list[str]) -> str:
    """The file, each secret new. Every value can stand in a URL and in compose.yaml as it is."""
    return _FILE.format(
        master=_key(),
        jwt=_key(),
        secret=secrets.token_urlsafe(48),
        **{name: secrets.token_urlsafe(24) for name in ("superuser", "owner", "app", "redis")},
        hosts=",".join(hosts),
    )


def _key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("Name the hosts people will type: python3 deploy/make_env.py chat.example.org localhost")
    try:
        descriptor = os.open(_TARGET, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(f"{_TARGET} is there already and stays as it is.")
    with os.fdopen(descriptor, "w") as file:
        file.write(contents(sys.argv[1:]))
    sys.stdout.write(f"Fresh keys are in {_TARGET}. Copy it to a safe place now.\n")


if __name__ == "__main__":
    main()
