"""The scenario file: populations of UEs, and events (see docs/ues.md)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, load, validate
from diameter.config.base import Identity, Table
from nfs.common import identities
from nfs.common.imsi_group import group_text
from nfs.mme.mo_config import Destination

Do = Literal[
    "attach", "detach", "tau", "move", "sleep", "wake", "send", "join",
    "normal", "absent", "no-paging", "busy", "memory-full", "silent", "barred", "illegal-equipment", "no-sms",
    "protocol-error",
]  # fmt: skip
On = Literal["attached", "cancelled", "delivered", "missed"]
PROCEDURES: Final = frozenset({"attach", "detach", "tau", "move", "sleep", "wake", "send", "join"})
MOST_S: Final = 31_536_000.0


class Spread(Table):
    """A time that differs from UE to UE; a bare number is the same for all."""

    fixed: float | None = Field(default=None, ge=0, le=MOST_S, description="the same for all, seconds")
    uniform: tuple[float, float] | None = Field(default=None, strict=False, description="from, to")
    exponential: float | None = Field(default=None, gt=0, le=MOST_S, description="its mean")
    normal: tuple[float, float] | None = Field(
        default=None, strict=False, description="mean and deviation; nothing is below 0"
    )

    @model_validator(mode="before")
    @classmethod
    def _number(cls, given: Any) -> Any:
        return {"fixed": given} if isinstance(given, int | float) and not isinstance(given, bool) else given

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(value is not None for value in (self.fixed, self.uniform, self.exponential, self.normal)) != 1:
            raise ValueError("a number, or one of uniform, exponential and normal")
        if self.uniform is not None and not 0 <= self.uniform[0] <= self.uniform[1] <= MOST_S:
            raise ValueError("uniform: from and to, in order")
        if self.normal is not None and not (0 <= self.normal[0] <= MOST_S and 0 < self.normal[1] <= MOST_S):
            raise ValueError("normal: mean and deviation, the latter above 0")
        return self

    def draw(self, chance: float) -> float:
        """Seconds, for a number of [0, 1)."""
        if self.uniform is not None:
            low, high = self.uniform
            return low + (high - low) * chance
        if self.exponential is not None:
            return -math.log1p(-chance) * self.exponential
        if self.normal is not None:
            return max(0.0, NormalDist(*self.normal).inv_cdf(chance or 1e-12))
        return self.fixed or 0.0


NO_TIME: Final = Spread(fixed=0.0)


class PowerTable(Table):
    """`power` of a population: UEs that are reached only now and then."""

    mode: Literal["psm", "edrx"] = Field(description="power saving mode, or extended discontinuous reception")
    cycle_s: float = Field(ge=0.1, le=MOST_S, description="periodic TAU timer, or the eDRX cycle")
    awake_s: float = Field(gt=0, le=MOST_S, description="active time, or the paging time window")

    @model_validator(mode="after")
    def _awake_for_less(self) -> Self:
        if self.awake_s >= self.cycle_s:
            raise ValueError("awake_s: less than cycle_s expected")
        return self


class PopulationTable(Table):
    """One `[[population]]` table: UEs with consecutive IMSIs that are alike."""

    name: str = Field(min_length=1, max_length=60, description="for events")
    first_imsi: Annotated[str, AfterValidator(identities.imsi)] = Field(
        description="IMSI of the first; the others follow"
    )
    count: int = Field(default=1, ge=1, le=1_000_000, description="how many")
    mme: Identity | None = Field(default=None, description="Origin-Host of the MME where they begin; none: this one")
    tacs: tuple[Annotated[int, Field(ge=0, le=0xFFFF)], ...] = Field(
        default=(), strict=False, description="tracking areas, one of which is that of a UE; none: the MME's"
    )
    attach: Spread | None = Field(default=None, description="when they attach; none: they are there without")
    report: bool = Field(default=True, description="acknowledge short messages with an SMS-DELIVER-REPORT")
    power: PowerTable | None = Field(default=None, description="how they save power")

    @model_validator(mode="after")
    def _imsis_keep_their_length(self) -> Self:
        if int(self.first_imsi) + self.count > 10 ** len(self.first_imsi):
            raise ValueError("so many UEs leave the length of first_imsi")
        return self


class EventTable(Table):
    """One `[[event]]` table: what some UEs do, at a time or when something has happened to them."""

    do: Do = Field(description="a procedure (from attach to join), or how they meet messages")
    at_s: float | None = Field(default=None, ge=0, le=MOST_S, description="seconds after the start")
    on: On | None = Field(default=None, description="what has to happen to a UE, instead of a time")
    spread: Spread = Field(default=NO_TIME, description="how much later, UE by UE")
    every_s: float | None = Field(default=None, ge=0.1, le=MOST_S, description="again after so long")
    times: int | None = Field(default=None, ge=1, description="how often in all; without end when not given")
    for_s: float | None = Field(default=None, gt=0, le=MOST_S, description="then they are as before: normal, or awake")
    population: str | None = Field(default=None, description="whose UEs; none: all")
    share: float = Field(default=1.0, gt=0, le=1, description="which part of them, chosen by the seed")
    tac: int | None = Field(default=None, ge=0, le=0xFFFF, description="tau, move: into this tracking area")
    mme: Identity | None = Field(default=None, description="move: to this MME, by Origin-Host")
    to: Destination | None = Field(default=None, description="send: number of the SCS, or its short code")
    payload: str = Field(default="", max_length=1000, description="send: what it says")
    port: int | None = Field(default=None, ge=0, le=0xFFFF, description="send: application port")
    report: bool = Field(default=True, description="send: ask for an SMS-STATUS-REPORT")
    group: Annotated[str, AfterValidator(group_text)] | None = Field(
        default=None, description="join: IMSI-Group Identifier of the group that the UE says it is a member of"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        wrong = list(self._complaints())
        if wrong:
            raise Complaints(wrong)
        return self

    def _complaints(self) -> Iterator[tuple[str, str]]:
        if self.at_s is None and self.on is None:
            yield "at_s", "missing: at_s or on says when"
        if self.at_s is not None and self.on is not None:
            yield "on", "either at_s or on"
        if self.every_s is not None and self.on is not None:
            yield "every_s", "belongs to at_s"
        if self.times is not None and self.every_s is None:
            yield "times", "belongs to every_s"
        if self.for_s is not None and (self.do in PROCEDURES - {"sleep"} or self.do == "normal"):
            yield "for_s", f"belongs to sleep and to how messages are met, not to {self.do}"
        if (self.mme is not None) != (self.do == "move"):
            yield "mme", "move goes to an MME, and nothing else does"
        if self.tac is not None and self.do not in ("tau", "move"):
            yield "tac", "belongs to tau and move"
        if (self.to is not None) != (self.do == "send"):
            yield "to", "send has it, and nothing else"
        if (self.group is not None) != (self.do == "join"):
            yield "group", "join has it, and nothing else"


class Scenario(Table):
    """The whole file."""

    schema_: Literal[1] = Field(alias="schema", description="of this form of the file")
    seed: int = Field(default=0, ge=0, lt=1 << 63, description="what chance is made of")
    population: tuple[PopulationTable, ...] = Field(default=(), strict=False, description="UEs")
    event: tuple[EventTable, ...] = Field(default=(), strict=False, description="what they do")

    @model_validator(mode="after")
    def _names(self) -> Self:
        wrong: list[tuple[str, str]] = []
        names = [each.name for each in self.population]
        for at, name in enumerate(names):
            if name in names[:at]:
                wrong.append((f"population.{at}.name", f"{name!r} is there already"))
        for at, each in enumerate(self.population):
            first = int(each.first_imsi)
            for other in self.population[:at]:
                apart = first - int(other.first_imsi)
                if len(other.first_imsi) == len(each.first_imsi) and -each.count < apart < other.count:
                    wrong.append((f"population.{at}.first_imsi", f"has IMSIs of {other.name!r}"))
        wrong += [
            (f"event.{at}.population", f"there is no {event.population!r}")
            for at, event in enumerate(self.event)
            if event.population is not None and event.population not in names
        ]
        if wrong:
            raise Complaints(wrong)
        return self


def read(path: Path) -> Scenario:
    """The scenario of a file.  Raises ConfigError with a line for each wrong key."""
    return load(path, Scenario)


def order(form: Any, scenario: Scenario) -> EventTable:
    """An event from outside, for now.  Raises ConfigError."""
    tables = form if isinstance(form, dict) else {"": form}
    whole = {
        "schema": 1,
        "population": [each.model_dump(exclude_none=True) for each in scenario.population],
        "event": [{"at_s": 0.0, **tables}],
    }
    return validate(whole, Scenario, source="order", base=Path()).event[0]
