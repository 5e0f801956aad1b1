"""The scenes of interop/vectors with groups: a lab whose SMS-SC asks the HSS where members are (docs/groups.md)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from diameter import Dictionary
from diameter.capture import Captured
from helpers.vector_lab import HSS, HSS_TOML, ISDN, IWF, IWF_TOML, REALM, SCS, SMS_SC, SMS_SC_TOML, VectorLab, peer
from nfs.hss.groups import tables
from nfs.hss.groups.logic import Group
from nfs.hss.logic import Service, Subscriber
from nfs.scs.api import TriggerRequest
from nfs.scs.groups import GroupTriggers

DOMAIN: Final = "customer.example"
GROUPS: Final = (("fleet", ("1", "6", "9")), ("parked", ("w", "9", "1")))
TEXTS: Final = {
    IWF: IWF_TOML.replace(f'host = "{HSS}"\n[sms_sc]', f'host = "{HSS}"\ngroups = true\n[sms_sc]').replace(
        'commands = ["trigger", "recall", "replace"]', 'commands = ["trigger", "recall", "replace", "group"]', 1
    ),
    HSS: f"{HSS_TOML}\n{peer(SMS_SC)}",
    SMS_SC: f'{SMS_SC_TOML}\n{peer(HSS, dial=True)}\n[hss]\nrealm = "{REALM}"\nhost = "{HSS}"',
}


class GroupScene(NamedTuple):
    """One scene of that lab."""

    name: str
    title: str
    shows: str
    play: Callable[[VectorLab, GroupTriggers], object]


def _make(connection: Any) -> None:
    for name, members in GROUPS:
        group = Group(
            external_id=f"{name}@{DOMAIN}",
            members=tuple(f"meter-{each}@{DOMAIN}" for each in members),
            rights=frozenset({(ISDN[SCS], Service.DEVICE_TRIGGER)}),
        )
        tables.make(connection, group)


def _ask(lab: VectorLab, groups: GroupTriggers, settle_s: float, **more: Any) -> int:
    asked: dict[str, Any] = {"payload": b"wake up", "port": 16000, **more}
    name = f"{asked.pop('name')}@{DOMAIN}"
    report = lab.wait(groups.submit(TriggerRequest(external_identifier=name, group=True, **asked)))
    lab.pass_time(settle_s)
    reference: int = report.reference
    return reference


def _recalled(lab: VectorLab, groups: GroupTriggers) -> None:
    first = _ask(lab, groups, 5, name="parked", validity_s=600)
    _ask(lab, groups, 5, name="parked", payload=b"", port=None, recall=first)


SCENES: Final = (
    GroupScene("group-delivered", "A trigger for a group",
               "One Device-Action for a group of three: its members from the HSS (S6m), a trigger for each (T4), where "
               "each is (S6c); one is delivered, two are absent until their time is over; a report for each.",
               lambda lab, groups: _ask(lab, groups, 60, name="fleet", validity_s=30)),
    GroupScene("group-recalled", "The trigger of a group is recalled",
               "Two members are absent: the SMS-SC deletes their triggers, and the SCS hears what became of each; the "
               "third had been reported.", _recalled),
    GroupScene("group-unknown", "A group that there is not",
               "DIAMETER_ERROR_USER_UNKNOWN (5001) on S6m; the SCS gets INVEXTID, as for a device.",
               lambda lab, groups: _ask(lab, groups, 2, name="nobody")),
)  # fmt: skip


def grouped(
    dictionary: Dictionary, subscribers: Iterable[Subscriber], ues: str
) -> Iterator[tuple[GroupScene, list[Captured]]]:
    """What the functions say in each scene."""
    with tempfile.TemporaryDirectory() as folder:
        lab = VectorLab(Path(folder), dictionary, list(subscribers), ues, TEXTS, _make)
        try:
            lab.wait(lab.nodes[SMS_SC].when_open(HSS))
            groups = GroupTriggers(lab.scs[SCS])
            for scene in SCENES:
                begin = len(lab.said)
                scene.play(lab, groups)
                yield scene, [one for one in lab.said[begin:] if int.from_bytes(one.octets[8:12])]
        finally:
            lab.close()
