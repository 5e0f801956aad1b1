"""What SCSs ask in the network in memory: triggers, recalls and replaces for two meters that both SCSs may trigger."""

from __future__ import annotations

from typing import Any

from diameter import Message
from helpers.network import Network, ScsStub
from nfs.common.features import Feature, offer
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss.logic import ExternalId, Service, Subscriber

IMSI = "001010123456789"
NODE = ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.core.example", realm="core.example")
SHARED = frozenset({("15550001", Service.DEVICE_TRIGGER), ("15550002", Service.DEVICE_TRIGGER)})
METER = Subscriber(
    imsi=IMSI,
    msisdn="15550100001",
    external_ids=(ExternalId(identifier="meter-1@customer.example"),),
    services=frozenset(Service),
    rights=SHARED,
    nodes=(NODE,),
)
OTHER_METER = Subscriber(
    imsi="001010000000002",
    external_ids=(ExternalId(identifier="meter-2@customer.example"),),
    services=frozenset(Service),
    rights=SHARED,
    nodes=(NODE,),
)


def ask(network: Network, scs: ScsStub | None = None, features: Feature | None = None, **changed: Any) -> Message:
    """Send a Device-Action for the meter, with changes; None takes an AVP out."""
    avps: dict[str, Any] = {
        "External-Identifier": "meter-1@customer.example",
        "SCS-Identity": encode_number("15550002" if scs is network.scs2 else "15550001"),
        "Reference-Number": 7,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"wake", "Application-Port-Identifier": 8000},
        "Validity-Time": 3600,
    }
    avps |= {name.replace("_", "-"): value for name, value in changed.items()}
    top = {} if features is None else {"Supported-Features": offer(features)}
    return network.trigger({name: value for name, value in avps.items() if value is not None}, scs=scs, **top)


def recall(network: Network, old: int = 7, **changed: Any) -> Message:
    given = {"Reference_Number": 8, "Action_Type": 3, "Old_Reference_Number": old, "Trigger_Data": None}
    return ask(network, **{**given, "Validity_Time": None, **changed})


def replace(network: Network, old: int = 7, **changed: Any) -> Message:
    data = {"Payload": b"sleep"}
    given = {"Reference_Number": 9, "Action_Type": 4, "Old_Reference_Number": old, "Trigger_Data": data}
    return ask(network, **{**given, **changed})


def status(answer: Message) -> int:
    assert answer.result == (0, 2001)
    assert answer.faults == ()
    number: int = answer["Device-Notification"]["Request-Status"]
    return number
