"""`mtc run sms-sc`: the SMS-SC as a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, Final

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from diameter.standing import Queue, Standing
from nfs.common.audit import AuditLog
from nfs.common.audited import open_audit
from nfs.common.charging.service import LIVE as CHARGING_LIVE
from nfs.common.charging.standing import Shown
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.common.standing import counted, standing
from nfs.sms_sc.bearers import DELIVERIES, Selector
from nfs.sms_sc.config import SmsScConfig
from nfs.sms_sc.delivery import Delivery
from nfs.sms_sc.home_router import HomeRouter, here
from nfs.sms_sc.logic import Policy, ServiceCentre
from nfs.sms_sc.marking import Marking
from nfs.sms_sc.mo_config import routes
from nfs.sms_sc.mo_sgd import MoSgd
from nfs.sms_sc.mo_sms import MoSms
from nfs.sms_sc.routed import Routed, RoutedS6c, RoutedSgd
from nfs.sms_sc.s6c import S6c
from nfs.sms_sc.sharing import Kept
from nfs.sms_sc.smpp.service import Tsms
from nfs.sms_sc.smpp.wiring import SmppPort, Told, smes_of
from nfs.sms_sc.ways import Ways

_log = Logger(namespace="nfs")
LIVE: Final = (
    "mo_sms",
    "sme",
    "mtc_iwf",
    *CHARGING_LIVE,
    "sms_sc.deliveries",
    "sms_sc.mo_sms_at_once",
    *(f"sms_sc.{each.name}" for each in fields(Policy) if each.name != "routed"),
)
"""What a reload takes over."""

SMPP: Final = ("mtc_smpp", "What became of PDUs of SMEs", "outcome")
"""Family of counters."""


def policy(config: SmsScConfig) -> Policy:
    """The numbers of the configuration as the logic takes them."""
    table = config.sms_sc
    return Policy(
        scs=frozenset(table.scs),
        capacity=table.capacity,
        default_validity_s=table.default_validity_s,
        max_validity_s=table.max_validity_s,
        retry_s=table.retry_s,
        keep_finished_s=table.keep_finished_s,
        absent_retry_s=table.absent_retry_s,
        memory_full_retry_s=table.memory_full_retry_s,
        routed=config.hss is not None,
    )


def reference_points(
    config: SmsScConfig,
    mo_sms: MoSms,
    alerted: Callable[[str | None, str | None], None],
    marking: Marking,
    audit: AuditLog,
    clock: Callable[[], float],
) -> tuple[MoSgd, S6c | None]:
    """SGd, and S6c where there is an HSS; with a home router both answer other networks too."""
    hss, table, number = config.hss, config.home_router, config.sms_sc.number
    reports, from_devices = config.sms_sc.submit_report, Marking(audit)
    if hss is None:
        return MoSgd(mo_sms, clock, reports=reports, marking=from_devices), None
    if table is None:
        sgd = MoSgd(mo_sms, clock, reports=reports, alerted=True, marking=from_devices)
        return sgd, S6c(number, alerted, realm=hss.realm, host=hss.host)
    node = here(config.node.origin_host, config.node.origin_realm, number)
    realms = frozenset(realm.lower() for realm in table.realms)
    router = HomeRouter(node, table.plmn, realms, clock=clock, valid_s=table.valid_s)
    routed_sgd = RoutedSgd(mo_sms, clock, reports=reports, alerted=True, marking=from_devices)
    routed_s6c = RoutedS6c(number, alerted, realm=hss.realm, host=hss.host)
    routed_sgd.routed = routed_s6c.routed = Routed(router, marking, audit)
    return routed_sgd, routed_s6c


def queues(centre: ServiceCentre, now: float) -> Iterator[Queue]:
    """What waits in this SMS-SC."""
    oldest = next(iter(centre.pending.values()), None)
    age_s = None if oldest is None else max(0.0, now - oldest.trigger.accepted_at)
    yield Queue("short messages to deliver", len(centre.pending), centre.policy.capacity, age_s)
    yield Queue("reports owed", len(centre.owed))


def stands(
    audit: AuditLog,
    centre: ServiceCentre,
    port: SmppPort | None,
    clock: Callable[[], float],
    charged: Shown,
    selector: Selector,
) -> Standing:
    """What this SMS-SC shows its operator."""
    return standing(
        audit,
        queues=lambda: (*queues(centre, clock()), *charged.queues()),
        alarms=charged.alarms,
        counts=lambda: (
            *(() if port is None else counted(*SMPP, port.tsms.counters)),
            *charged.counts(),
            *counted(*DELIVERIES, selector.counters),
        ),
    )


def say(line: str) -> None:
    """Write a line to the log."""
    _log.warn("{line}", line=line)


def build(config: SmsScConfig, around: Surroundings) -> Parts[SmsScConfig]:
    """The parts of the node; opens database and audit log (ConfigError when that fails)."""
    clock, audit = around.reactor.seconds, open_audit(config)
    kept, centre = Kept(config, around, say), ServiceCentre(policy(config))
    keep = kept.keep
    marking = Marking(audit, config.sms_sc.trigger_ports)
    mo_sms = kept.charged.devices(config)
    t4 = kept.charged.t4(centre, keep, clock)
    t4.iwf_hosts, t4.loading = config.mtc_iwf.hosts, True

    def alerted(imsi: str | None, msisdn: str | None) -> None:
        back = centre.alerted(imsi, msisdn, clock())
        if back is not None:
            delivery.attempt(back)

    sgd, s6c = reference_points(config, mo_sms, alerted, marking, audit, clock)
    port = None
    if s6c is not None and config.smpp is not None:
        tsms = Tsms(smes_of(config.sme), centre, keep, s6c, marking, audit, clock=clock, spawn=t4.spawn)
        port = SmppPort(tsms, config.smpp, config.node.tls, around.reactor)
    selector, told, call_later = Selector.of(sgd, config.sms_sc.bearers), Told(t4, port), around.reactor.callLater
    ways, at_once = Ways(sgd, s6c, selector), config.sms_sc.deliveries
    delivery = t4.delivery = Delivery(centre, keep, told, ways, clock=clock, call_later=call_later, at_once=at_once)
    delivery.repeat_s = (config.mtc_iwf.retry_s, config.mtc_iwf.retry_max_s)
    if port is not None:
        port.tsms.delivery = delivery

    async def take_up() -> None:
        await kept.take_up(centre, t4, delivery)
        if port is not None:
            parts.endpoints.append(port.listen())

    def stopping() -> Any:
        kept.stop()
        delivery.stop()
        return None if port is None else port.stop()

    def stopped() -> Any:
        return Deferred.fromCoroutine(kept.close()).addCallback(lambda _: audit.close())

    def reload(new: SmsScConfig) -> None:
        if port is not None:
            port.renew(new.sme)
        centre.policy = replace(policy(new), routed=s6c is not None)
        kept.charged.reload(new)
        delivery.at_once = new.sms_sc.deliveries
        mo_sms.routes, mo_sms.at_once = routes(new.mo_sms), new.sms_sc.mo_sms_at_once
        t4.iwf_hosts, delivery.repeat_s = new.mtc_iwf.hosts, (new.mtc_iwf.retry_s, new.mtc_iwf.retry_max_s)

    parts: Parts[SmsScConfig] = Parts(
        applications=(t4, sgd, *(() if s6c is None else (s6c,)), *kept.charged.applications),
        audit=audit.node_refused,
        standing=stands(audit, centre, port, clock, kept.charged.shown, selector),
        started=lambda _node: t4.spawn(take_up()),
        stopping=stopping,
        stopped=stopped,
        reload=reload,
        live=LIVE,
    )
    return parts


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("sms-sc", SmsScConfig, build, config_path, reactor, processes, alone="its store has one writer")
