"""The public interface to whatever makes IPsec: strongSwan over VICI, keys set by hand, or a daemon of somebody else's.

A hook is a class (or any callable of one argument, the reactor) under the entry point group `mtc_diameter.ipsec`; its
name there is what `hook = "..."` in a configuration says.  A link asks it for the protection of one `Flow`; the hook
answers by calling `Guarded.up` with what was verified, or `Guarded.failed`, and goes on telling what becomes of it:

    protect() --> up --> rekeyed, rekeyed ...                a security association was replaced without a gap
             |     `--> down --> rekeyed (back in time) or nothing: whoever asked releases after `sa_grace`
             `--> failed                                     last call

All calls come from the reactor, never from inside `protect` or `listen`, and never after `release`.  A hook counts no
grace: it says at once when no installed security association covers the flow, and at once when one does again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, cast

from twisted.internet.defer import Deferred

from diameter.config import IpsecConfig
from diameter.errors import ConfigError
from diameter.security.link import LinkSecurity

__all__ = ["GROUP", "Flow", "Guarded", "Hook", "Protection", "hook_named", "known_hooks"]

GROUP: Final = "mtc_diameter.ipsec"
OURS: Final[Mapping[str, str]] = MappingProxyType(
    {"vici": "diameter.transport.ipsec.vici:Vici", "xfrm": "diameter.transport.ipsec.xfrm:Xfrm"}
)
"""The hooks of this program, as pyproject.toml registers them; they are there without an installation, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The traffic to be protected: of one link, or of every link of a listener.

    `peer`: `PeerConfig.host`, "" where the peer is not known yet.  `identity`: what the other end must prove, "" for
    whoever the trust anchors vouch for.  `local_identity`: what we prove.  `local`, `remote`: IP addresses without
    port, several for a multihomed association; `remote` empty: anybody (a listener).  Ports: 0 is any.  `protocol`: of
    the packets that IPsec carries, "udp" where SCTP goes over UDP.  `dialled`: bring it up; otherwise the other end
    does, and for an accepted link it has to be up already.  `rsa_bits`, `ec_bits`: shortest keys of the certificates
    that the other end may prove it with.
    """

    peer: str
    identity: str
    local_identity: str
    local: tuple[str, ...]
    remote: tuple[str, ...]
    protocol: Literal["tcp", "sctp", "udp"]
    local_port: int
    remote_port: int
    dialled: bool
    options: IpsecConfig
    rsa_bits: int = 2048
    ec_bits: int = 256


class Guarded(Protocol):
    """Whoever asked for the protection of one flow."""

    def up(self, security: LinkSecurity, /) -> None:
        """An installed security association covers the flow in both directions, and the other end is who it must be.

        `security`: mechanism "ipsec", version "IKEv2" or "manual", cipher and group as agreed, `peer_names`: the
        identity proved, lower case; key type and bits of the certificate where they are known.
        """

    def rekeyed(self, security: LinkSecurity, /) -> None:
        """The security associations are others now, or are there again after `down`."""

    def down(self, reason: str, /) -> None:
        """No installed security association covers the flow any more."""

    def failed(self, reason: str, /) -> None:
        """Instead of `up`: there will be no protection; the reason is for an operator."""


class Protection(Protocol):
    """What `listen` and `protect` leave behind."""

    def release(self) -> None:
        """It is needed no longer; take down what was made for it and for nothing else.  Again: does nothing."""


class Hook(Protocol):
    """Makes IPsec for the links of one node."""

    @property
    def reqid(self) -> int:
        """Request number of all its security associations; 0 where each has its own."""

    def check(self, options: IpsecConfig, /) -> None:
        """Can it work here at all?  Before anything starts.  Raises ConfigError: `key: what is wrong`, or a line."""

    def listen(self, flow: Flow, /) -> Protection:
        """Be ready for others that bring protection up for a listener of ours.  Raises ConfigError, OSError."""

    def protect(self, flow: Flow, owner: Guarded, /) -> Protection:
        """Bring protection up (`flow.dialled`) or find it, verify it, follow it.  Never raises."""

    def stop(self) -> Deferred[None]:
        """The node has stopped: every protection is released already.  Fires when nothing of ours is left there."""


def known_hooks() -> tuple[str, ...]:
    """The names that a configuration may say."""
    return tuple(sorted({*OURS, *(each.name for each in entry_points(group=GROUP))}))


def hook_named(name: str) -> Callable[[Any], Hook]:
    """What makes a hook, given the reactor.  Raises ConfigError for an unknown name, or one that cannot be loaded."""
    place = OURS.get(name)
    try:
        if place is not None:
            module, _, attribute = place.partition(":")
            return cast(Callable[[Any], Hook], getattr(import_module(module), attribute))
        for each in entry_points(group=GROUP, name=name):
            return cast(Callable[[Any], Hook], each.load())
    except (ImportError, AttributeError) as error:
        raise ConfigError(f'hook = "{name}" cannot be loaded: {error}') from None
    raise ConfigError(f'no IPsec hook "{name}" (known: {", ".join(known_hooks())})')
