"""From configuration to links: everything that listens and dials for one node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.config import NodeTable, PeerConfig
from diameter.transport.link import Address, Link, LinkOwner

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class Links:
    """The listeners and dialled links of one node.

    Making one reads keys, certificates and revocation lists, so it raises ConfigError (file and key named) before any
    port is opened.  `reactor` is any reactor with TCP and time; nothing is imported from `twisted.internet.reactor`.
    """

    def __init__(self, reactor: object, node: NodeTable, owner: LinkOwner) -> None: ...

    @property
    def listening(self) -> tuple[tuple[str, Address], ...]:
        """(transport, address) of each open listener; the port is the real one also where 0 was configured."""
        return ()

    def listen(self) -> Deferred[None]:
        """Open every listener of the configuration.  Fails with ConfigError, e.g. for a port in use, with none left."""
        raise AssertionError

    def connect(self, peer: PeerConfig) -> Deferred[Link]:
        """Dial a peer, each of its addresses in order; cancelling the Deferred stops it.

        Fires with the link after `owner.link_up(link)` was called; `link.dialled` is the peer's host.  Fails with
        `ConnectFailed`, whose text is a reason for people.
        """
        raise AssertionError

    def reload(self) -> None:
        """Read keys, certificates and revocation lists again; links whose peer is no longer trusted are aborted.

        Raises ConfigError and keeps what was in force.
        """

    def stop(self) -> Deferred[None]:
        """Close every listener and stop every dialling; links that are up stay the owner's to close."""
        raise AssertionError
