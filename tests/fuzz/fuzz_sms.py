"""Short messages (TS 23.040): any octets give a value or a TpduError, and a value goes to octets and back unchanged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from nfs.common.sms import (
        MAX_USER_DATA,
        UserData,
        decode_deliver,
        decode_report,
        decode_submit,
        relative_validity,
        split,
    )
    from nfs.common.sms_layout import SmsAddress, TpduError
    from nfs.common.sms_reports import decode_status_report, decode_submit_report


def oracle(data: bytes) -> None:
    """The octets as each kind of TPDU, as an address, and as a payload to be cut into segments."""
    for decode in (decode_deliver, decode_submit, decode_status_report, SmsAddress.decode):
        _round(decode, data)
    for error in (False, True):
        _round(partial(decode_report, error=error), data)
        _round(partial(decode_submit_report, error=error), data)
    assert relative_validity(data[0] if data else 0).total_seconds() >= 300
    _segments(data)


def _round(decode: Callable[[bytes], Any], data: bytes) -> None:
    try:
        value = decode(data)
    except TpduError:
        return
    written = value.encode()
    assert decode(written) == value
    user_data = getattr(value, "user_data", None)
    if isinstance(user_data, UserData):
        assert len(user_data.encode()) <= MAX_USER_DATA
        repr((user_data.port, user_data.part))


def _segments(data: bytes) -> None:
    for port in (None, 16000):
        parts = split(data, port=port, reference=len(data), wide=len(data) % 2 == 0)
        assert b"".join(part.data for part in parts) == data
        assert all(len(part.encode()) <= MAX_USER_DATA and part.port == port for part in parts)
        numbers = [part.part for part in parts]
        assert len(parts) == 1 or [one.number for one in numbers if one] == list(range(1, len(parts) + 1))


if __name__ == "__main__":
    drive(oracle, "-max_len=256")
