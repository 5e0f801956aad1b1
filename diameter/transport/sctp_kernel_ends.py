"""Kernel SCTP on Twisted: listeners and attempts to connect as descriptors of a reactor."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from diameter.config import SctpConfig
from diameter.transport import sctp_socket
from diameter.transport.association import Association
from diameter.transport.link import Address
from diameter.transport.sctp_kernel import ROOM_S, Arm, Descriptor, KernelAssociation, words
from diameter.transport.sctp_socket import Setup


class KernelCarrier:
    """Kernel SCTP as `diameter.transport.sctp_choice.Carrier`."""

    def __init__(self, reactor: Any, setup: Setup) -> None:
        self._reactor = reactor
        self._setup = setup

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
    ) -> KernelPort:
        """A listening socket.  Raises OSError."""
        return KernelPort(
            self._reactor, addresses, config, setup=self._setup, message_limit=message_limit, backlog=backlog,
            accepted=accepted, trouble=trouble, arm=arm,
        )  # fmt: skip

    def dial(
        self,
        remote: Sequence[Address],
        local: Sequence[Address],
        config: SctpConfig,
        *,
        message_limit: int,
        done: Callable[[Association | str], None],
        arm: Arm | None = None,
    ) -> KernelDialling:
        """An attempt to connect.  Raises OSError."""
        return KernelDialling(
            self._reactor, remote, local, config, setup=self._setup, message_limit=message_limit, done=done, arm=arm
        )  # fmt: skip


class KernelPort(Descriptor):
    """A listening socket; `accepted` is called with each new association, `trouble` with what went wrong."""

    def __init__(
        self,
        reactor: Any,
        addresses: Sequence[Address],
        config: SctpConfig,
        *,
        setup: Setup,
        message_limit: int,
        backlog: int,
        accepted: Callable[[Association], None],
        trouble: Callable[[Address, str], None],
        arm: Arm | None = None,
    ) -> None:
        """Raises OSError: no SCTP, address in use, not ours."""
        super().__init__(reactor, sctp_socket.open_socket([each.host for each in addresses]))
        self._setup = setup
        self._limit = message_limit
        self._accepted = accepted
        self._trouble = trouble
        self._arm = arm
        self._later: IDelayedCall | None = None
        try:
            if arm is not None:
                arm(self.sock)
            setup.configure(self.sock, config, message_limit)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old associations may linger on the port
            setup.bind_listener(self.sock, addresses)
            self.sock.listen(backlog)
            port = self.sock.getsockname()[1]
            self.addresses = tuple(Address(each.host, port) for each in addresses)
        except OSError:
            self.sock.close()
            raise
        reactor.addReader(self)

    def doRead(self) -> None:
        """Take every association that waits, unless whoever is told of one closes this listener."""
        while self.sock.fileno() >= 0:
            try:
                sock, address = self.sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue
            except OSError as error:
                self.reactor.removeReader(self)
                self._later = self.reactor.callLater(ROOM_S, self.reactor.addReader, self)
                self._trouble(self.addresses[0], f"cannot accept: {words(error)}")
                return
            sock.setblocking(False)
            try:
                if self._arm is not None:
                    self._arm(sock)
                association = KernelAssociation(self.reactor, sock, self._setup, self._limit)
            except OSError as error:
                sock.close()
                self._trouble(Address(*address[:2]), f"gone at once: {words(error)}")
                continue
            self._accepted(association)

    def close(self) -> None:
        """Listen no more."""
        if self._later is not None and self._later.active():
            self._later.cancel()
        self.release()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor found the listener broken."""
        self.close()


class KernelDialling(Descriptor):
    """One attempt to connect; `done` is called with the association, or with why there is none."""

    def __init__(
        self,
        reactor: Any,
        remote: Sequence[Address],
        local: Sequence[Address],
        config: SctpConfig,
        *,
        setup: Setup,
        message_limit: int,
        done: Callable[[Association | str], None],
        arm: Arm | None = None,
    ) -> None:
        """`local`: empty for whatever the system takes.  Raises OSError for what cannot even be tried."""
        hosts = [each.host for each in (*remote, *local)]
        super().__init__(reactor, sctp_socket.open_socket(hosts))
        self._setup = setup
        self._limit = message_limit
        self._done = done
        self._wanted = next((each for each in remote if each.host == config.primary), None)
        try:
            if arm is not None:
                arm(self.sock)
            setup.configure(self.sock, config, message_limit)
            if local:
                setup.bind(self.sock, local)
            setup.connect(self.sock, remote)
        except OSError:
            self.sock.close()
            raise
        reactor.addWriter(self)

    def doWrite(self) -> None:
        """Connected, or refused."""
        number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._fail(os.strerror(number))
            return
        self.reactor.removeWriter(self)
        try:
            association = KernelAssociation(self.reactor, self.sock, self._setup, self._limit)
            if self._wanted is not None:
                self._setup.set_primary(self.sock, self._wanted)
        except OSError as error:
            self._fail(words(error))
            return
        self._done(association)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor found an error: that of the socket says which."""
        number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if self.sock.fileno() >= 0 else 0
        self._fail(os.strerror(number) if number else "refused")

    def cancel(self) -> None:
        """Give up; `done` is not called."""
        self.release(abort=True)

    def _fail(self, reason: str) -> None:
        if self.sock.fileno() >= 0:
            self.release()
            self._done(reason[:1].lower() + reason[1:])
