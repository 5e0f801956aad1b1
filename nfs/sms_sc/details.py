"""What a row of the store holds beside its plain columns, as JSON: no column for what nothing is searched by."""

from __future__ import annotations

import json
from typing import Any

from nfs.common.nodes import NodeKind, ServingNode
from nfs.sms_sc.logic import Trigger
from nfs.sms_sc.sme import Receipt, ShortMessage


def details(trigger: Trigger) -> str | None:
    """The text for a trigger or a message; None where there is nothing to say."""
    said: dict[str, Any] = {}
    if trigger.others:
        said["nodes"] = [[str(node.kind), node.number, node.name, node.realm] for node in trigger.others]
    if trigger.group:
        said["group"] = trigger.group
    if isinstance(trigger, ShortMessage):
        said["sme"] = {
            "sme": trigger.sme,
            "originator": trigger.originator,
            "originator_ton": trigger.originator_ton,
            "originator_npi": trigger.originator_npi,
            "pid": trigger.pid,
            "dcs": trigger.dcs,
            "elements": [[iei, data.hex()] for iei, data in trigger.elements],
            "receipt": int(trigger.receipt),
        }
    return json.dumps(said) if said else None


def message_of(text: str | None, **fields: Any) -> Trigger:
    """The trigger, or the message of an SME, of a row: its details and what the plain columns say."""
    said: dict[str, Any] = {} if text is None else json.loads(text)
    fields["others"] = tuple(
        ServingNode(kind=NodeKind(kind), number=number, name=name, realm=realm)
        for kind, number, name, realm in said.get("nodes", ())
    )
    fields["group"] = said.get("group", "")
    sme = said.get("sme")
    if sme is None:
        return Trigger(**fields)
    elements = tuple((iei, bytes.fromhex(data)) for iei, data in sme.pop("elements"))
    return ShortMessage(**fields, **{**sme, "receipt": Receipt(sme["receipt"])}, elements=elements)
