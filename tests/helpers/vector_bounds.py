"""The scenes of interop/vectors about bounds and load (TS 29.368 5.4): a quota, a rate, and a second MTC-IWF."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from diameter import Dictionary, Message
from diameter.app import Later
from diameter.capture import Captured
from helpers.vector_lab import (
    ADDRESSES,
    HSS,
    HSS_TOML,
    ISDN,
    IWF,
    IWF2,
    IWF_TOML,
    REALM,
    SCS,
    SCS2,
    SCS3,
    SMS_SC,
    SMS_SC_TOML,
    VectorLab,
    peer,
    scs_table,
)
from nfs.common.identities import encode_number
from nfs.common.tsp import ActionType
from nfs.hss.logic import ExternalId, Subscriber
from nfs.mtc_iwf.triggers import GRACE_S

LAPSED_S: Final = GRACE_S + 700
"""Until the MTC-IWF has looked after what was never reported."""
METER: Final = "meter-1@customer.example"
AWAY: Final = "meter-w@customer.example"
HSS_TABLE: Final = f'[hss]\nrealm = "{REALM}"'


def _changed(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


WATCHED: Final = "request_timeout_s = 5\ntw_s = 600\n"
"""Watchdog requests are in no capture."""


def _bounded(host: str, domain: str, before: tuple[str, ...], bound: str) -> dict[str, str]:
    return {scs_table(host, [domain], before): scs_table(host, [domain], ["trigger"]) + bound}


_BOUNDED: Final = _changed(
    IWF_TOML,
    {
        peer(SCS, placement="outside"): peer(SCS, placement="inside"),
        f'[[scs]]\nname = "{SCS}"\n': f'[[scs]]\nname = "{SCS}"\nplacement = "inside"\n',
        **_bounded(SCS2, "other.example", (), "quota = { triggers = 1 }\n"),
        **_bounded(SCS3, "third.example", ("trigger",), "rate = { per_s = 0.01, burst = 1 }\n"),
    },
)
TEXTS: Final = {
    IWF: _changed(
        _BOUNDED,
        {
            HSS_TABLE: f'[mtc_iwf.redirect]\nat = 1\nhosts = ["aaa://{IWF2}"]\n{HSS_TABLE}',
            "[[node.listen]]": "[node.overload]\nload = true\n[[node.listen]]",
        },
    ),
    IWF2: _changed(
        _BOUNDED.replace(IWF, IWF2)
        .replace(f'"{ADDRESSES[IWF]}"', f'"{ADDRESSES[IWF2]}"')
        .replace("iwf.audit", "iwf2.audit"),
        {
            HSS_TABLE: f'[mtc_iwf]\ndatabase = "iwf2.db"\n{HSS_TABLE}',
            "[[node.listen]]": "[node.limits]\nrequests_in_work = 1\n[[node.listen]]",
        },
    ),
    HSS: f"{HSS_TOML}\n{peer(IWF2)}",
    SMS_SC: _changed(SMS_SC_TOML, {f'"{ISDN[SCS2]}"]\nretry_s': f'"{ISDN[SCS2]}", "{ISDN[SCS3]}"]\nretry_s'})
    + f"\n{peer(IWF2)}",
}


QUIET: Final = {host: text.replace("request_timeout_s = 5\n", WATCHED) for host, text in TEXTS.items()}


class BoundScene(NamedTuple):
    """One scene of that lab."""

    name: str
    title: str
    shows: str
    play: Callable[[VectorLab], object]


def _ask(lab: VectorLab, reference: int, scs_identity: str = ISDN[SCS]) -> Later[Message]:
    """A Device-Action as it stands, whose answer is waited for by somebody else."""
    action = {
        "External-Identifier": METER,
        "SCS-Identity": encode_number(scs_identity),
        "Reference-Number": reference,
        "Action-Type": int(ActionType.TRIGGER),
        "Trigger-Data": {"Payload": b"wake up", "Application-Port-Identifier": 16000},
    }
    later: Later[Message] = lab.scs[SCS].tsp.request("Device-Action", {"Device-Action": action}, to=IWF, realm=REALM)
    return later


def _at_once(*references: int) -> Callable[[VectorLab], object]:
    """Requests before the first has its answer."""

    def play(lab: VectorLab) -> None:
        _waiting = [_ask(lab, each) for each in references]
        lab.pass_time(5)

    return play


def _foreign_number(lab: VectorLab) -> None:
    _ = _ask(lab, 90, ISDN[SCS2])
    lab.pass_time(2)


def _trigger(device: str, settle_s: float = 2.0, **more: Any) -> Callable[[VectorLab], object]:
    return lambda lab: lab.trigger(device, settle_s=settle_s, **more)


def _twice(device: str, host: str) -> Callable[[VectorLab], object]:
    def play(lab: VectorLab) -> None:
        for _ in range(2):
            lab.trigger(device, host=host)

    return play


def _late(lab: VectorLab) -> None:
    first = lab.trigger(AWAY, validity_s=30, settle_s=60)
    lab.trigger(AWAY, replace=first.reference, validity_s=30, settle_s=60)


def _forgotten(lab: VectorLab) -> None:
    """The SMS-SC has lost its store when the time is over."""
    lab.trigger(AWAY, validity_s=10, settle_s=1)
    lab.centre.pending.clear()
    lab.pass_time(LAPSED_S)


def _gone(lab: VectorLab) -> None:
    """The SMS-SC goes down before it has reported."""
    lab.trigger("meter-9@customer.example", validity_s=10, settle_s=1)
    lab.wait(lab.nodes[SMS_SC].stop())
    lab.centre.pending.clear()
    lab.pass_time(LAPSED_S)


SCENES: Final = (
    BoundScene("refused-scs-inside", "An SCS inside the operator's domain may know more",
               "DIAMETER_ERROR_UNAUTHORIZED_REQUESTING_ENTITY (5510) on S6m: an SCS inside gets NOTAUTHORIZED, and at "
               "once, where one outside gets INVEXTID.", _trigger("meter-2@customer.example")),
    BoundScene("refused-payload", "A payload that is too long", "The MTC-IWF refuses with INVPAYLOAD.",
               _trigger(METER, payload=bytes(2000))),
    BoundScene("refused-period", "A validity that is too long", "The MTC-IWF refuses with INVPERIOD.",
               _trigger(METER, validity_s=700_000)),
    BoundScene("refused-scs-identity", "An SCS with the number of another one",
               "The MTC Security GW refuses with INVSCSID.", _foreign_number),
    BoundScene("refused-quota", "A quota is used up", "Of two triggers, for a device that is registered nowhere, "
               "the second one is QUOTAEXCEEDED.",
               _twice("meter-4@other.example", SCS2)),
    BoundScene("refused-rate", "A rate is used up", "Of two triggers, for a device that is registered nowhere, "
               "the second one is RATEEXCEEDED.",
               _twice("meter-4@third.example", SCS3)),
    BoundScene("redirected", "An MTC-IWF with enough to do sends the SCS to another one",
               "Two requests at once: DIAMETER_REDIRECT_INDICATION (3006) to the second one, which the SCS sends to "
               "the Redirect-Host, under its name; the report comes from there. The Load (RFC 8583) in the answers of "
               "the first MTC-IWF says how much it has to do.", _at_once(100, 101)),
    BoundScene("too-busy", "Neither of two MTC-IWFs takes a request",
               "Three requests at once: the first is taken, the second goes to the other MTC-IWF, the third is "
               "DIAMETER_TOO_BUSY (3004) there.", _at_once(110, 111, 112)),
    BoundScene("recall-not-its-own", "A recall of a trigger that there is not",
               "RECALLFAIL, and nothing goes on: nobody recalls what he has not sent.",
               _trigger(AWAY, recall=4242, payload=b"", port=None)),
    BoundScene("replace-not-its-own", "A replace of a trigger that there is not",
               "REPLACEFAIL, and nothing goes on.", _trigger(AWAY, replace=4242, validity_s=30)),
    BoundScene("replace-too-late", "A replace that comes too late",
               "The trigger has run out: the SCS gets ORIGINALMESSAGESENT.", _late),
    BoundScene("unconfirmed", "Nobody knows what became of a trigger",
               "An hour after its validity the MTC-IWF asks the SMS-SC to take it back, which does not know it "
               "(DIAMETER_ERROR_ORIGINAL_MESSAGE_NOT_PENDING, 5535): the report is UNCONFIRMED.", _forgotten),
    BoundScene("lapsed-sms-sc-away", "The SMS-SC is away when the time is over",
               "The report is TEMPORARYERROR: the network is at fault.", _gone),
)  # fmt: skip


def bounded(
    dictionary: Dictionary, subscribers: Iterable[Subscriber], ues: str
) -> Iterator[tuple[BoundScene, list[Captured]]]:
    """What the functions say in each scene."""
    names = tuple(ExternalId(identifier=f"meter-4@{each}.example") for each in ("other", "third"))
    everybody = [replace(each, external_ids=names) if not each.nodes else each for each in subscribers]
    with tempfile.TemporaryDirectory() as folder:
        lab = VectorLab(Path(folder), dictionary, everybody, ues, QUIET)
        try:
            for scene in SCENES:
                begin = len(lab.said)
                scene.play(lab)
                yield scene, [one for one in lab.said[begin:] if int.from_bytes(one.octets[8:12])]
        finally:
            lab.close()
