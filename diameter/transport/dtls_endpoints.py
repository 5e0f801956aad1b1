"""From configuration to DTLS over SCTP: handshakes on associations, watched while they last."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from diameter.config import NodeTable, SctpConfig
from diameter.errors import ConfigError
from diameter.transport.association import Association
from diameter.transport.dtls import ProtectedAssociation
from diameter.transport.keys import TlsKeys
from diameter.transport.link import ConnectFailed


def demanding(config: SctpConfig) -> SctpConfig:
    """The options of an association that DTLS will protect: SCTP-AUTH is asked for."""
    return config if config.auth is not None else config.model_copy(update={"auth": "required"})


class Handshakes:
    """The DTLS handshakes of one node, as far as they are not done."""

    def __init__(self, reactor: Any, node: NodeTable, keys: TlsKeys | None) -> None:
        self._reactor = reactor
        self._node = node
        self._keys = keys
        self._accepting: set[ProtectedAssociation] = set()

    def take(self, node: NodeTable, keys: TlsKeys | None) -> None:
        """Use another configuration for handshakes to come."""
        self._node, self._keys = node, keys

    @property
    def keys(self) -> TlsKeys:
        """Keys and trust.  Raises ConfigError where there are none."""
        if self._keys is None:
            raise ConfigError('node.tls: missing, but a link has transport = "dtls"')
        return self._keys

    @property
    def accepting(self) -> int:
        """Associations that others made and that are not authenticated yet."""
        return len(self._accepting)

    def protect(self, association: Association, config: SctpConfig, *, server: bool) -> Deferred[ProtectedAssociation]:
        """Fires with the protected association when both ends are authenticated; fails with ConnectFailed.

        Cancelling gives up.  From then on the peer is checked anew whenever keys are read again.
        """
        keys = self.keys
        fires: Deferred[ProtectedAssociation] = Deferred(lambda _: association.abort())
        protector = keys.dtls.messages(server=server, label_with_nul=config.label_with_nul)

        def ready(done: ProtectedAssociation) -> None:
            self._accepting.discard(done)
            watched = _Watched(done, keys)
            keys.watch(watched)
            done.gone = lambda: keys.forget(watched)
            fires.callback(done)

        def refused(reason: str) -> None:
            self._accepting.discard(made)
            if not fires.called:
                fires.errback(ConnectFailed(reason))

        made = ProtectedAssociation(
            association, protector, self._reactor, ready=ready, refused=refused,
            need_auth=demanding(config).auth == "required", rekey_after_s=config.rekey_after_s,
        )  # fmt: skip
        if server:
            self._accepting.add(made)
        made.begin(self._node.handshake_timeout_s)
        return fires

    def too_many(self) -> str:
        """Why no further handshake may begin, "" when it may."""
        limit = self._node.limits.handshakes
        return f"more than {limit} connections without authentication" if self.accepting >= limit > 0 else ""


class _Watched:
    """An association whose peer must go on being trusted."""

    def __init__(self, association: ProtectedAssociation, keys: TlsKeys) -> None:
        self._association = association
        self._keys = keys

    def recheck(self) -> None:
        """End the association when its peer would be refused now."""
        self._association.recheck(self._keys.context)
