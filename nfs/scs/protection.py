"""An SCS that protects what it sends to applications of devices by itself, end to end (TR 33.868 4.1.4.1).

Encrypted for its audience, signed and numbered (`nfs.common.cose`); for a group of a region that wants it so, readable
for everybody.  A group is never sent anything else once protection is configured; a single device is where there is a
key for it.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from pydantic import Field

from diameter.config import KeyFile, Table
from diameter.standing import Count
from nfs.common.app_keys import AudienceTable, Keys, RegionTable, SignerId, provisioned, read_hex
from nfs.common.cose import Claims, protect
from nfs.common.cose_content import IV_OCTETS
from nfs.common.group_keys import GroupKey
from nfs.common.standing import counted
from nfs.scs.logic import TriggerRequest

REMEMBERED: Final = 1000
"""Requests under a number of the application's choice that had no answer: asked for again, they are the same octets."""
MICROSECONDS: Final = 1_000_000
PAYLOADS: Final = ("mtc_scs_payloads", "Payloads of an SCS that protects them, by what was done", "outcome")
"""Family of counters."""


class ProtectionTable(Table):
    """The `[protection]` table of an SCS."""

    signer: SignerId = Field(description="number of its key, by which devices find the public one")
    secret_file: KeyFile = Field(description="file with its secret key (Ed25519), 64 hexadecimal digits")
    audience: tuple[AudienceTable, ...] = Field(
        default=(), strict=False, description="`[[protection.audience]]`: whom messages are encrypted for"
    )
    region: tuple[RegionTable, ...] = Field(
        default=(), strict=False, description="`[[protection.region]]`: where messages for groups may not be encrypted"
    )


class Protector:
    """Makes envelopes of payloads.  clock: seconds since 1970.

    The numbers are microseconds, and rise in any case: they go on after a restart without being remembered.
    """

    def __init__(
        self,
        signer: str,
        secret: bytes,
        keys: Keys,
        clock: Callable[[], float],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._signer = signer.encode()
        self._secret = secret
        self._keys = keys
        self._clock = clock
        self._random = random
        self._last = 0
        self._made: OrderedDict[int, tuple[str, bytes, bytes]] = OrderedDict()
        self.counters = {"protected": 0, "signed only": 0, "without a key": 0, "refused": 0}

    def __call__(self, request: TriggerRequest) -> TriggerRequest:
        """The request with its payload in an envelope.  Raises ValueError for a group that there is no key for."""
        if request.recall is not None:
            return request
        name = request.external_identifier or request.msisdn or ""
        ring = self._keys.audience(name)
        if ring is None:
            if request.group:
                self.counters["refused"] += 1
                raise ValueError(f"no key to protect what is sent to {name} (protection.audience)")
            self.counters["without a key"] += 1
            return request
        hidden = not request.group or self._keys.confidential(name)
        self.counters["protected" if hidden else "signed only"] += 1
        key = ring.current
        if request.reference is None:
            return replace(request, payload=self._envelope(name, key, request.payload, hidden=hidden))
        made = self._made.get(request.reference)
        if made is None or made[:2] != (name, request.payload):
            made = name, request.payload, self._envelope(name, key, request.payload, hidden=hidden)
            self._made[request.reference] = made
            if len(self._made) > REMEMBERED:
                self._made.popitem(last=False)
        return replace(request, payload=made[2])

    def answered(self, reference: int) -> None:
        """The network has decided: under this number a request is a new one, which devices are to take."""
        self._made.pop(reference, None)

    def counts(self) -> Iterator[Count]:
        """What was done with payloads."""
        return counted(*PAYLOADS, self.counters)

    def take(self, signer: str, secret: bytes, keys: Keys) -> None:
        """Go by other keys from now on: a group's was renewed."""
        self._signer, self._secret, self._keys = signer.encode(), secret, keys

    def _envelope(self, name: str, key: GroupKey, payload: bytes, *, hidden: bool) -> bytes:
        now = self._clock()
        self._last = max(self._last + 1, int(now * MICROSECONDS))
        claims = Claims(signer=self._signer, audience=name.lower(), made_at=int(now), number=self._last)
        return protect(
            payload,
            claims,
            secret=self._secret,
            key=key.octets,
            iv=self._random(IV_OCTETS),
            number=key.number,
            hidden=hidden,
        )


def protector(table: ProtectionTable, clock: Callable[[], float]) -> Protector:
    """As a configuration has it.  Raises ConfigError."""
    return Protector(*_keys(table), clock)


def renewed(guard: Protector | None, table: ProtectionTable | None) -> None:
    """Read the keys of a configuration again.  Raises ConfigError, and then those of before stay."""
    if guard is not None and table is not None:
        guard.take(*_keys(table))


def _keys(table: ProtectionTable) -> tuple[str, bytes, Keys]:
    return table.signer, read_hex(table.secret_file), provisioned((), table.audience, table.region)
