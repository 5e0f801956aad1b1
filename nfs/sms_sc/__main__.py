"""`mtc run sms-sc`: the SMS-SC as a process."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from twisted.internet import reactor

from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.sms_sc.config import SmsScConfig
from nfs.sms_sc.delivery import Delivery
from nfs.sms_sc.keep import MIGRATIONS, Keep
from nfs.sms_sc.logic import Policy, ServiceCentre
from nfs.sms_sc.s6c import S6c
from nfs.sms_sc.sgd import Sgd
from nfs.sms_sc.t4 import T4
from nfs.sms_sc.ways import Ways

if TYPE_CHECKING:
    from diameter.node import Node


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


def build(config: SmsScConfig, around: Surroundings) -> Parts[SmsScConfig]:
    """The parts of the node; opens the database (ConfigError when that fails)."""
    clock = around.reactor.seconds
    store = around.open_store(config.sms_sc.database, migrations=MIGRATIONS, name="sms-sc")
    keep, centre = Keep(store), ServiceCentre(policy(config))
    sgd = Sgd(config.sms_sc.number, alerted=config.hss is not None)
    t4 = T4(centre, keep, clock)
    t4.iwf_hosts = config.mtc_iwf.hosts

    def alerted(imsi: str | None, msisdn: str | None) -> None:
        back = centre.alerted(imsi, msisdn, clock())
        if back is not None:
            delivery.attempt(back)

    hss, number = config.hss, config.sms_sc.number
    s6c = None if hss is None else S6c(number, alerted, realm=hss.realm, host=hss.host)
    ways = Ways(sgd, s6c)
    delivery = t4.delivery = Delivery(centre, keep, t4, ways, clock=clock, call_later=around.reactor.callLater)

    async def take_up() -> None:
        centre.restore(await keep.load())
        delivery.resume()

    def started(_node: Node) -> object:
        return t4.spawn(take_up())

    def reload(new: SmsScConfig) -> None:
        centre.policy = replace(policy(new), routed=s6c is not None)
        t4.iwf_hosts = new.mtc_iwf.hosts

    return Parts(
        applications=(t4, sgd) if s6c is None else (t4, sgd, s6c),
        started=started,
        stopping=delivery.stop,
        stopped=store.close,
        reload=reload,
        live=["mtc_iwf", *(f"sms_sc.{field.name}" for field in fields(Policy) if field.name != "routed")],
    )


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("sms-sc", SmsScConfig, build, config_path, reactor, processes, alone="its store has one writer")
