"""Talks to the kernel about IPsec: NETLINK_XFRM, adds, deletes and reads security associations and policies.

Each question is answered at once by the kernel itself, so a blocking socket does.  Everything needs CAP_NET_ADMIN,
reading as well; an error says what was asked and why it was refused, never a key.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from enum import IntEnum
from struct import Struct
from typing import Final

from diameter.transport.ipsec import layouts
from diameter.transport.ipsec.layouts import Policy, State

NETLINK_XFRM: Final = 6
EXPIRE_GROUP, SA_GROUP, POLICY_GROUP = 2, 3, 4
SOL_NETLINK, ADD_MEMBERSHIP = 270, 1
ERROR, DONE = 2, 3
REQUEST, ACK, EXCLUSIVE, CREATE, DUMP = 0x1, 0x4, 0x200, 0x400, 0x300
ROOM: Final = 1 << 16
ANSWER_S: Final = 5.0
"""Seconds a kernel may take; it answers at once."""
_HEAD: Final = Struct("=IHHII")
_NUMBER: Final = Struct("=i")

WORDS: Final = {
    errno.EPERM: "not permitted: it needs CAP_NET_ADMIN (root, or setcap cap_net_admin)",
    errno.EACCES: "not permitted: it needs CAP_NET_ADMIN (root, or setcap cap_net_admin)",
    errno.EEXIST: "there is one already",
    errno.ESRCH: "there is none",
    errno.ENOENT: "there is none",
    errno.ENOSYS: "the kernel has no such algorithm",
    errno.EPROTONOSUPPORT: "the kernel has no ESP, or no such mode (modules esp4, esp6)",
    errno.EAFNOSUPPORT: "the kernel has no such IP version",
    errno.EINVAL: "the kernel does not take it",
    errno.ENOBUFS: "the kernel has no memory left",
    errno.ENOMEM: "the kernel has no memory left",
}


class Kind(IntEnum):
    """XFRM_MSG_..."""

    NEW_SA = 0x10
    DELETE_SA = 0x11
    GET_SA = 0x12
    NEW_POLICY = 0x13
    DELETE_POLICY = 0x14
    GET_POLICY = 0x15
    EXPIRE = 0x18
    UPDATE_POLICY = 0x19
    UPDATE_SA = 0x1A
    FLUSH_SA = 0x1C
    FLUSH_POLICY = 0x1D


CHANGES: Final = frozenset(Kind) - {Kind.GET_SA, Kind.GET_POLICY}
"""Events after which what was read before may be wrong."""


class XfrmError(OSError):
    """The kernel refused something; the text says what and why."""

    def __init__(self, number: int, what: str) -> None:
        why = WORDS.get(number, os.strerror(number).lower())
        self.text = f"{what}: {why} ({errno.errorcode.get(number, number)})"
        super().__init__(number, self.text)

    def __str__(self) -> str:
        return self.text


class Netlink:
    """Questions to the kernel."""

    def __init__(self) -> None:
        """Raises XfrmError where the kernel has no XFRM."""
        self._sock = _open()
        self._sock.settimeout(ANSWER_S)
        self._number = 0

    def close(self) -> None:
        """Ask no more."""
        self._sock.close()

    def add_state(self, one: State) -> None:
        """Raises XfrmError; EEXIST where the destination has that SPI already."""
        self._do(Kind.NEW_SA, layouts.encode_state(one), f"adding {_name(one)}", EXCLUSIVE | CREATE)

    def delete_state(self, one: State) -> None:
        """Raises XfrmError; ESRCH where there is none."""
        self._do(Kind.DELETE_SA, layouts.encode_state_id(one), f"deleting {_name(one)}")

    def states(self) -> list[State]:
        """Every security association of ESP.  Raises XfrmError."""
        found = self._dump(Kind.GET_SA, "reading the security associations")
        return [state for body in found if (state := layouts.decode_state(body)) is not None]

    def add_policy(self, one: Policy) -> None:
        """Raises XfrmError; EEXIST where that selector has one already."""
        self._do(Kind.NEW_POLICY, layouts.encode_policy(one), f"adding {_rule(one)}", EXCLUSIVE | CREATE)

    def put_policy(self, one: Policy) -> None:
        """Add it, or put it in the place of the one with that selector.  Raises XfrmError."""
        self._do(Kind.UPDATE_POLICY, layouts.encode_policy(one), f"adding {_rule(one)}")

    def delete_policy(self, one: Policy) -> None:
        """Raises XfrmError; ENOENT where there is none."""
        self._do(Kind.DELETE_POLICY, layouts.encode_policy_id(one), f"deleting {_rule(one)}")

    def policies(self) -> list[Policy]:
        """Every policy but those of sockets.  Raises XfrmError."""
        found = self._dump(Kind.GET_POLICY, "reading the IPsec policies")
        return [policy for body in found if (policy := layouts.decode_policy(body)) is not None]

    def _do(self, kind: Kind, body: bytes, what: str, flags: int = 0) -> None:
        for _ in self._ask(kind, body, REQUEST | ACK | flags, what):
            pass

    def _dump(self, kind: Kind, what: str) -> list[bytes]:
        return list(self._ask(kind, b"", REQUEST | DUMP, what))

    def _ask(self, kind: Kind, body: bytes, flags: int, what: str) -> Iterator[bytes]:
        """Yield the bodies of the answer.  Raises XfrmError."""
        self._number += 1
        try:
            self._sock.send(_HEAD.pack(_HEAD.size + len(body), kind, flags, self._number, 0) + body)
            while True:
                for answer, number, content in messages(self._sock.recv(ROOM)):
                    if number != self._number:
                        continue
                    if answer == DONE:
                        return
                    if answer != ERROR:
                        yield content
                        continue
                    (code,) = _NUMBER.unpack_from(content)
                    if code:
                        raise XfrmError(-code, what)
                    return
        except TimeoutError:
            raise XfrmError(errno.ETIMEDOUT, what) from None
        except XfrmError:
            raise
        except OSError as error:
            raise XfrmError(error.errno or errno.EIO, what) from None


def events() -> socket.socket:
    """A non-blocking socket that is readable when associations or policies have changed.  Raises XfrmError."""
    sock = _open()
    try:
        for group in (EXPIRE_GROUP, SA_GROUP, POLICY_GROUP):
            sock.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
    except OSError as error:
        sock.close()
        raise XfrmError(error.errno or errno.EIO, "listening for changes of IPsec") from None
    sock.setblocking(False)
    return sock


def changed(sock: socket.socket) -> bool:
    """Read everything that waits on a socket of `events`: has something changed?  Lost events count as changes."""
    found = False
    while True:
        try:
            found |= any(kind in CHANGES for kind, _, _ in messages(sock.recv(ROOM)))
        except (BlockingIOError, InterruptedError):
            return found
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                return True
            found = True


def messages(octets: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(kind, sequence number, body) of each netlink message; ends at one that has no right length."""
    at = 0
    while at + _HEAD.size <= len(octets):
        size, kind, _, number, _ = _HEAD.unpack_from(octets, at)
        if size < _HEAD.size or at + size > len(octets):
            return
        yield kind, number, octets[at + _HEAD.size : at + size]
        at += size + -size % 4


def lacking() -> str:
    """Why this process cannot ask the kernel for IPsec, "" when it can."""
    try:
        asking = Netlink()
    except XfrmError as error:
        return error.text
    try:
        asking.policies()
    except XfrmError as error:
        return error.text
    finally:
        asking.close()
    return ""


def _open() -> socket.socket:
    try:
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_XFRM)
    except OSError as error:
        raise XfrmError(error.errno or errno.EIO, "opening NETLINK_XFRM (module xfrm_user)") from None
    with suppress(OSError):  # as much as is allowed
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind((0, 0))
    return sock


def _name(one: State) -> str:
    return f"security association {one.spi:#010x} to {one.destination}"


def _rule(one: Policy) -> str:
    what = one.selector
    ends = " to ".join(
        f"{net.host or 'any'}{f' port {port}' if port else ''}"
        for net, port in ((what.source, what.source_port), (what.destination, what.destination_port))
    )
    return f"IPsec policy {one.direction.name.lower()} for {ends}"
