"""`python -m config.bootstrap`: a first `.env` under DATA_DIR, with fresh random keys. Never touches one that is there.

For trying Parley out. In production the keys come from a secret store, and this is not run: the server itself never
makes a key.
"""

import os
import secrets
import sys
from pathlib import Path

from encryption.generate import new_master_key, new_secret

_FILE = """\
# Made by `make run`. Whoever has this file and the database can read every message; without it nobody can.
MASTER_KEYS=k1:{master}
MASTER_KEY_ACTIVE=k1
SECRET_KEY={secret}
JWT_KEYS=j1:{jwt}
DEMO_PASSWORD={demo}
"""


def write_environment(data_dir: Path) -> Path | None:
    """Make `data_dir` (0700) and `.env` in it (0600). Returns its path, or None when there was one already.

    Complete or absent: two starts at once leave one whole file.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = data_dir / ".env"
    draft = data_dir / f".env.{secrets.token_hex(8)}"
    content = _FILE.format(
        master=new_master_key(), secret=new_secret(48), jwt=new_master_key(), demo=secrets.token_urlsafe(9)
    )
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)  # an empty file after a power cut would be taken for a whole one, its keys lost
        os.link(draft, target)
    except FileExistsError:
        return None
    finally:
        draft.unlink()
    return target


def main() -> None:
    made = write_environment(Path(os.environ.get("DATA_DIR") or "var"))
    if made is not None:
        sys.stdout.write(f"Fresh keys are in {made}: keep that file, the data cannot be read without it.\n")


if __name__ == "__main__":
    main()
