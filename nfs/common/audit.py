"""The audit log: one JSON object a line, one line for each refusal, and counters beside it.

Only appended to; each line holds the hash of the one before (`nfs.common.chain`).  Identities are masked here, so that
no caller can forget; with a key a pseudonym stands beside the mask, the same for the same device, by which whoever has
the key finds its lines.  A line that cannot be written (disk full) is counted in `lost` and never undoes the refusal
it tells of.
"""

from __future__ import annotations

import hmac
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
from nfs.common.chain import Chain
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
    be from; `address`: where its link comes from, not written.  `reason`: words without any identity of a subscriber.
    """

    check: str
    stage: Stage
    area: Area
    peer: str
    reason: str
    origin: str = ""
    address: str = ""
    command: str = ""
    target: str = ""
    profile: str = ""
    reference: int | None = None
    result: str = ""
    alarm: bool = False


class AuditLog:
    """Appends to a file, or to standard error without one.

    node: our Origin-Host, in every line.  area: of what the node itself refuses.  key: makes pseudonyms, and the chain
    proof against whoever has it not.  full: targets are written as they are.  `refusals` counts by (check, stage);
    `alarms` those that ask for a human; `told` hears of each refusal.  Raises ConfigError when the file cannot be
    opened.
    """

    def __init__(
        self,
        path: Path | None,
        node: str,
        *,
        area: Area = Area.CORE,
        key: bytes | None = None,
        full: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._node = node
        self._area = area
        self._clock = clock
        self.refusals: Counter[tuple[str, str]] = Counter()
        self.alarms = 0
        self.lost = 0
        self.told: Callable[[Refusal, datetime], None] | None = None
        self._key = key
        self._full = full
        try:
            self._chain = Chain(path, None if key is None else chain_key(key))
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
            "target": self._shown(refusal.target),
            "device": pseudonym(refusal.target, self._key) if refusal.target and self._key else "",
            "profile": refusal.profile,
            "reference": refusal.reference,
            "result": refusal.result,
            "reason": refusal.reason,
            "alarm": refusal.alarm,
        }
        said = {
            name: value for name, value in fields.items() if value or value.__class__ is int
        }  # a reference may be 0
        now = self._clock()
        self._write("refusal", now, said)
        if self.told is not None:
            self.told(refusal, now)

    def resolved(self, *, peer: str, group: str, target: str) -> None:
        """Write down that a rule has made a device a member of a group that `peer` asked for."""
        device = pseudonym(target, self._key) if self._key else ""
        fields = {"peer": peer, "group": group, "target": self._shown(target), "device": device}
        self._write("member", self._clock(), {name: value for name, value in fields.items() if value})

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
        self._chain.close()

    def _shown(self, target: str) -> str:
        return target if self._full or not target else mask(target)

    def _write(self, event: str, now: datetime, fields: dict[str, Any]) -> None:
        time = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        try:
            self._chain.append({"schema": SCHEMA, "time": time, "node": self._node, "event": event, **fields})
        except OSError as error:
            if not self.lost:
                sys.stderr.write(f"audit: {error.strerror}; lines are lost and counted\n")
            self.lost += 1


def pseudonym(identity: str, key: bytes) -> str:
    """16 hexadecimal digits that stand for a device in lines made with `key`, and for no other."""
    return hmac.digest(key, b"audit device " + identity.lower().encode(), "sha256").hex()[:16]


def chain_key(key: bytes) -> bytes:
    """The key of the chain that belongs to the key of a configuration."""
    return hmac.digest(key, b"audit chain", "sha256")


def names_device(line: dict[str, Any], identity: str, key: bytes | None) -> bool:
    """True when a line is about `identity`; without the key, and a full log, about one that looks the same masked."""
    if key is not None and "device" in line:
        return bool(line["device"] == pseudonym(identity, key))
    return str(line.get("target", "")).lower() in (identity.lower(), mask(identity).lower())
