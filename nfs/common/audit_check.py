"""Does the chain of an audit log hold?  `verify` reads its files and names the first line that does not fit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nfs.common.chain import ZERO, digest, unseal


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found.  `fault`: `FILE:LINE: words`, empty when all lines fit.

    `first`, `last`: numbers of the lines that hold, 0 when there are none.  `head`: hash of the last one.
    `notes`: what cannot be known from these files.
    """

    fault: str = ""
    first: int = 0
    last: int = 0
    head: str = ZERO
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    place: str
    octets: bytes
    torn: bool


def lines(paths: Sequence[Path]) -> Iterator[_Line]:
    """Every line of the files in order.  Raises OSError."""
    for path in paths:
        with path.open("rb") as file:
            for number, octets in enumerate(file, 1):
                yield _Line(f"{path}:{number}", octets.removesuffix(b"\n"), not octets.endswith(b"\n"))


def verify(paths: Sequence[Path], key: bytes | None = None, anchor: tuple[int, str] | None = None) -> Verdict:
    """Check files of one log, oldest first.  anchor: number and hash of a line known to have been written.

    Raises OSError.
    """
    first, last, head, fault = 0, 0, ZERO, ""
    anchored = anchor is None
    for line in lines(paths):
        record, fault = _own(line, key)
        if not fault:
            fault = _why(record, last, paths, line) if _astray(record, last, head, first == 0) else ""
        if fault:
            break
        last, head = record["seq"], record["hash"]
        first = first or last
        if anchor is not None and last == anchor[0]:
            anchored = True
            if head != anchor[1]:
                fault = f"{line.place}: not the line {last} that was written: the chain was made anew"
                break
    if not fault and not anchored and anchor is not None and (anchor[0] > last or not first):
        fault = f"{paths[-1]}: lines {last + 1} to {anchor[0]} are missing at the end"
    notes = []
    if first > 1:
        notes.append(f"lines 1 to {first - 1} stand in older files")
    if anchor is None:
        notes.append("without the head, lines taken off the end cannot be seen")
    return Verdict(fault=fault, first=first, last=last, head=head, notes=tuple(notes))


def _own(line: _Line, key: bytes | None) -> tuple[dict[str, Any], str]:
    """The line's record with its hash as `hash`, or what is wrong with the line by itself."""
    if line.torn:
        return {}, f"{line.place}: torn: the last line has no end"
    parts = unseal(line.octets)
    if parts is None:
        return {}, f"{line.place}: changed: no line of a chain"
    body, member, own = parts
    if member == "mac" and key is None:
        return {}, f"{line.place}: made with a key, which is needed to check it"
    if member == "hash" and key is not None:
        return {}, f"{line.place}: made without the key"
    if digest(body, key) != own:
        return {}, f"{line.place}: changed: its hash is not that of its octets"
    try:
        record = json.loads(line.octets)
        if not isinstance(record["seq"], int) or not isinstance(record["prev"], str):
            return {}, f"{line.place}: changed: no number"
    except (ValueError, KeyError, TypeError):
        return {}, f"{line.place}: changed: no line of a chain"
    return {**record, "hash": own}, ""


def _astray(record: dict[str, Any], last: int, head: str, begins: bool) -> bool:
    """True unless the record is the one after (last, head); the first of all may have any number."""
    seq, prev = record["seq"], record["prev"]
    if begins:
        return bool(seq < 1 or (seq == 1) != (prev == ZERO))
    return bool(seq != last + 1 or prev != head)


def _why(record: dict[str, Any], last: int, paths: Sequence[Path], line: _Line) -> str:
    """Words for a line that is whole by itself and stands in the wrong place."""
    seq, due = record["seq"], last + 1
    if seq == due:
        return f"{line.place}: line {seq} does not follow line {last}: one of them was put in the other's place"
    if seq < due:
        return f"{line.place}: line {seq} comes again, inserted or out of order"
    if any(_seq(each) == due for each in lines(paths)):
        return f"{line.place}: line {seq} stands where line {due} was due: out of order"
    return f"{line.place}: lines {due} to {seq - 1} before it were removed"


def _seq(line: _Line) -> int | None:
    try:
        found = json.loads(line.octets)["seq"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) else None
