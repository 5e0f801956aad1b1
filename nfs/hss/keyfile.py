"""The file with the key that seals subscribers' keys: 64 hexadecimal digits, readable for its owner alone."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from diameter.config.private import refuse_shared
from diameter.errors import ConfigError
from nfs.common.aka import SEAL_KEY_OCTETS, Seal
from nfs.common.group_keys import put


def read_seal(path: Path) -> Seal:
    """The seal of a key file.  Raises ConfigError."""
    refuse_shared(path)
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            text = file.readline().strip()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    if not re.fullmatch(f"[0-9A-Fa-f]{{{2 * SEAL_KEY_OCTETS}}}", text):
        raise ConfigError(f"{path}: {2 * SEAL_KEY_OCTETS} hexadecimal digits expected in the first line")
    return Seal(bytes.fromhex(text))


def new_key(path: Path) -> None:
    """Make a key file.  Raises ConfigError, also when there is one: what it sealed would be lost."""
    put(path, secrets.token_hex(SEAL_KEY_OCTETS))
