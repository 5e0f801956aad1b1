"""SCTP in user space on Twisted: listeners and attempts to connect, and which socket of the system each uses.

Everything of this process that has the same address and UDP port shares a socket; over IP, everything that has the same
address.  A listener with several addresses takes associations on each; a dialler tries the addresses of a peer one
after the other, because an association has one path.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal
from weakref import WeakValueDictionary

from diameter.config import SctpConfig
from diameter.transport import sctp_events, usrsctp_events
from diameter.transport.association import Association
from diameter.transport.link import Address
from diameter.transport.sctp_kernel import Arm
from diameter.transport.usrsctp import Path, UserAssociation, leave, refusal
from diameter.transport.usrsctp_library import library
from diameter.transport.usrsctp_socket import UserSocket
from diameter.transport.usrsctp_wires import RawWire, UdpWire, Wire, source

UserKind = Literal["usrsctp-udp", "usrsctp-raw"]
EVERYWHERE: Final = {False: "0.0.0.0", True: "::"}
_wires: Final[WeakValueDictionary[tuple[str, str, int, bool], Wire]] = WeakValueDictionary()
"""The open sockets of this process, by kind, address, UDP port, and whether they are armed; the library is one, too."""
Done = Callable[[Association | str], None]


class UserCarrier:
    """SCTP in user space as `diameter.transport.sctp_choice.Carrier`."""

    def __init__(self, reactor: Any, kind: UserKind) -> None:
        """Raises ImportError, OSError or RuntimeError where the library is missing or cannot be used."""
        self._reactor = reactor
        self._kind = kind
        library().start(reactor)

    def listen(
        self,
        addresses: Sequence[Address],
        config: SctpConfig,
        *,
        message_limit: int,
        backlog: int,
        accepted: Callable[[Association], None],
        trouble: Callable[[Address, str], None],
        arm: Arm | None = None,
    ) -> UserPort:
        """A listener on each address.  Raises OSError."""
        return UserPort(
            self, addresses, config, message_limit=message_limit, backlog=backlog, accepted=accepted, trouble=trouble,
            arm=arm,
        )  # fmt: skip

    def dial(
        self,
        remote: Sequence[Address],
        local: Sequence[Address],
        config: SctpConfig,
        *,
        message_limit: int,
        done: Done,
        arm: Arm | None = None,
    ) -> UserDialling:
        """An attempt to connect.  Raises OSError."""
        return UserDialling(self, remote, local, config, message_limit=message_limit, done=done, arm=arm)

    def open(self, host: str, config: SctpConfig, *, shared: bool = False, arm: Arm | None = None) -> Wire:
        """The socket with this address of ours, with one user more.  Raises OSError.

        `shared`: one that has every address will do; where another program has our UDP port, and that was not asked
        for, any port will do (RFC 6951 section 5.1: the peer answers to where a packet came from).
        """
        port = config.udp_port if self._kind == "usrsctp-udp" else 0
        names = [host, EVERYWHERE[":" in host]] if shared else [host]
        armed = arm is not None
        there = (_wires.get((self._kind, name, port, armed)) for name in names)
        found = next((wire for wire in there if wire is not None and wire.users), None)
        if found is None:
            try:
                found = self._make(host, port, arm)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not shared or "udp_port" in config.model_fields_set:
                    raise
                port = 0
                found = self._make(host, port, arm)
            if port or self._kind == "usrsctp-raw":
                _wires[self._kind, host, port, armed] = found
        found.users += 1
        return found

    def _make(self, host: str, port: int, arm: Arm | None) -> Wire:
        if self._kind == "usrsctp-udp":
            return UdpWire(self._reactor, host, port, arm)
        return RawWire(self._reactor, host, arm)


class UserPort:
    """Listeners with one port."""

    def __init__(
        self,
        carrier: UserCarrier,
        addresses: Sequence[Address],
        config: SctpConfig,
        *,
        message_limit: int,
        backlog: int,
        accepted: Callable[[Association], None],
        trouble: Callable[[Address, str], None],
        arm: Arm | None = None,
    ) -> None:
        """Raises OSError: address in use, not ours, no right to raw sockets."""
        self._listeners: list[_Listener] = []
        port = addresses[0].port
        try:
            for each in addresses:
                wire = carrier.open(each.host, config, arm=arm)
                listener = _Listener(wire, Address(each.host, port), config, message_limit, accepted, trouble)
                self._listeners.append(listener)
                listener.listen(backlog)
                port = listener.address.port
        except OSError:
            self.close()
            raise
        self.addresses = tuple(each.address for each in self._listeners)

    def close(self) -> None:
        """Take no more associations."""
        while self._listeners:
            self._listeners.pop().close()


class _Listener:
    """One listening socket of the library."""

    def __init__(
        self,
        wire: Wire,
        address: Address,
        config: SctpConfig,
        message_limit: int,
        accepted: Callable[[Association], None],
        trouble: Callable[[Address, str], None],
    ) -> None:
        """`wire`: given back by `close`."""
        self._wire = wire
        self._config = config
        self._limit = message_limit
        self._accepted = accepted
        self._trouble = trouble
        self.address = Address(address.host, wire.take_port(address.port))
        self._sock = UserSocket(library(), self)

    def listen(self, backlog: int) -> None:
        """Raises OSError."""
        self._sock.configure(self._config, self._limit)
        self._sock.bind(self._wire.end, self.address.port)
        self._sock.listen(backlog)

    def woken(self) -> None:
        """Take every association that waits."""
        while not self._sock.closed and (found := self._sock.accept()) is not None:
            self._take(*found)

    def _take(self, so: Any, inside: int) -> None:
        outside = self._wire.peers.outside(inside)
        sock = UserSocket(library(), self, so)
        if outside is None:
            sock.close()
            return
        place, port = outside
        remote, local = Address(place[0], port), self.address
        if local.host in EVERYWHERE.values():
            local = Address(source(remote.host), local.port)
        path = Path(library(), self._wire, local.port, inside, local, remote)
        try:
            association = UserAssociation(sock, path, self._limit, no_delay=self._config.nodelay)
        except OSError as error:
            sock.close()
            path.release()
            self._trouble(remote, f"gone at once: {refusal(error)}")
            return
        self._accepted(association)

    def close(self) -> None:
        """Listen no more."""
        self._sock.close()
        self._wire.give_port(self.address.port)
        leave(self._wire)


class UserDialling:
    """Attempts to connect, one address of the peer after the other; `done` hears of the outcome once."""

    def __init__(
        self,
        carrier: UserCarrier,
        remote: Sequence[Address],
        local: Sequence[Address],
        config: SctpConfig,
        *,
        message_limit: int,
        done: Done,
        arm: Arm | None = None,
    ) -> None:
        """Raises OSError when not one of them can be tried."""
        self._carrier = carrier
        self._left = sorted(remote, key=lambda each: each.host != config.primary)
        self._local = local
        self._config = config
        self._limit = message_limit
        self._done = done
        self._arm = arm
        self._sock: UserSocket | None = None
        self._path: Path | None = None
        self._start()

    def cancel(self) -> None:
        """Give up; `done` is not called."""
        self._left.clear()
        self._drop()

    def woken(self) -> None:
        """Connected, refused, or given up by the library."""
        sock, path = self._sock, self._path
        if sock is None or path is None:
            return
        try:
            came = sock.receive()
            while came is not None:
                if came.notification and self._is_up(came.data, path):
                    break
                if not came.data:
                    raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
                came = sock.receive()
            else:
                return
            association = UserAssociation(sock, path, self._limit, no_delay=self._config.nodelay)
        except OSError as error:
            self._failed(error)
            return
        self._sock = self._path = None
        self._done(association)

    def _is_up(self, data: bytes, path: Path) -> bool:
        return isinstance(usrsctp_events.parse(data, path.remote), sctp_events.Up)

    def _failed(self, error: OSError) -> None:
        """This address will not do: the next one, or the end."""
        self._drop()
        try:
            self._start(error)
        except OSError as last:
            self._done(refusal(last))

    def _start(self, error: OSError | None = None) -> None:
        """Try the addresses that are left, until one can be tried.  Raises the last OSError."""
        while self._left:
            try:
                self._next()
            except OSError as another:
                error = another
            else:
                return
        if error is not None:
            raise error

    def _next(self) -> None:
        """Try one address.  Raises OSError."""
        remote = self._left.pop(0)
        six = ":" in remote.host
        bound = next((each for each in self._local if (":" in each.host) is six), None)
        host = source(remote.host) if bound is None else bound.host
        wire = self._carrier.open(host, self._config, shared=True, arm=self._arm)
        try:
            port = self._config.local_port
            inside = wire.peers.inside(wire.place(remote.host, self._config.remote_udp_port), remote.port)
            self._path = Path(library(), wire, port, inside, Address(host, port), remote)
            self._sock = UserSocket(library(), self)
            self._sock.configure(self._config, self._limit)
            self._sock.bind(wire.end, self._path.port)
            self._sock.connect(wire.end, inside)
        except OSError:
            self._drop()
            raise
        finally:
            leave(wire)

    def _drop(self) -> None:
        if self._sock is not None:
            self._sock.close(abort=True)
        if self._path is not None:
            self._path.release()
        self._sock = self._path = None
