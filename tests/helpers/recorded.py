"""TLS and DTLS between two ends in memory, with what was on the wire and the key log of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from OpenSSL import SSL

from diameter.security.dtls import DtlsContext
from diameter.security.protector import Send
from helpers.certificates import Ca, Leaf
from helpers.dtls import Wire

CA: Final = Ca()
CLIENT, SERVER = CA.issue("client.example"), CA.issue("server.example")
Run = tuple[int, bytes]
"""Who sent it, 0 for the client, and the octets."""


class Recorded:
    """`runs`: octets of the stream in order; `log`: text of the key log."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self._log: list[bytes] = []

    @property
    def log(self) -> str:
        return b"\n".join(self._log).decode() + "\n"

    def secret(self, line: bytes) -> None:
        self._log.append(line)


def tls(says: list[Run], *, version: str = "1.3", suite: str = "", shut: bool = False) -> Recorded:
    """What stands on the wire when both ends say `says`.  `suite`: by OpenSSL's name."""
    out = Recorded()
    ends = []
    for number, leaf in enumerate((CLIENT, SERVER)):
        context = SSL.Context(SSL.TLS_METHOD)
        limit = SSL.TLS1_3_VERSION if version == "1.3" else SSL.TLS1_2_VERSION
        context.set_min_proto_version(limit)
        context.set_max_proto_version(limit)
        if suite:
            (context.set_tls13_ciphersuites if version == "1.3" else context.set_cipher_list)(suite.encode())
        _identify(context, leaf)
        if number == 0:
            context.set_keylog_callback(lambda _, line: out.secret(line))
        one = SSL.Connection(context, None)
        (one.set_accept_state if number else one.set_connect_state)()
        ends.append(one)
    for _ in range(8):
        for number, one in enumerate(ends):
            _try(one.do_handshake)
            _move(number, ends, out)
    for number, octets in says:
        ends[number].send(octets)
        _move(number, ends, out)
    if shut:
        _try(ends[0].shutdown)
        _move(0, ends, out)
    return out


def _try(function: Callable[[], object]) -> None:
    try:
        function()
    except (SSL.WantReadError, SSL.ZeroReturnError):
        return


def _identify(context: SSL.Context, leaf: Leaf) -> None:
    credentials = leaf.credentials()
    with tempfile.TemporaryDirectory() as folder:
        chain, key = Path(folder) / "chain", Path(folder) / "key"
        chain.write_bytes(credentials.chain)
        key.write_bytes(credentials.key)
        context.use_certificate_chain_file(str(chain))
        context.use_privatekey_file(str(key))


def _move(number: int, ends: list[SSL.Connection], out: Recorded) -> None:
    """What one end has written, to the other."""
    try:
        octets = ends[number].bio_read(1 << 20)
    except (SSL.WantReadError, SSL.ZeroReturnError):
        return
    out.runs.append((number, octets))
    ends[1 - number].bio_write(octets)
    _try(lambda: ends[1 - number].recv(1 << 20))


def dtls(says: list[Run]) -> Recorded:
    """The same of DTLS over SCTP: each run is one message of SCTP.  By the protectors that the nodes use."""
    out = Recorded()
    here = DtlsContext(replace(CLIENT.credentials(), secrets=out.secret)).messages(server=False)
    there = DtlsContext(SERVER.credentials()).messages(server=True)
    wire = Wire(here, there)
    assert wire.shake() == []
    for name, step in wire.log:
        if isinstance(step, Send):
            out.runs.append((int(name == "server"), step.record))
    for number, octets in says:
        out.runs.append((number, (there if number else here).seal(octets)))
    return out
