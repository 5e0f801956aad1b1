"""The scenes of interop/vectors: what each one shows, and how it is played."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from diameter import Dictionary
from diameter.capture import Captured
from helpers.vector_bounds import bounded
from helpers.vector_exposure import exposed
from helpers.vector_groups import grouped
from helpers.vector_lab import ISDN, MME, MME_NUMBER, REALM, SCS, SCS2, SCS3, SHORT_CODE, VectorLab
from helpers.vector_scripts import SCRIPTS, scripted
from helpers.vector_t4 import refused
from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss.logic import ExternalId, Service, Subscriber

DEVICE: Final = "customer.example"
BEHAVIOURS: Final = (
    (1, "normal", ""),
    (6, "absent", "failures = 1"),
    (7, "memory-full", ""),
    (8, "busy", "failures = 1"),
    (9, "absent", ""),
    (12, "absent", ""),
    (13, "normal", ""),
)
UES: Final = "\n".join(
    f'[[ues]]\nfirst_imsi = "0010100000000{number:02}"\ncount = 1\nreport = false\nbehaviour = "{behaviour}"\n{more}'
    for number, behaviour, more in BEHAVIOURS
)


@dataclass(frozen=True, slots=True)
class Vector:
    """One file: its name, its title, what it shows, whether nodes were scripted, and its messages."""

    name: str
    title: str
    shows: str
    scripted: bool
    messages: tuple[Captured, ...]


class Scene(NamedTuple):
    """One scene of the lab."""

    name: str
    title: str
    shows: str
    play: Callable[[VectorLab], object]


def meter(name: str, settle_s: float = 2.0, **more: Any) -> Callable[[VectorLab], object]:
    """A trigger of the first SCS for one of its devices."""
    return lambda lab: lab.trigger(f"meter-{name}@{DEVICE}", settle_s=settle_s, **more)


def told(to: str, *, limit: int = 10, **more: Any) -> Callable[[VectorLab], object]:
    """A short message of the first device, to SCSs with room for `limit`."""

    def play(lab: VectorLab) -> object:
        for scs in lab.scs.values():
            scs.tsp.messages.limit = limit
        return lab.send(to, **more)

    return play


def taken_back(
    way: str, settle_s: float = 2.0, *, at: float = 2.0, first_s: int = 600, **more: Any
) -> Callable[[VectorLab], object]:
    """A trigger for a device that is away, and `at` seconds behind its answer its recall or replace (`way`)."""

    def play(lab: VectorLab) -> object:
        first = lab.trigger(f"meter-w@{DEVICE}", settle_s=at, validity_s=first_s)
        given: dict[str, Any] = {way: first.reference, **more}
        return lab.trigger(f"meter-w@{DEVICE}", settle_s=settle_s, **given)

    return play


SCENES: Final = (
    Scene("trigger-delivered", "A device trigger that arrives",
          "A trigger from the request of the SCS to its delivery report: authorised by the HSS, stored by the SMS-SC, "
          "forwarded by the MME, reported back.", meter("1")),
    Scene("trigger-long", "A trigger in three short messages",
          "A payload longer than one short message: three MT-Forward-Short-Message requests whose user data headers "
          "carry a concatenation element, one report.", meter("1", payload=b"read, report, sleep; " * 16)),
    Scene("refused-unknown-device", "The HSS does not know the device",
          "DIAMETER_ERROR_USER_UNKNOWN (5001) on S6m; the SCS gets Request-Status INVEXTID.",
          lambda lab: lab.trigger(f"nobody@{DEVICE}")),
    Scene("refused-scs-without-right", "The SCS may not trigger this device",
          "DIAMETER_ERROR_UNAUTHORIZED_REQUESTING_ENTITY (5510) on S6m; the SCS gets INVEXTID, and so cannot tell a "
          "device that is not its own from one that there is not.", meter("2")),
    Scene("refused-service-not-subscribed", "Device triggering is not in the subscription",
          "DIAMETER_ERROR_UNAUTHORIZED_SERVICE (5511) on S6m; the SCS gets SERVICEUNAVAILABLE.", meter("3")),
    Scene("accepted-absent-subscriber", "The device is registered nowhere",
          "HSS-Cause Absent-Subscriber and no serving node on S6m; the SMS-SC stores the trigger all the same.",
          meter("4")),
    Scene("refused-no-sms-service", "No SMS teleservice",
          "HSS-Cause Teleservice-Not-Provisioned on S6m; the SCS gets SERVICEUNAVAILABLE.", meter("5")),
    Scene("refused-barred", "SMS is barred", "HSS-Cause Call-Barred on S6m; the SCS gets SERVICEUNAVAILABLE.",
          meter("b")),
    Scene("refused-command-right", "An SCS that may not trigger at all",
          "The MTC Security GW refuses (NOTAUTHORIZED) before anything goes on towards the core.",
          lambda lab: lab.trigger("meter-1@other.example", host=SCS2)),
    Scene("refused-foreign-domain", "An External-Identifier of somebody else's domain",
          "The MTC Security GW refuses (INVEXTID) before anything goes on towards the core.",
          lambda lab: lab.trigger("meter-1@other.example")),
    Scene("refused-by-sms-sc", "The SMS-SC does not serve this SCS",
          "DIAMETER_ERROR_INVALID_SME_ADDRESS (5530) on T4; the SCS gets PERMANENTERROR.",
          lambda lab: lab.trigger("meter-1@third.example", host=SCS3)),
    Scene("retried-ue-absent", "The UE is absent, then there",
          "DIAMETER_ERROR_ABSENT_USER (5550) on SGd; 20 seconds later the SMS-SC tries again and delivers.",
          meter("6", 30, validity_s=600)),
    Scene("undelivered-memory-full", "The memory of the UE is full",
          "DIAMETER_ERROR_SM_DELIVERY_FAILURE (5555) with its cause on SGd, until the validity time is over.",
          meter("7", 60, validity_s=30)),
    Scene("retried-ue-busy", "The UE is busy, then not",
          "DIAMETER_ERROR_USER_BUSY_FOR_MT_SMS (5551) on SGd, then delivered.", meter("8", 30, validity_s=600)),
    Scene("expired-ue-absent", "The UE stays absent until the validity time is over",
          "DIAMETER_ERROR_ABSENT_USER (5550) on SGd at each attempt, then a report with VALIDITY_TIME_EXPIRED.",
          meter("9", 60, validity_s=30)),
    Scene("undelivered-unknown-ue", "The MME does not know the subscriber",
          "DIAMETER_ERROR_USER_UNKNOWN (5001) on SGd, and the report that follows.", meter("n", 60, validity_s=30)),
    Scene("once-ue-absent", "One attempt, and the UE is absent",
          "Validity-Time 0: a single MT-Forward-Short-Message, and its report at once.", meter("9", 60, validity_s=0)),
    Scene("refused-absent-not-stored", "Absent, and not to be stored",
          "HSS-Cause Absent-Subscriber and Validity-Time 0: the SCS gets TEMPORARYERROR, the SMS-SC hears nothing.",
          meter("4", validity_s=0)),
    Scene("priority-unreachable", "A priority trigger for a device that was out of reach",
          "The HSS names a node for a priority trigger (Priority-Indication in T4-Parameters) that it would not name "
          "for another one.", meter("u", priority=True)),
    Scene("recalled", "A trigger is recalled",
          "Trigger-Action RECALL on T4 while the UE is absent: the answer is the end of both transactions.",
          taken_back("recall", payload=b"", port=None)),
    Scene("replaced", "A trigger is replaced",
          "Trigger-Action REPLACE on T4 while the UE is absent: the new trigger runs out, and is reported.",
          taken_back("replace", 60, payload=b"sleep", validity_s=30)),
    Scene("recall-too-late", "A recall that comes too late",
          "The trigger has run out, which the MTC-IWF knows from its report: the SCS gets ORIGINALMESSAGESENT, and "
          "nothing goes on.", taken_back("recall", first_s=30, at=60, payload=b"", port=None)),
    Scene("s6n-names", "S6n: the names of a device",
          "SIR-Flags 0: a User-Identifier for each External Identifier and MSISDN. Asked by a client of the tests in "
          "the place of an MTC-AAA.", lambda lab: lab.names("001010000000001")),
    Scene("s6n-unknown", "S6n: nobody has the IMSI", "DIAMETER_ERROR_USER_UNKNOWN (5001) on S6n.",
          lambda lab: lab.names("001019999999999")),
    Scene("mo-sms-delivered", "A short message of a device without MSISDN",
          "TS 23.682 5.15 from the SMS-SUBMIT to its SMS-STATUS-REPORT: confirmed by the SMS-SC, brought to the "
          "MTC-IWF on SGd, named by the HSS on S6m (SMS_MO), notified on Tsp (Action-Type 5).", told(SHORT_CODE)),
    Scene("mo-sms-unknown-address", "The device sends to an address that nobody serves",
          "DIAMETER_ERROR_SM_DELIVERY_FAILURE (5555) with INVALID_SME-ADDRESS, from the SMS-SC.",
          told("9999")),
    Scene("mo-sms-foreign-scs", "The device sends to an SCS that is not its own",
          "DIAMETER_ERROR_UNAUTHORIZED_REQUESTING_ENTITY (5510) on S6m; the MTC-IWF answers 5555 with "
          "USER_NOT_SC-USER, which the SMS-SC passes on, because the device asked for no report.",
          told(ISDN[SCS2], report=False)),
    Scene("mo-sms-no-application", "No application of the device has this port",
          "DIAMETER_ERROR_UNAUTHORIZED_SERVICE (5511) on S6m, DIAMETER_ERROR_FACILITY_NOT_SUPPORTED (5552) on SGd, "
          "TP-ST 69 in the SMS-STATUS-REPORT.", told(SHORT_CODE, port=77)),
    Scene("mo-sms-no-port", "A short message without an application port",
          "DIAMETER_ERROR_MISSING_APPLICATION_DATA (5598) on S6m, 5555 with EQUIPMENT_PROTOCOL_ERROR on SGd.",
          told(SHORT_CODE, port=None)),
    Scene("mo-sms-scs-takes-none", "The SCS takes no short messages",
          "DIAMETER_UNABLE_TO_COMPLY (5012) on Tsp, DIAMETER_ERROR_FACILITY_NOT_SUPPORTED (5552) on SGd.",
          told(SHORT_CODE, limit=0)),
)  # fmt: skip


def subscribers() -> Iterator[Subscriber]:
    """Ten devices of which one is in order."""
    mme = ServingNode(kind=NodeKind.MME, number=MME_NUMBER, name=MME, realm=REALM)
    everything: dict[str, Any] = {
        "services": frozenset({Service.DEVICE_TRIGGER, Service.SMS_MO}),
        "rights": frozenset({(isdn, Service.DEVICE_TRIGGER) for isdn in ISDN.values()} | {(ISDN[SCS], Service.SMS_MO)}),
        "nodes": (mme,),
    }
    changes: dict[str, dict[str, Any]] = {
        "1": {}, "2": {"rights": frozenset()}, "3": {"services": frozenset()}, "4": {"nodes": ()}, "5": {"sms": False},
        "6": {}, "7": {}, "8": {}, "9": {}, "b": {"barred": True}, "n": {}, "w": {},
        "u": {"nodes": (replace(mme, reachable=False),)},
    }  # fmt: skip
    for number, (name, change) in enumerate(changes.items(), start=1):
        names = [f"meter-{name}@{DEVICE}"]
        if name == "1":
            names += ["meter-1@third.example"]
        yield Subscriber(
            imsi=f"0010100000000{number:02}", msisdn=f"155600000{number:02}",
            external_ids=tuple(ExternalId(identifier=each, port=16000 + n) for n, each in enumerate(names)),
            **(everything | change),
        )  # fmt: skip


@contextmanager
def laboratory(dictionary: Dictionary, *, gateway: bool = False) -> Iterator[VectorLab]:
    """The lab, in a folder of its own.  gateway: it is a node of its own."""
    with tempfile.TemporaryDirectory() as folder:
        lab = VectorLab(Path(folder), dictionary, list(subscribers()), UES, gateway=gateway)
        try:
            yield lab
        finally:
            lab.close()


def triggered(dictionary: Dictionary) -> Iterator[Vector]:
    """The vectors of the network functions."""
    with laboratory(dictionary) as lab:
        shows = "CER and CEA of every pair of the lab: Tsp over TLS, S6m and T4 over TCP, SGd over SCTP."
        yield Vector("capabilities", "Capabilities exchange", shows, False, tuple(lab.said))
        for name, title, shows, play in SCENES:
            begin = len(lab.said)
            play(lab)
            messages = tuple(one for one in lab.said[begin:] if int.from_bytes(one.octets[8:12]))
            yield Vector(name, title, shows, False, messages)


def vectors(dictionary: Dictionary) -> list[Vector]:
    """All of them, made anew."""
    found = list(triggered(dictionary))
    for scene, messages in exposed(dictionary):
        found.append(Vector(scene.name, scene.title, scene.shows, False, messages))
    for bound, heard in bounded(dictionary, subscribers(), UES):
        found.append(Vector(bound.name, bound.title, bound.shows, False, tuple(heard)))
    for case, answered in refused(dictionary, subscribers(), UES):
        found.append(Vector(case.name, case.title, case.shows, False, tuple(answered)))
    for group, said in grouped(dictionary, subscribers(), UES):
        found.append(Vector(group.name, group.title, group.shows, False, tuple(said)))
    for one in SCRIPTS:
        found.append(Vector(one.name, one.title, one.shows, True, tuple(scripted(one, dictionary))))
    return found
