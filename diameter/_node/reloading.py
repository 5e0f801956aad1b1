"""A new configuration for a running node: what stayed the same is not touched.

A peer that is gone is told DO_NOT_WANT_TO_TALK_TO_YOU, one whose links must be other links is told REBOOTING and comes
back as it is written now; what concerns only how it is used (`SOFT`) takes its place without the link noticing.
Everything is checked before anything is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from diameter._node.core import NONE, Core
from diameter._node.manners import habits_of
from diameter._node.settings import Settings, differing
from diameter.config import NodeConfig, PeerConfig
from diameter.errors import ConfigError, DictionaryError
from diameter.message import Dictionary
from diameter.peer.inputs import DisconnectCause
from diameter.routing.table import RoutingTable
from diameter.trace import Point
from diameter.transport.link import Address

if TYPE_CHECKING:
    from diameter._node.peering import Peering
    from diameter._node.serving import Serving

LOOK_S: Final = 0.02
"""Seconds between looks at whether the link of a peer that comes back has ended."""
SOFT: Final = frozenset({"weight", "applications", "agent", "agent_realms", "realms", "answers_of_others"})
"""Keys of a `[[peer]]` that may change while its link stays."""


class Listening(Protocol):
    """Who listens (`diameter.transport.endpoints.Links`)."""

    @property
    def listening(self) -> tuple[tuple[str, Address], ...]: ...

    def reload(self, node: NodeConfig, /) -> tuple[str, ...]:
        """Read keys again, open and close listeners, or raise ConfigError; the keys that need another start."""


class Reloading:
    """Brings the peers of one node in line with a configuration."""

    def __init__(
        self,
        core: Core,
        peering: Peering,
        serving: Serving,
        settings: Settings,
        links: Listening,
        tables: Callable[[NodeConfig], RoutingTable],
        wake: Callable[[Callable[[], None]], None],
    ) -> None:
        """`tables`: the routes of a configuration."""
        self._core = core
        self._peering = peering
        self._serving = serving
        self._settings = settings
        self._links = links
        self._tables = tables
        self._wake = wake
        self._returning: dict[str, PeerConfig] = {}
        peering.forgotten.append(self._forgotten)

    def take(self, config: NodeConfig) -> NodeConfig:
        """Make `config` ours, and read keys again; return what is in force now.

        What only another start can change stays, and is said.  Raises ConfigError, with nothing changed.
        """
        wanted = {row.host.lower(): row for row in config.peer if not row.discover}
        check(config.peer, self._core.dictionary)
        rules, (config_now, stuck) = self._settings.check(config), self._settings.in_force(config)
        table = self._tables(config_now)
        stuck += self._relisten(config)
        if config is not self._core.config:

            def taken() -> None:
                self._settings.take(config_now, rules, stuck)
                self._take(wanted, table)
                self._peering.finding.reload([row for row in config.peer if row.discover])

            self._wake(taken)
        return self._core.config

    def _relisten(self, config: NodeConfig) -> tuple[str, ...]:
        """Keys and listeners as `config` has them; says which listeners came and went."""
        before = set(self._links.listening)
        stuck = self._links.reload(config)
        now = set(self._links.listening)
        for point, ends in ((Point.LISTENING, now - before), (Point.LISTENING_ENDED, before - now)):
            for transport, address in sorted(ends, key=str):
                self._core.say(point, transport=transport, remote=str(address))
        return stuck

    def _take(self, wanted: dict[str, PeerConfig], table: RoutingTable) -> None:
        peering, core = self._peering, self._core
        known = {key: row for key, row in peering.configs.items() if self._static(key)}
        for key in [key for key in known if key not in wanted]:  # in the order of the file, not of a set
            core.say(Point.PEER_REMOVED, peer=known[key].host)
            self._leave(key, DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU)
        for key in list(self._returning.keys() - wanted.keys()):
            del self._returning[key]
        for key, row in wanted.items():
            before = known.get(key)
            if before is None:
                core.say(Point.PEER_ADDED, peer=row.host)
                self._come(key, row)
            elif before != row:
                core.say(Point.PEER_CHANGED, peer=row.host, reason=", ".join(sorted(differing(before, row))))
                self._change(key, before, row)
        core.table.reroute(table)

    def _static(self, key: str) -> bool:
        entry = self._core.table.find(key)
        return entry is not None and entry.static

    def _change(self, key: str, before: PeerConfig, row: PeerConfig) -> None:
        if differing(before, row) <= SOFT:
            self._adapt(key, row)
        else:
            self._returning[key] = row
            self._leave(key, DisconnectCause.REBOOTING)

    def _adapt(self, key: str, row: PeerConfig) -> None:
        """Use the peer otherwise from now on; nothing that was found out about its requests counts any more."""
        peering, core, agent = self._peering, self._core, self._serving.agent
        peering.configs[key] = row
        peer, entry = peering.peers[key], core.table.find(key)
        assert entry is not None
        entry.weight = row.weight
        for line in tuple(peering.lines_of(peer)):
            line.allowed = None
            peering.join(line, peer, row)
            line.known = NONE
            if agent is not None:
                agent.reconsider(line)
        core.table.changed()

    def _come(self, key: str, row: PeerConfig) -> None:
        """Add a peer; one that is still leaving comes when it has left."""
        peering = self._peering
        if key in peering.peers:
            self._returning[key] = row
            self._leave(key, DisconnectCause.REBOOTING)
            return
        peer = peering.add(row)
        peer.start(self._core.now)
        peering.pump(peer)

    def _leave(self, key: str, cause: DisconnectCause) -> None:
        """Disconnect from a peer; the tables forget it with its last link."""
        peering, core = self._peering, self._core
        peer, entry = peering.peers[key], core.table.find(key)
        assert entry is not None
        peering.configs.pop(key, None)
        peering.kept.discard(key)
        entry.static = False
        peer.stop(core.now, cause)
        peering.pump(peer)
        peering.forget(peer)

    def _forgotten(self, key: str) -> None:
        """The last link of a peer has ended.  It comes back in a wake-up of its own, since this one ends the link."""
        row = self._returning.get(key)
        if row is not None:
            self._peering.arm(("returning", key), self._core.now, partial(self._return, key, row))

    def _return(self, key: str, row: PeerConfig) -> None:
        core = self._core
        if self._returning.get(key) is not row or core.draining:
            return
        if any(line.config is not None and line.config.host.lower() == key for line in core.lines.values()):
            self._peering.arm(("returning", key), core.now + LOOK_S, partial(self._return, key, row))
            return  # its link is closing: the other end would not take a second one
        del self._returning[key]
        self._come(key, row)


def check(rows: Iterable[PeerConfig], dictionary: Dictionary) -> None:
    """Raise ConfigError for rows that name an application nobody knows."""
    wrong = []
    for row in rows:
        habits_of(row, dictionary)
        for name in row.applications:
            try:
                dictionary.application(name)
            except DictionaryError as error:
                wrong.append(f"peer {row.host}: applications: {error}")
    if wrong:
        raise ConfigError(*wrong)
