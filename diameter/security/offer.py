"""What this node offers in a handshake, read from a ClientHello of its own: not what was asked for, but what goes out.

OpenSSL is told suites and versions; groups are its own list, less what its build or the policy of the
system leaves out.  So the report of a node looks at the octets (RFC 8446 section 4.1.2, RFC 5246 7.4.1.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from
from typing import Final

from diameter.security.dtls import DtlsContext
from diameter.security.protector import Send
from diameter.security.tls import TlsContext

HEAD_TLS, HEAD_DTLS = 5 + 4, 13 + 12
"""Octets before the body of a ClientHello: heads of record and handshake message."""
GROUPS_EXTENSION: Final = 10
SUITES: Final = {
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256",
    0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xC02F: "ECDHE-RSA-AES128-GCM-SHA256",
    0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
    0x009E: "DHE-RSA-AES128-GCM-SHA256",
    0x009F: "DHE-RSA-AES256-GCM-SHA384",
    0x00FF: "",  # a signal for secure renegotiation (RFC 5746), no suite
}
GROUPS: Final = {
    23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 29: "x25519", 30: "x448", 256: "ffdhe2048", 257: "ffdhe3072",
    258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192", 26: "brainpoolP256r1", 27: "brainpoolP384r1",
    28: "brainpoolP512r1", 31: "brainpoolP256r1tls13", 32: "brainpoolP384r1tls13", 33: "brainpoolP512r1tls13",
    0x0200: "MLKEM512", 0x0201: "MLKEM768", 0x0202: "MLKEM1024",
    41: "curveSM2", 0x11EE: "curveSM2MLKEM768",
    0x11EB: "SecP256r1MLKEM768", 0x11EC: "X25519MLKEM768", 0x11ED: "SecP384r1MLKEM1024",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Suites and groups by name, most wanted first; an unknown one as its number in hex."""

    suites: tuple[str, ...]
    groups: tuple[str, ...]


def offer(context: TlsContext) -> Offer:
    """What a context offers over TLS."""
    protector = context.protector(server=False)
    protector.start()
    return parse(protector.outgoing(), HEAD_TLS)


def offer_of_datagrams(context: TlsContext) -> Offer:
    """What the same files offer over DTLS."""
    protector = DtlsContext(context.credentials).messages(server=False)
    protector.start()
    (hello,) = (step.record for step in protector.steps() if isinstance(step, Send))
    return parse(hello, HEAD_DTLS)


def parse(hello: bytes, head: int) -> Offer:
    """Suites and groups of a ClientHello whose body begins at `head`; DTLS has a cookie."""
    at = head + 2 + 32
    at += 1 + hello[at]
    if head == HEAD_DTLS:
        at += 1 + hello[at]
    (length,) = unpack_from("!H", hello, at)
    suites = unpack_from(f"!{length // 2}H", hello, at + 2)
    at += 2 + length
    at += 1 + hello[at]
    end = at + 2 + unpack_from("!H", hello, at)[0]
    at += 2
    groups: tuple[int, ...] = ()
    while at < end:
        kind, length = unpack_from("!HH", hello, at)
        if kind == GROUPS_EXTENSION:
            groups = unpack_from(f"!{length // 2 - 1}H", hello, at + 6)
        at += 4 + length
    named = (SUITES.get(one, f"{one:#06x}") for one in suites)
    return Offer(suites=tuple(filter(None, named)), groups=tuple(GROUPS.get(one, f"{one:#06x}") for one in groups))
