"""The people in a short message: its TPDU (TS 23.040 section 9.2) with other digits and other words, as long as before.

First octet, reference, protocol identifier, coding, times, lengths and the user data header stay: a port and the number
of a part name nobody.
"""

from __future__ import annotations

from typing import Final

from diameter.capture.pseudonyms import Pseudonyms

MO_FORWARD: Final = 8388645
STATUS_REPORT: Final = 2
"""TP-MTI of a TPDU that comes down to a device."""
_HEADER: Final = 0x40
_ALPHANUMERIC: Final = 0x50
_VALIDITY: Final = {0: 0, 1: 7, 2: 1, 3: 7}
"""Octets of TP-VP by TP-VPF."""


def rewritten(data: bytes, command_code: int, is_request: bool, names: Pseudonyms) -> bytes:
    """The TPDU; what has no such form keeps its first octet only.  Never raises."""
    at = _parsed(data, command_code, is_request)
    if at is None:
        return data[:1] + names.octets(data[1:])
    address, user = at
    out = bytearray(data)
    if address:
        count, kind = data[address], data[address + 1]
        end = address + 2 + (count + 1) // 2
        digits = data[address + 2 : end]
        out[address + 2 : end] = names.octets(digits) if kind & 0x70 == _ALPHANUMERIC else _halves(digits, names)
    if 0 < user < len(data):
        out[user:] = names.octets(data[user:])
    return bytes(out)


def _parsed(data: bytes, command_code: int, is_request: bool) -> tuple[int, int] | None:
    """Where the address (0: none) and the words of the user begin; None where the TPDU is none."""
    if not data:
        return 0, 0
    first, size = data[0], len(data)
    if not is_request:
        return 0, _report(data)
    submit = command_code == MO_FORWARD
    if not submit and first & 3 == STATUS_REPORT:
        return _status(data)
    address = 2 if submit else 1
    if first & 3 != (1 if submit else 0) or size < address + 2:
        return None
    at = address + 2 + (data[address] + 1) // 2
    at += 2 + (_VALIDITY[first >> 3 & 3] if submit else 7)
    if at >= size:
        return None
    return address, _words(data, at + 1, first)


def _status(data: bytes) -> tuple[int, int] | None:
    """SMS-STATUS-REPORT: reference, address, two times, status, then perhaps a parameter indicator and its fields."""
    if len(data) < 4:
        return None
    at = 4 + (data[2] + 1) // 2 + 15
    if at > len(data):
        return None
    if at == len(data):
        return 2, 0
    indicator = data[at]
    at += 1 + (indicator & 1) + (indicator >> 1 & 1)
    return 2, _words(data, at + 1, data[0]) if indicator & 4 and at < len(data) else at


def _report(data: bytes) -> int:
    """DELIVER-REPORT and SUBMIT-REPORT for what was received: parameter indicator, then what it says is there."""
    at = 1
    if len(data) > 2 and data[1] & 0x80:
        at = 2  # a failure cause stands before the parameter indicator
    if at >= len(data):
        return 0
    indicator = data[at]
    at += 1
    if data[0] & 3 == 1:
        at += 7
    at += (indicator & 1) + (indicator >> 1 & 1)
    return _words(data, at + 1, data[0]) if indicator & 4 and at < len(data) else at


def _words(data: bytes, at: int, first: int) -> int:
    """Behind the user data header, where there is one."""
    return min(len(data), at + 1 + data[at]) if first & _HEADER and at < len(data) else at


def _halves(data: bytes, names: Pseudonyms) -> bytes:
    halves = [half for octet in data for half in (octet & 15, octet >> 4)]
    new = iter(names.digits("".join(str(half) for half in halves if half < 10)))
    out = [int(next(new)) if half < 10 else half for half in halves]
    return bytes(out[at] | out[at + 1] << 4 for at in range(0, len(out), 2))
