"""Which devices belong to which SCS, as the operator keeps it beside the gateway: the local store of associations.

A CSV file with the columns `scs` (ISDN number), `device` (an External Identifier, `*@domain` or an MSISDN) and `until`
(a time of ISO 8601, empty for without end), read at the start and on SIGHUP.  Where there is one, a pair that is not in
it is refused as the HSS refuses somebody else's device, and the HSS is not asked; for a pair that is, the HSS still has
the last word, and when the two differ that is an alarm: one of them is wrong.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from diameter.errors import ConfigError
from nfs.common.identities import ExternalIdentifier, IdentityError, domain_name, e164
from nfs.mtc_sgw.logic import device_name

COLUMNS: Final = ("scs", "device", "until")
FOREVER: Final = float("inf")


class Associations:
    """Pairs of ISDN number and device, with the time at which each ends (seconds since 1970)."""

    def __init__(self, pairs: dict[tuple[str, str], float]) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def hold(self, scs: str, device: str, now: float) -> bool:
        """Whether the device is this SCS's now."""
        until = self._pairs.get((scs, device))
        if until is None and "@" in device:
            until = self._pairs.get((scs, "*@" + device.rpartition("@")[2]))
        return until is not None and now < until

    @classmethod
    def read(cls, path: Path) -> Associations:
        """Those of a file.  Raises ConfigError with a line for each row that is wrong."""
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = csv.DictReader(file)
                if tuple(rows.fieldnames or ()) != COLUMNS:
                    raise ConfigError(f"{path}: the first line must be {','.join(COLUMNS)}")
                return cls(_pairs(path, rows))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ConfigError(f"{path}: {error}") from None


def _pairs(path: Path, rows: Iterable[dict[str, str]]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    wrong: list[str] = []
    for number, row in enumerate(rows, 2):
        try:
            if None in row or None in row.values():
                raise ValueError("three values expected")
            pair = e164(row["scs"], "scs"), _device(row["device"])
            if pair in found:
                raise ValueError("the same pair as in a line before")
            found[pair] = _until(row["until"])
        except (ValueError, IdentityError) as error:
            wrong.append(f"{path}:{number}: {error}")
    if wrong:
        raise ConfigError(*wrong)
    return found


def _device(text: str) -> str:
    if text.startswith("*@"):
        return "*@" + domain_name(text[2:])
    if "@" in text:
        return device_name(str(ExternalIdentifier.parse(text)), None)
    return e164(text, "device")


def _until(text: str) -> float:
    if not text:
        return FOREVER
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
