"""The USIMs of simulated UEs, from a CSV file: `imsi`, the columns of the keys, and `sqn` where one is not new."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from diameter.config.private import refuse_shared
from diameter.errors import ConfigError
from nfs.common import cards
from nfs.common.aka import Algorithm
from nfs.common.cards import Card
from nfs.common.identities import IdentityError, imsi
from nfs.ue.usims import Usims


def read_usims(path: Path) -> Usims:
    """The USIMs by IMSI.  `sqn`: 12 hexadecimal digits.  Raises ConfigError with a line for each bad row."""
    return Usims(_rows(path))


def read_keys(path: Path, name: str) -> Algorithm | None:
    """f1 to f5* of one IMSI's card; None when the file has no row for it.  Raises ConfigError as above."""
    found = None
    for each, card, _ in _rows(path):
        found = card.functions() if each == name else found
    return found


def _rows(path: Path) -> Iterator[tuple[str, Card, int]]:
    """(IMSI, card, SQN) of each row; at the end of a file with bad rows, ConfigError."""
    seen: set[str] = set()
    faults: list[str] = []
    refuse_shared(path)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names = reader.fieldnames or ()
            if "imsi" not in names or set(names) - {"imsi", "sqn", *cards.COLUMNS}:
                raise ConfigError(f"{path}:1: columns imsi, sqn and those of the keys expected")
            for row in reader:
                try:
                    yield _row(
                        seen, {name: text.strip() for name, text in row.items() if name and text and text.strip()}
                    )
                except ValidationError as error:
                    faults += [f"{path}:{reader.line_num}: {one['loc'][0]}: {one['msg']}" for one in error.errors()]
                except ValueError as error:
                    faults.append(f"{path}:{reader.line_num}: {error}")
    except (UnicodeDecodeError, csv.Error):
        raise ConfigError(f"{path}: not CSV in UTF-8") from None
    if faults:
        raise ConfigError(*faults)


def _row(seen: set[str], row: Mapping[str, str]) -> tuple[str, Card, int]:
    name = imsi(row.get("imsi", ""))
    if name in seen:
        raise IdentityError("imsi: there already")
    seen.add(name)
    sqn = row.get("sqn", "0")
    if len(sqn) > 12 or not set(sqn) <= set("0123456789abcdefABCDEF"):
        raise ValueError("sqn: up to 12 hexadecimal digits expected")
    keys = {column: cards.cell(column, row[column]) for column in cards.COLUMNS if column in row}
    return name, cards.KeysRow.model_validate(keys).to_card(), int(sqn, 16)
