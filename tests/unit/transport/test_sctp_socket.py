"""Addresses, ancillary data and options of SCTP as octets; no socket of SCTP is opened here."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
from struct import pack, unpack_from
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.config import SctpConfig
from diameter.transport import pysctp, sctp_socket
from diameter.transport.link import Address
from diameter.transport.sctp_socket import IPPROTO_SCTP, RCVINFO, Setup

ADDRESSES = st.builds(Address, st.ip_addresses().map(str), st.integers(0, 65535))


class Socket:
    """Records options; answers those that it was given."""

    def __init__(self, answers: dict[int, bytes | int | OSError] | None = None) -> None:
        self.set: list[tuple[int, bytes | int]] = []
        self.answers = answers or {}
        self.family = socket.AF_INET

    def setsockopt(self, level: int, option: int, value: bytes | int) -> None:
        self.set.append((option, value))

    def getsockopt(self, level: int, option: int, octets: int = 0) -> Any:
        found = self.answers.get(option, 212_992)
        if isinstance(found, OSError):
            raise found
        return found

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.1", 4000

    def getpeername(self) -> tuple[str, int]:
        return "192.0.2.2", 3868


@given(st.lists(ADDRESSES, max_size=6))
def test_addresses_there_and_back(addresses: list[Address]) -> None:
    octets = b"".join(map(sctp_socket.pack_address, addresses))
    expected = tuple(Address(each.host.removeprefix("::ffff:"), each.port) for each in addresses)
    found = sctp_socket.unpack_addresses(octets, len(addresses))
    assert [each.port for each in found] == [each.port for each in expected]
    assert len(found) == len(expected)


@given(st.binary(max_size=100), st.integers(0, 10))
def test_any_octets_give_addresses_or_none(octets: bytes, count: int) -> None:
    assert len(sctp_socket.unpack_addresses(octets, count)) <= count


def test_a_zone_is_a_scope() -> None:
    assert unpack_from("=I", sctp_socket.pack_address(Address("fe80::1%7", 1)), 24) == (7,)
    name = socket.if_nameindex()[0]
    assert unpack_from("=I", sctp_socket.pack_address(Address(f"fe80::1%{name[1]}", 1)), 24) == (name[0],)


def test_the_family_takes_all_addresses() -> None:
    assert sctp_socket.family_of(["192.0.2.1"]) == socket.AF_INET
    assert sctp_socket.family_of(["192.0.2.1", "fe80::1%eth0"]) == socket.AF_INET6


def test_what_goes_with_a_message() -> None:
    ((level, kind, value),) = sctp_socket.send_info(5, 46, ordered=False)
    assert (level, kind, value) == (132, 2, pack("=HH", 5, 1) + bytes((0, 0, 0, 46)) + bytes(8))
    assert unpack_from("=HH", sctp_socket.send_info(5, 46, ordered=True)[0][2]) == (5, 0)


def test_what_comes_with_a_message() -> None:
    value = pack("=HHHH", 5, 1, 0, 0) + bytes((0, 0, 0, 47)) + bytes(16)
    assert sctp_socket.receive_info([(1, 2, b""), (IPPROTO_SCTP, RCVINFO, value)]) == (5, 47)
    assert sctp_socket.receive_info([(IPPROTO_SCTP, RCVINFO, value[:11])]) == (0, 0)
    assert sctp_socket.receive_info([]) == (0, 0)


def test_the_status_of_an_association() -> None:
    primary = pack("=i", 7) + sctp_socket.pack_address(Address("192.0.2.9", 3868))
    octets = pack("=iiIHHHHI", 7, 4, 5000, 3, 2, 10, 16, 1452) + primary
    fake: Any = Socket({sctp_socket.STATUS: octets.ljust(176, b"\0")})
    assert sctp_socket.status(fake) == (4, 5000, 3, 2, 10, 16, 1452, Address("192.0.2.9", 3868))


def test_more_addresses_than_can_be_told() -> None:
    """The end is then known by the one address it is named by; another error is passed on."""
    for number, outcome in ((errno.ENOMEM, (Address("192.0.2.2", 3868),)), (errno.ENOTCONN, None)):
        fake: Any = Socket({sctp_socket.GET_PEER_ADDRS: OSError(number, "x")})
        if outcome is None:
            with pytest.raises(OSError, match="x"):
                Setup().peer_addresses(fake)
        else:
            assert Setup().peer_addresses(fake) == outcome


def test_all_addresses_of_an_end() -> None:
    both = b"".join(sctp_socket.pack_address(Address(host, 4000)) for host in ("192.0.2.1", "2001:db8::1"))
    fake: Any = Socket({sctp_socket.GET_LOCAL_ADDRS: pack("=iI", 7, 2) + both})
    assert Setup().local_addresses(fake) == (Address("192.0.2.1", 4000), Address("2001:db8::1", 4000))


def test_further_addresses_have_the_port_of_the_first() -> None:
    fake: Any = Socket()
    Setup().bind_listener(fake, [Address("192.0.2.1", 0), Address("192.0.2.3", 0), Address("2001:db8::1", 0)])
    (first, _), (second, rest) = fake.set
    assert first == second == sctp_socket.BINDX_ADD
    assert sctp_socket.unpack_addresses(rest, 2) == (Address("192.0.2.3", 4000), Address("2001:db8::1", 4000))


def test_options_that_are_not_given_are_not_set() -> None:
    fake: Any = Socket()
    Setup().configure(fake, SctpConfig(), 65_536)
    numbers = [number for number, _ in fake.set]
    assert numbers[:2] == [sctp_socket.INITMSG, sctp_socket.NODELAY]
    assert sctp_socket.RTOINFO not in numbers
    assert numbers.count(sctp_socket.EVENT) == len(sctp_socket.WANTED)
    assert socket.SO_SNDBUF not in numbers


def test_options_that_are_given() -> None:
    fake: Any = Socket()
    config = SctpConfig(
        rto_min_ms=100, heartbeat_ms=0, path_max_retrans=3, association_max_retrans=7, send_buffer=99_999,
        receive_buffer=88_888, init_attempts=2, init_timeout_ms=100_000,
    )  # fmt: skip
    Setup().configure(fake, config, 262_144)
    found = dict(fake.set)
    assert unpack_from("=iIII", found[sctp_socket.RTOINFO]) == (0, 0, 0, 100)
    assert unpack_from("=iH", found[sctp_socket.ASSOCINFO]) == (0, 7)
    assert unpack_from("=HHHH", found[sctp_socket.INITMSG]) == (16, 64, 2, 65535)
    assert unpack_from("=IHIII", found[sctp_socket.PEER_ADDR_PARAMS], 132) == (0, 3, 0, 0, 2)
    assert (found[socket.SO_SNDBUF], found[socket.SO_RCVBUF]) == (99_999, 88_888)


def test_the_buffers_take_a_whole_message() -> None:
    fake: Any = Socket()
    sctp_socket.set_buffers(fake, SctpConfig(), 262_144)
    assert fake.set == [(socket.SO_SNDBUF, 262_144), (socket.SO_RCVBUF, 262_144)]


def test_without_pysctp_there_are_socket_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pysctp, "sctp", None)
    assert (pysctp.installed(), pysctp.setup().name) == (False, "socket options")


def test_without_pysctp_plain_socket_options_do_all() -> None:
    """As on a machine where it is not installed: `import sctp` fails."""
    code = (
        "import sys; sys.modules['sctp'] = None\n"
        "from diameter.transport import pysctp\n"
        "from diameter.transport.sctp_choice import carrier_of\n"
        "carrier_of('kernel', None)\n"
        "print(pysctp.installed(), pysctp.setup().name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == "False socket options\n"
