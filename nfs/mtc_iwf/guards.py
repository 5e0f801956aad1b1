"""The MTC Security GW as it is embedded in an MTC-IWF: the screen, and what stands before the HSS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import SystemRandom

from diameter import Dictionary
from diameter.app import Screen
from diameter.routing.table import Route
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.function import Surroundings
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_iwf.guarded import GuardedHss
from nfs.mtc_iwf.holding import Holding
from nfs.mtc_iwf.ports import Found, Hss
from nfs.mtc_iwf.spreader import Spreader
from nfs.mtc_sgw import behind
from nfs.mtc_sgw.associations import Associations
from nfs.mtc_sgw.bounds import Bounds
from nfs.mtc_sgw.config import GatewayTable
from nfs.mtc_sgw.firewall.screen import Firewall, of_config, outside
from nfs.mtc_sgw.gateway import CHECKS, Gateway
from nfs.mtc_sgw.known import Known
from nfs.mtc_sgw.logic import Check, Refuse, plain
from nfs.mtc_sgw.order import FIRST, pipeline
from nfs.mtc_sgw.scs_tables import profiles
from nfs.mtc_sgw.spreading import Spreading
from nfs.mtc_sgw.unwanted import Unwanted


def core_hosts(config: IwfConfig) -> frozenset[str]:
    """Peers that speak S6m and T4 with us: those inside the operator's domain that are no SCS and bring none."""
    outside = {host.lower() for table in config.scs for host in (*table.hosts, *table.agents)}
    outside |= {host.lower() for host in config.sgw.gateways}
    return frozenset(peer.host.lower() for peer in config.peer if peer.placement == "inside") - outside


def _checks(table: GatewayTable, bounds: Bounds) -> tuple[tuple[str, Check], ...]:
    """The pipeline; behind a gateway that is a process of its own, only that may bring requests."""
    own = dict((*CHECKS, *bounds.checks))
    if table.gateways:
        own[FIRST] = behind.only(plain(host) for host in table.gateways)
    return pipeline(table.order, tuple(own.items()))


def ways_out(config: IwfConfig, dictionary: Dictionary) -> tuple[Route, ...]:
    """The ways to the realms of SCSs that lie behind gateways: those that these may bring requests from."""
    gateways = {plain(host) for host in config.sgw.gateways}
    hosts: dict[str, list[str]] = {}
    for peer in config.peer:
        if plain(peer.host) in gateways:
            for realm in peer.agent_realms:
                hosts.setdefault(realm.lower(), []).append(peer.host)
    tsp = dictionary.application("Tsp").id
    return tuple(Route(realm=realm, hosts=tuple(each), application=tsp) for realm, each in hosts.items())


class Local:
    """The local store of associations, if there is one.  Raises ConfigError for a file that cannot be used."""

    def __init__(self, table: GatewayTable, audit: AuditLog) -> None:
        self.pairs: Associations | None = None
        self._audit = audit
        self.load(table)

    def load(self, table: GatewayTable) -> None:
        """Read the file again.  Raises ConfigError, and then what was read before stays."""
        self.pairs = None if table.associations is None else Associations.read(table.associations)

    def differs(self, device: str, scs: str, code: int) -> None:
        """Write down that the HSS does not know a pair of ours, with an alarm: one of the two is wrong."""
        self._audit.refuse(
            Refusal(
                check="association-differs",
                stage=Stage.AUTHORISATION,
                area=Area.CORE,
                peer="",
                target=device,
                profile=scs,
                reason=f"the local store has the pair, and the HSS refused with {code}",
                alarm=True,
            )
        )


@dataclass(frozen=True, slots=True)
class Guards:
    """Everything that refuses, with what it remembers."""

    gateway: Gateway
    bounds: Bounds
    known: Known[Found]
    unwanted: Unwanted
    holding: Holding
    spreader: Spreader
    local: Local
    wall: Firewall | None

    @classmethod
    def of(cls, config: IwfConfig, audit: AuditLog, around: Surroundings) -> Guards:
        """As a configuration has them.  Raises ConfigError."""
        table, bounds, reactor = config.sgw, Bounds.of(config.sgw), around.reactor
        gateway = Gateway(
            profiles(config.scs),
            audit,
            core=core_hosts(config),
            home_plmns=frozenset(table.home_plmns),
            fifteen_digits=table.fifteen_digit_local_ids,
            checks=_checks(table, bounds),
            clock=reactor.seconds,
            identity=(config.node.origin_host, config.node.origin_realm),
            never_outside=table.never_outside,
        )
        return cls(
            gateway,
            bounds,
            Known(table.known(), remembered=table.remembered),
            Unwanted(table.wishes(), remembered=table.remembered),
            Holding(reactor, delay_s=table.hide_delay_s, at_most=table.held_answers),
            Spreader(reactor, Spreading(table.spreading(), SystemRandom().random)),
            Local(table, audit),
            of_config(config, config.firewall, around, audit, elsewhere=("Tsp",)),
        )

    @property
    def screens(self) -> tuple[Screen, ...]:
        """What stands before the applications: the gateway, and the firewall on all but Tsp where there is one."""
        return (self.gateway,) if self.wall is None else (self.gateway, self.wall)

    def stop(self) -> None:
        """Let everything go that is held."""
        self.holding.stop()
        self.spreader.stop()

    def checks(self, name: str) -> bool:
        """Whether a check is in the pipeline."""
        return any(name == each for each, _ in self.gateway.checks)

    def in_front_of(self, hss: Hss) -> GuardedHss:
        """The HSS as the procedures may ask it."""
        clock, local = (lambda: self.holding.now), self.local
        return GuardedHss(hss, self.known, clock, self.unwanted, local=lambda: local.pairs, differs=local.differs)

    def unwanted_now(self, names: Iterable[str], imsi: str, unnamed: bool = False) -> Refuse | None:
        """What the owner of a device has against a trigger at this moment; counts it otherwise."""
        return self.unwanted.check(names, imsi, self.holding.now, unnamed=unnamed)

    def reload(self, config: IwfConfig) -> None:
        """Go by another configuration from now on; what was counted stays, what the HSS said is asked again.

        Raises ConfigError, and then nothing has changed.
        """
        table, gateway = config.sgw, self.gateway
        checks = _checks(table, self.bounds)
        self.local.load(table)
        if self.wall is not None and config.firewall is not None:
            self.wall.load(config.firewall, outside(config))
        self.spreader.spreading.limits = table.spreading()
        gateway.checks = checks
        gateway.profiles = profiles(config.scs)
        gateway.home_plmns = frozenset(table.home_plmns)
        gateway.fifteen_digits = table.fifteen_digit_local_ids
        gateway.keep_inside(table.never_outside)
        self.bounds.reload(table)
        self.unwanted.wishes = table.wishes()
        self.known.limits = table.known()
        self.known.clear()
        self.holding.delay_s, self.holding.at_most = table.hide_delay_s, table.held_answers
