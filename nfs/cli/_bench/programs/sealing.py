"""What protecting one message of 420 octets costs: CPU microseconds to seal and to open it, in DTLS and in TLS.

Arguments: JSON with `client` and `server` (certificate, key and trust of each) and `round_s`, CPU seconds of a
measurement.  Each line of input is answered with a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from diameter.security.credentials import Credentials
from diameter.security.dtls import DtlsContext
from diameter.security.protector import Send
from diameter.security.tls import TlsContext
from nfs.cli._bench.programs.said import say

OCTETS: Final = 420
AT_ONCE: Final = 32
"""Sealed, then opened."""
WHAT: Final = ("seal", "open")


Seal = Callable[[bytes], bytes]
"""Or open: what the other end does with what came out."""


def credentials(paths: list[str]) -> Credentials:
    """Certificate, key and trust."""
    chain, key, trust = (Path(path).read_bytes() for path in paths)
    return Credentials(chain=chain, key=key, trust=(trust,))


def over_dtls(client: Credentials, server: Credentials) -> tuple[Seal, Seal]:
    """A handshake in memory; then how to seal at one end and to open at the other."""
    here, there = DtlsContext(client).messages(server=False), DtlsContext(server).messages(server=True)
    here.start()
    there.start()
    while not (here.established and there.established):
        for end, other in ((here, there), (there, here)):
            for step in end.steps():
                if isinstance(step, Send):
                    other.receive(step.record, 0)
    return here.seal, lambda record: there.receive(record, 1)[0]


def over_tls(client: Credentials, server: Credentials) -> tuple[Seal, Seal]:
    """The same over a byte stream."""
    here, there = TlsContext(client).protector(server=False), TlsContext(server).protector(server=True)
    here.start()
    while not (here.established and there.established):
        there.receive(here.outgoing())
        here.receive(there.outgoing())

    def seal(clear: bytes) -> bytes:
        here.protect(clear)
        return here.outgoing()

    return seal, there.receive


def timed(seal: Seal, unseal: Seal, round_s: float) -> tuple[float, float]:
    """CPU microseconds of sealing and of opening one message.  Raises SystemError when it does not come out again."""
    clear = bytes(OCTETS)
    sealing = opening = 0.0
    count = 0
    while sealing < round_s or opening < round_s:
        begin = time.process_time()
        records = [seal(clear) for _ in range(AT_ONCE)]
        middle = time.process_time()
        found = [unseal(record) for record in records]
        opening += time.process_time() - middle
        sealing += middle - begin
        count += AT_ONCE
        if found != [clear] * AT_ONCE:
            raise SystemError("what was sealed did not come out again")
    return sealing / count * 1e6, opening / count * 1e6


def main(told: dict[str, Any]) -> None:
    """Answer until the input ends."""
    ends = credentials(told["client"]), credentials(told["server"])
    schemes = {"DTLS": over_dtls(*ends), "TLS": over_tls(*ends)}
    for _ in sys.stdin:
        found = {name: timed(*scheme, told["round_s"]) for name, scheme in schemes.items()}
        say(
            json.dumps(
                {f"{what}, {name}": us for name, pair in found.items() for what, us in zip(WHAT, pair, strict=True)}
            )
        )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
