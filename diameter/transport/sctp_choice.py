"""Which SCTP carries an association, and what to do where there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from diameter.config import SctpConfig, SctpKind
from diameter.errors import ConfigError
from diameter.transport import pysctp, sctp_socket, usrsctp_library, usrsctp_wires
from diameter.transport.association import Association
from diameter.transport.link import Address
from diameter.transport.sctp_kernel import Arm
from diameter.transport.sctp_kernel_ends import KernelCarrier
from diameter.transport.usrsctp_ends import UserCarrier

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
        arm: Arm | None = None,
    ) -> Listening:
        """Take associations on these addresses, all of one port.  Raises OSError.

        `arm`: called with each socket of the system before it listens, and with each that is accepted.
        """

    def dial(
        self,
        remote: Sequence[Address],
        local: Sequence[Address],
        config: SctpConfig,
        *,
        message_limit: int,
        done: Callable[[Association | str], None],
        arm: Arm | None = None,
    ) -> Dialling:
        """Connect to a peer with these addresses; `done` gets the association or why there is none.  Raises OSError."""


class Choice(NamedTuple):
    """`kind` is never "auto"; `why`: one line for people."""

    kind: SctpKind
    why: str


def choose(
    wanted: SctpKind,
    kernel: Callable[[], str] = sctp_socket.available,
    user: Callable[[], str] = usrsctp_library.missing,
    raw: Callable[[], str] = usrsctp_wires.raw_refused,
) -> Choice:
    """What `wanted` means on this machine; `kernel`, `user` and `raw` tell why there is none, or "".

    Raises ConfigError that says what to do when it cannot be had.
    """
    as_asked = "" if wanted == "auto" else ", as configured"
    if wanted in ("auto", "kernel"):
        reason = kernel()
        if not reason:
            return Choice("kernel", f"SCTP of the kernel{as_asked or ', which has it'}")
        if wanted == "kernel":
            raise ConfigError(ADVICE.format(reason=reason))
    lack = user()
    if lack and wanted == "auto":
        raise ConfigError(f"{ADVICE.format(reason=reason)}; for that, {lack}")
    if lack:
        raise ConfigError(f'sctp = "{wanted}" cannot be had: {lack}')
    if wanted == "usrsctp-raw":
        refused = raw()
        if refused:
            raise ConfigError(f'sctp = "usrsctp-raw" needs the right to raw sockets (CAP_NET_RAW): {refused}')
        return Choice("usrsctp-raw", f"SCTP in user space, IP protocol 132{as_asked}")
    why = as_asked or f", because the kernel has no SCTP ({reason}); the peer must do the same (RFC 6951)"
    return Choice("usrsctp-udp", f"SCTP in user space, over UDP{why}")


def carrier_of(kind: SctpKind, reactor: Any) -> Carrier:
    """The implementation that a choice names; raises ConfigError when this machine has not got it."""
    if kind in ("usrsctp-udp", "usrsctp-raw"):
        try:
            return UserCarrier(reactor, kind)
        except (ImportError, OSError, RuntimeError) as error:
            raise ConfigError(f'sctp = "{kind}" cannot be had: {error}') from None
    return KernelCarrier(reactor, pysctp.setup())
