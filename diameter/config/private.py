"""Files with keys: who may read one may be whom it stands for, so others than its owner must not.

One rule for the keys of Diameter, of the gateway and of devices (docs/security.md names them).  The private key of a
certificate may have readers in its group as well, for that is how systems share one (the group ssl-cert of Debian, a
secret that is mounted for a group); nobody but its owner writes it.  What is no plain file, a pipe for one, is not
looked at.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationInfo

from diameter.config.base import loading_from, readable
from diameter.errors import ConfigError

OWNER_ONLY: Final = 0o077
"""Bits that the mode of a key file must not have."""
GROUP_READS: Final = 0o037
"""The same for the private key of a certificate."""


def complaint(path: Path, beyond: int = OWNER_ONLY) -> str:
    """What is wrong with the mode of a file with a key, "" for nothing.  Raises OSError when it is not there."""
    found = os.stat(path)
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode) or not mode & beyond:
        return ""
    return f"mode {mode:04o}: others than its owner can use it: chmod {0o777 & ~beyond & 0o660:o}"


def refuse_shared(path: Path, beyond: int = OWNER_ONLY) -> None:
    """Raise ConfigError for a file with a key that others can use, or that is not there."""
    try:
        wrong = complaint(path, beyond)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    if wrong:
        raise ConfigError(f"{path}: {wrong}")


def _kept(path: Path, info: ValidationInfo, beyond: int) -> Path:
    placed = readable(path, info)
    if loading_from(info) is not None:
        try:
            wrong = complaint(placed, beyond)
        except OSError as error:
            raise ValueError(f"cannot read {placed}: {error.strerror}") from None
        if wrong:
            raise ValueError(f"{placed}: {wrong}")
    return placed


def _owner_only(path: Path, info: ValidationInfo) -> Path:
    return _kept(path, info, OWNER_ONLY)


def _group_reads(path: Path, info: ValidationInfo) -> Path:
    return _kept(path, info, GROUP_READS)


KeyFile = Annotated[Path, Field(strict=False), AfterValidator(_owner_only)]
"""A file with a key, for its owner alone."""
CertificateKeyFile = Annotated[Path, Field(strict=False), AfterValidator(_group_reads)]
"""A file with the private key of a certificate."""
