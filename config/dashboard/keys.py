"""How the master keys stand. To count what each wraps reads all keys of the vault, so it is remembered for a while."""

from config.dashboard.remembering import Remembered
from encryption.keyring import keyring
from encryption.master_keys import MasterKeyStatus, statuses

FRESH_FOR = 60.0

_keys = Remembered(lambda: statuses(keyring().provider), FRESH_FOR)


def known_keys() -> list[MasterKeyStatus]:
    """As `encryption.master_keys.statuses`, at most a minute old."""
    return _keys.get()


def forget() -> None:
    _keys.forget()
