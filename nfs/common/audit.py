"""The audit log: one JSON object a line, one line for each refusal, and counters beside it.

Only appended to, never read by the process that writes it.  Identities are masked here, so that no caller can forget.
A line that cannot be written (disk full) is counted in `lost` and never undoes the refusal it tells of.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from diameter.errors import ConfigError
from diameter.routing.refusal import Refused
from nfs.common.identities import mask

SCHEMA: Final = 1


class Stage(StrEnum):
    """Which of the two questions was answered with no: who are you, or may you."""

    AUTHENTICATION = "authentication"
    AUTHORISATION = "authorisation"


class Area(StrEnum):
    """Where in the architecture an event belongs: between which parties the checked message ran.

    A: device and network (a1 radio, a2 NAS, a3-a MTC-IWF, a3-b ePDG).  B: network and an outside entity, through an SCS
    (b1) or directly (b2).  C: outside entity and device, likewise.  CORE: inside the network.
    """

    A2 = "A2"
    A3A = "A3-a"
    B1 = "B1"
    B2 = "B2"
    C1 = "C1"
    CORE = "core"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One refusal.  `target`: the identity asked about, in full; the log masks it.  `result`: what was answered.

    `check`: which check said no.  `peer`: proven identity of the adjacent peer; `origin`: who the message claims to
    be from.  `reason`: words without any identity of a subscriber.
    """

    check: str
    stage: Stage
    area: Area
    peer: str
    reason: str
    origin: str = ""
    command: str = ""
    target: str = ""
    profile: str = ""
    reference: int | None = None
    result: str = ""
    alarm: bool = False


class AuditLog:
    """Appends to a file, or to standard error without one.

    node: our Origin-Host, in every line.  area: of what the node itself refuses.  `refusals` counts by (check, stage);
    `alarms` those that ask for a human.  Raises ConfigError when the file cannot be opened.
    """

    def __init__(
        self,
        path: Path | None,
        node: str,
        *,
        area: Area = Area.CORE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._node = node
        self._area = area
        self._clock = clock
        self.refusals: Counter[tuple[str, str]] = Counter()
        self.alarms = 0
        self.lost = 0
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._file = os.dup(2) if path is None else os.open(path, flags, 0o600)
        except OSError as error:
            raise ConfigError(f"audit {path}: {error.strerror}") from None

    def refuse(self, refusal: Refusal) -> None:
        """Count a refusal and write its line."""
        self.refusals[refusal.check, str(refusal.stage)] += 1
        self.alarms += refusal.alarm
        fields: dict[str, Any] = {
            "check": refusal.check,
            "stage": str(refusal.stage),
            "area": str(refusal.area),
            "peer": refusal.peer,
            "origin": refusal.origin,
            "command": refusal.command,
            "target": mask(refusal.target) if refusal.target else "",
            "profile": refusal.profile,
            "reference": refusal.reference,
            "result": refusal.result,
            "reason": refusal.reason,
            "alarm": refusal.alarm,
        }
        said = {
            name: value for name, value in fields.items() if value or value.__class__ is int
        }  # a reference may be 0
        self._write("refusal", said)

    def node_refused(self, refused: Refused) -> None:
        """Write down a refusal that the node made by itself; those of screens and applications have their own lines."""
        if refused.stage in ("screen", "application", "outbound"):
            return
        unproven = refused.stage in ("link", "protection", "capabilities")
        self.refuse(
            Refusal(
                check=refused.stage,
                stage=Stage.AUTHENTICATION if unproven else Stage.AUTHORISATION,
                area=self._area,
                peer=refused.peer,
                command=refused.command,
                result=str(refused.code) if refused.code else "",
                reason=refused.text,
            )
        )

    def close(self) -> None:
        """Close the file; nothing may be written after."""
        os.close(self._file)

    def _write(self, event: str, fields: dict[str, Any]) -> None:
        time = self._clock().isoformat(timespec="microseconds").replace("+00:00", "Z")
        line = {"schema": SCHEMA, "time": time, "node": self._node, "event": event, **fields}
        try:
            os.write(self._file, (json.dumps(line) + "\n").encode())  # one write: lines of several processes stay whole
        except OSError as error:
            if not self.lost:
                sys.stderr.write(f"audit: {error.strerror}; lines are lost and counted\n")
            self.lost += 1
