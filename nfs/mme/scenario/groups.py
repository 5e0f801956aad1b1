"""The state of very many UEs: some octets for each, in columns, found by the digits of the IMSI."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from nfs.mme.scenario.chance import unit
from nfs.mme.scenario.model import PopulationTable
from nfs.ue.logic import Behaviour

BEHAVIOURS: Final = tuple(Behaviour)
HERE, ASLEEP, MISSED, FULL, AWAITED = 1, 2, 4, 8, 16
"""Bits of a UE: its MME is this one; it sleeps by an event; a message did not reach it, or found its memory full; the
HSS waits for it to be reachable."""
TAC, PHASE = 1, 2  # what chance is asked for


class Group:
    """The UEs of one population.  `number`: its place in the scenario; `here`: whether its first MME is this one."""

    __slots__ = ("behaviour", "first", "flags", "number", "phase", "table", "tac", "width")

    def __init__(self, table: PopulationTable, number: int, *, here: bool, seed: int, tac: int) -> None:
        self.table = table
        self.number = number
        self.first = int(table.first_imsi)
        self.width = len(table.first_imsi)
        count, tacs = table.count, table.tacs or (tac,)
        self.behaviour = bytearray(count)
        self.flags = bytearray((HERE if here else 0,)) * count
        self.tac = array("H", (tacs[int(unit(seed, number, n, TAC) * len(tacs))] for n in range(count)))
        cycle_s = 0.0 if table.power is None else table.power.cycle_s
        self.phase = array("d", (unit(seed, number, n, PHASE) * cycle_s for n in range(count if cycle_s else 0)))

    def imsi(self, at: int) -> str:
        """Of the UE at a place."""
        return f"{self.first + at:0{self.width}}"

    def has(self, at: int, flag: int) -> bool:
        """Whether a UE has a bit."""
        return bool(self.flags[at] & flag)

    def put(self, at: int, flag: int, on: bool) -> None:
        """Set or clear a bit."""
        self.flags[at] = self.flags[at] | flag if on else self.flags[at] & ~flag


class Place(NamedTuple):
    """One UE."""

    group: Group
    at: int

    @property
    def imsi(self) -> str:
        """Its IMSI."""
        return self.group.imsi(self.at)


class Groups:
    """All populations.  `own`: Origin-Host of this MME; `tac`: of UEs whose population names none."""

    def __init__(self, tables: Sequence[PopulationTable], *, own: str, seed: int, tac: int) -> None:
        self._seed = seed
        self.all = [
            Group(table, number, here=table.mme in (None, own), seed=seed, tac=tac)
            for number, table in enumerate(tables)
        ]

    def find(self, imsi: str) -> Place | None:
        """The UE with this IMSI."""
        for group in self.all:
            if len(imsi) == group.width and imsi.isdecimal() and imsi.isascii():
                at = int(imsi) - group.first
                if 0 <= at < group.table.count:
                    return Place(group, at)
        return None

    def named(self, name: str | None) -> Iterator[Group]:
        """The population of this name; all without one."""
        return (group for group in self.all if name in (None, group.table.name))

    def chosen(self, group: Group, event: int, share: float) -> Iterator[int]:
        """The places of the UEs that an event is for."""
        count = group.table.count
        if share >= 1:
            return iter(range(count))
        return (at for at in range(count) if self.is_chosen(group, at, event, share))

    def is_chosen(self, group: Group, at: int, event: int, share: float) -> bool:
        """Whether an event that is for a part of a population is for this UE."""
        return share >= 1 or unit(self._seed, group.number, at, 100 + event) < share

    def chance(self, group: Group, at: int, event: int, turn: int) -> float:
        """For the time of an event."""
        return unit(self._seed, group.number, at, 100 + event, turn)

    def awake(self, place: Place, elapsed_s: float) -> tuple[float, float]:
        """(from, until) when a UE that saves power is reachable: now, or the next time; seconds since the start."""
        power = place.group.table.power
        if power is None:
            return elapsed_s, float("inf")
        into = (elapsed_s + place.group.phase[place.at]) % power.cycle_s
        if into < power.awake_s:
            return elapsed_s, elapsed_s + power.awake_s - into
        begins = elapsed_s + power.cycle_s - into
        return begins, begins + power.awake_s

    def active(self, place: Place, elapsed_s: float) -> None:
        """A UE that saves power has done something: it is awake from now on, for as long as it ever is."""
        power = place.group.table.power
        if power is not None:
            place.group.phase[place.at] = -elapsed_s % power.cycle_s
