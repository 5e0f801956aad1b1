"""Joins a scenario to the parts of an MME."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from diameter.errors import ConfigError
from nfs.mme.acts import Alerts, Doing
from nfs.mme.config import MmeConfig
from nfs.mme.logic import Mme, Population
from nfs.mme.membership import Desk
from nfs.mme.mobility import Outcome
from nfs.mme.s6a import S6a
from nfs.mme.scenario.agenda import Clock
from nfs.mme.scenario.engine import Engine
from nfs.mme.scenario.model import Scenario, order, read
from nfs.mme.sgd import Sgd

REGISTERING = frozenset({"attach", "move", "detach", "join"})


def scenario_of(config: MmeConfig) -> Scenario | None:
    """The scenario that the configuration names.  Raises ConfigError, also for what the MME's own file lacks for it."""
    if config.mme.scenario is None:
        return None
    scenario = read(config.mme.scenario)
    wrong = [f"{config.mme.scenario}: {line}" for line in _lacking(scenario, config)]
    if wrong:
        raise ConfigError(*wrong)
    return scenario


def _lacking(scenario: Scenario, config: MmeConfig) -> Iterator[str]:
    registered = config.hss is not None and config.mme.cards is not None
    if not registered:
        text = "[hss] and mme.cards of the MME's file say where and with which keys"
        yield from (
            f"population.{at}.attach: {text}" for at, each in enumerate(scenario.population) if each.attach is not None
        )
        yield from (f"event.{at}.do: {text}" for at, each in enumerate(scenario.event) if each.do in REGISTERING)
    if config.sms_sc is None:
        text = "[sms_sc] of the MME's file says where to"
        yield from (f"event.{at}.do: {text}" for at, each in enumerate(scenario.event) if each.do == "send")


def populations_of(scenario: Scenario | None) -> list[Population]:
    """Its UEs as the MME has them; how they behave the scenario says."""
    tables = () if scenario is None else scenario.population
    return [Population(first_imsi=each.first_imsi, count=each.count, report=each.report) for each in tables]


class Playing:
    """A scenario in an MME.  `alerts` is an application for the node."""

    def __init__(
        self,
        scenario: Scenario,
        config: MmeConfig,
        parts: tuple[Mme, S6a, Sgd],
        clock: Clock,
        desk: Desk | None = None,
    ) -> None:
        mme, s6a, sgd = parts
        self.alerts = Alerts()
        self.engine = Engine(
            scenario,
            Doing(s6a, self.alerts, sgd.sender, desk),
            clock,
            own=config.node.origin_host,
            tac=config.mme.tac,
            window=config.mme.window,
        )
        mme.field = self.engine
        s6a.ues.awaited = self.engine.awaited
        s6a.ues.tac = self.engine.tac
        told = s6a.ues.told

        def tell(outcome: Outcome) -> None:
            told(outcome)
            if outcome.event == "cancelled":
                self.engine.cancelled(outcome.imsi)

        s6a.ues.told = tell

    def steer(self, body: bytes | None) -> dict[str, Any]:
        """The operator's page; with a body an event happens that is not in the file.  Raises ConfigError."""
        if body is None:
            return self.engine.page()
        try:
            form = json.loads(body)
        except (ValueError, RecursionError):
            raise ConfigError("order: not JSON") from None
        return {"ues": self.engine.give(order(form, self.engine.scenario))}
