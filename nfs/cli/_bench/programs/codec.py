"""Our codec for `mtc bench codec`: each line of input is answered with microseconds of CPU for each operation, as JSON.

Argument: CPU seconds of one measurement of one operation.  Before anything is timed, one fault of each kind is put into
the message and must be found: else it ends with a line that begins with "void".
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any, Final

from diameter import Dictionary, LocalError, decode, encode
from diameter.message.members import Members
from diameter.wire import avp, header
from nfs.cli._bench.messages import EVERY, FIVE, FIVE_VALUES, RELAY, TWO, UPDATE_LOCATION, WITH_ARITY, session
from nfs.cli._bench.programs.said import say

VARIANTS: Final = 997
"""Different messages."""


def operations(dictionary: Dictionary) -> dict[str, Callable[[], object]]:
    """What is timed with the medium message; LocalError when the codec would not find a fault in it.

    The message is another one each time, of another session and subscriber, so that nothing is won by knowing it.
    """
    avps = [_variant(number) for number in range(VARIANTS)]
    wires = [encode(dictionary.request("Update-Location", one, application="S6a")) for one in avps]
    prove(encode(dictionary.request("Update-Location", UPDATE_LOCATION, application="S6a")), dictionary)
    wire, values = cycle(wires).__next__, cycle(avps).__next__

    def relay() -> None:
        message = decode(wire(), dictionary)
        for name in TWO:
            message[name]

    def read() -> None:
        message = decode(wire(), dictionary)
        if message.faults:
            raise SystemError("the benchmark's own message is faulty")
        for name in FIVE:
            message[name]

    names = _names(decode(wire(), dictionary))

    def whole() -> None:
        message = decode(wire(), dictionary)
        if message.faults:
            raise SystemError("the benchmark's own message is faulty")
        for name, members in names:
            value = message[name]
            for member in members:
                value[member]

    def build() -> bytes:
        return encode(dictionary.request("Update-Location", values(), application="S6a"))

    return {RELAY: relay, FIVE_VALUES: read, EVERY: whole, WITH_ARITY: build}


def _variant(number: int) -> dict[str, Any]:
    """The medium message of another subscriber; as long."""
    device = {"IMEI": f"{35299708123456 + number}", "Software-Version": "78"}
    changed = {"Session-Id": session(number), "User-Name": f"0010101{number:08}", "Terminal-Information": device}
    return UPDATE_LOCATION | changed


def _names(message: Members) -> list[tuple[str, list[str]]]:
    return [(one.name, [member.name for member in one.members]) for one in message.avps]


def prove(wire: bytes, dictionary: Dictionary) -> None:
    """Put one fault of each kind into the message; each must be reported with its Result-Code.  Raises LocalError."""
    message = decode(wire, dictionary)
    if message.faults:
        raise LocalError(f"void: the benchmark's own message has faults: {message.faults}")
    unknown = header.build(0xC0, 316, message.application_id, 1, 2, wire[20:] + avp.build(65000, 0, 0x40, b""))
    spoiled = {
        5001: unknown,
        5004: wire.replace(b"001010123456789", b"00101012345678\xff"),
        5005: message.edit(remove=["User-Name"]).octets,
        5009: message.edit(add={"User-Name": "001010123456780"}).octets,
        5014: wire.replace(b"\0\0\x05\x7d\xc0\0\0\x10", b"\0\0\x05\x7d\xc0\0\0\x0f"),
        5016: wire.replace(b"\0\0\x05\x7d\xc0\0\0\x10", b"\0\0\x05\x7d\x80\0\0\x10"),
    }
    for code, octets in spoiled.items():
        if code not in {int(one.result_code) for one in decode(octets, dictionary).faults}:
            raise LocalError(f"void: a message with fault {code} passed as sound")
    group = message.edit(replace={"Terminal-Information": message["Terminal-Information"].octets[:-4] + b"xxxx"})
    if not group.faults:
        raise LocalError("void: non-zero padding inside a group passed as sound")


def timed(run: Callable[[], object], round_s: float) -> float:
    """CPU microseconds of one call, over as many as fit into `round_s`."""
    count = 1
    while True:
        begin = time.process_time()
        for _ in range(count):
            run()
        spent = time.process_time() - begin
        if spent > round_s / 2:
            return spent / count * 1e6
        count = max(count * 2, int(count * round_s / spent) if spent else 0)


def main(round_s: float) -> None:
    """Answer until the input ends."""
    try:
        todo = operations(Dictionary.load())
    except LocalError as error:
        raise SystemExit(str(error)) from None
    for _ in sys.stdin:
        say(json.dumps({name: timed(run, round_s) for name, run in todo.items()}))


if __name__ == "__main__":
    main(float(sys.argv[1]))
