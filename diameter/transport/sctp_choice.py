"""Which SCTP carries an association, and what to do where there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from diameter.config import SctpConfig, SctpKind
from diameter.errors import ConfigError
from diameter.transport import pysctp, sctp_socket
from diameter.transport.association import Association
from diameter.transport.link import Address
from diameter.transport.sctp_kernel_ends import KernelCarrier

ADVICE: Final = (
    "the kernel has no SCTP ({reason}): load its module (modprobe sctp), or have the host of this container load it "
    "and let the container make SCTP sockets, or use SCTP over UDP in user space "
    '(sctp = "usrsctp-udp"; the peer must do the same, RFC 6951)'
)


class Listening(Protocol):
    """An open listener; `addresses`: all of them, with the real port."""

    addresses: tuple[Address, ...]

    def close(self) -> None:
        """Take no more associations; those that are up stay."""


class Dialling(Protocol):
    """An attempt to connect."""

    def cancel(self) -> None:
        """Give up; nobody is told."""


class Carrier(Protocol):
    """One implementation of SCTP."""

    def listen(
        self,
        addresses: Sequence[Address],
        config: SctpConfig,
        *,
        message_limit: int,
        backlog: int,
        accepted: Callable[[Association], None],
        trouble: Callable[[Address, str], None],
    ) -> Listening:
        """Take associations on these addresses, all of one port.  Raises OSError."""

    def dial(
        self,
        remote: Sequence[Address],
        local: Sequence[Address],
        config: SctpConfig,
        *,
        message_limit: int,
        done: Callable[[Association | str], None],
    ) -> Dialling:
        """Connect to a peer with these addresses; `done` gets the association or why there is none.  Raises OSError."""


class Choice(NamedTuple):
    """`kind` is never "auto"; `why`: one line for people."""

    kind: SctpKind
    why: str


def choose(wanted: SctpKind, kernel: Callable[[], str] = sctp_socket.available) -> Choice:
    """What `wanted` means on this machine.  Raises ConfigError that says what to do when it cannot be had."""
    if wanted not in ("auto", "kernel"):
        raise ConfigError(f'sctp = "{wanted}" is not available in this version')
    reason = kernel()
    if reason:
        raise ConfigError(ADVICE.format(reason=reason))
    return Choice("kernel", "SCTP of the kernel" + (", which has it" if wanted == "auto" else ", as configured"))


def carrier_of(kind: SctpKind, reactor: Any) -> Carrier:
    """The implementation that a choice names; raises ConfigError when this machine has not got it."""
    return KernelCarrier(reactor, pysctp.setup())
