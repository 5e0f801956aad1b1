"""What a row of the store holds beside its plain columns, as JSON: no column for what nothing is searched by."""

from __future__ import annotations

import json
from typing import Any

from nfs.common.nodes import NodeKind, ServingNode
from nfs.sms_sc.logic import Trigger


def details(trigger: Trigger) -> str | None:
    """The text for a trigger; None where there is nothing to say."""
    if not trigger.others:
        return None
    nodes = [[str(node.kind), node.number, node.name, node.realm] for node in trigger.others]
    return json.dumps({"nodes": nodes})


def others(text: str | None) -> tuple[ServingNode, ...]:
    """The further serving nodes of a row."""
    read: dict[str, Any] = {} if text is None else json.loads(text)
    return tuple(
        ServingNode(kind=NodeKind(kind), number=number, name=name, realm=realm)
        for kind, number, name, realm in read.get("nodes", ())
    )
