"""A network whose HSS has groups, for tests of the group trigger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from diameter import Dictionary, Message
from helpers.network import HSS, IWF_TOML, Form, Network
from nfs.common.identities import encode_number
from nfs.hss.groups import tables
from nfs.hss.groups.logic import Group, Trait, TraitKind
from nfs.hss.logic import ExternalId, Service, Subscriber

SCS1_NUMBER, SCS2_NUMBER = "15550001", "15550002"
RIGHT: Final = frozenset({(SCS1_NUMBER, Service.DEVICE_TRIGGER)})
FLEET, OTHERS, AREA = "fleet@customer.example", "others@customer.example", "north@customer.example"
LOCAL: Final = "local-group-7"
OFTEN: Final = "group_rate = {per_s = 100, burst = 100}"
GROUPED_TOML: Final = (
    IWF_TOML.replace(
        'commands = ["trigger"]', 'commands = ["trigger", "recall", "group"]\ngroup_rate = {per_s = 100, burst = 100}'
    )
    .replace(f'host = "{HSS}"\n[sms_sc]', f'host = "{HSS}"\ngroups = true\n[sms_sc]')
    .replace("[sgw]\n", f'[mtc_iwf.groups]\nper_s = 1000\nretry_s = 1\n[sgw]\nnever_outside = ["{LOCAL}"]\n', 1)
)


def imsi(number: int) -> str:
    """The IMSI of a meter: no octets that the header of a message could hold by chance."""
    return f"0010198765432{number:02}"


def name(number: int) -> str:
    """Its External Identifier."""
    return f"meter-{number}@customer.example"


def meter(number: int, **changed: Any) -> Subscriber:
    """A subscriber that is in no right of any SCS: only the right to its group counts."""
    one = Subscriber(
        imsi=imsi(number),
        external_ids=(ExternalId(identifier=name(number)),),
        services=frozenset({Service.DEVICE_TRIGGER}),
    )
    return replace(one, **changed)


def fleet(*numbers: int, **changed: Any) -> Group:
    """A group of meters by list."""
    group = Group(external_id=FLEET, local_id=LOCAL, members=tuple(name(each) for each in numbers), rights=RIGHT)
    return replace(group, **changed)


class GroupNetwork(Network):
    """`Network` with five meters, a group of three of them, one of somebody else, and one by area."""

    def __init__(
        self,
        folder: Path,
        dictionary: Dictionary,
        iwf: str = GROUPED_TOML,
        form: Form = "embedded",
        groups: tuple[Group, ...] = (
            fleet(1, 2, 3),
            Group(external_id=OTHERS, members=(name(4),), rights=frozenset({(SCS2_NUMBER, Service.DEVICE_TRIGGER)})),
            Group(external_id=AREA, rules=frozenset({Trait(TraitKind.AREA, "north")}), rights=RIGHT),
        ),
    ) -> None:
        fresh = not (folder / "hss.db").exists()
        super().__init__(folder, dictionary, tuple(meter(each) for each in range(1, 6)), iwf, form)
        if fresh:
            for group in groups:
                self.hss_do(partial(tables.make, group=group))
            for number in (2, 5):
                self.hss_do(partial(tables.give, identifier=name(number), traits=NORTH))

    def hss_do(self, work: Callable[[Any], object]) -> None:
        """Change the database of the HSS."""
        store = self.around.open_store("hss.db", migrations="nfs.hss:migrations", name="hss")
        self.wait(store.do(work))
        self.wait(store.close())

    def ask(self, group: str = FLEET, **changed: Any) -> Message:
        """Send a Device-Action-Request for a group, with changes; None takes an AVP out."""
        scs = changed.pop("scs", None)
        avps = {
            "External-Identifier": group,
            "Type-Of-External-Identifier": 1,
            "SCS-Identity": encode_number(SCS1_NUMBER),
            "Reference-Number": 7,
            "Action-Type": 1,
            "Trigger-Data": {"Payload": b"wake", "Application-Port-Identifier": 8000},
            "Validity-Time": 3600,
        }
        avps |= {key.replace("_", "-"): value for key, value in changed.items()}
        return self.trigger({key: value for key, value in avps.items() if value is not None}, scs=scs)

    def handed(self, count: int) -> list[str]:
        """The IMSIs that the SMS-SC was given, once there are so many."""
        self.settle(lambda: len(self.sms_sc.triggers) >= count, 30)
        for _ in range(100):  # and what comes of it
            self.clock.advance(0.02)
        return [each["User-Identifier"]["User-Name"] for each in self.sms_sc.triggers]

    def told(self) -> list[tuple[int, str, int]]:
        """(Reference-Number, External-Identifier, Delivery-Outcome) of each report that the SCS has had."""
        found = (each["Device-Notification"] for each in self.scs1.reports)
        return [(each["Reference-Number"], each["External-Identifier"], each["Delivery-Outcome"]) for each in found]

    def told_outcomes(self) -> list[tuple[int, str, int]]:
        """The same, without what the SCS was told of recalls."""
        found = (each["Device-Notification"] for each in self.scs1.reports)
        return [
            (each["Reference-Number"], each["External-Identifier"], each["Delivery-Outcome"])
            for each in found
            if "Delivery-Outcome" in each
        ]


NORTH: Final = (Trait(TraitKind.AREA, "north"),)


def status(answer: Message) -> int:
    """The Request-Status of an answer."""
    assert answer.result == (0, 2001)
    number: int = answer["Device-Notification"]["Request-Status"]
    return number
