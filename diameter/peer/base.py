"""Base messages of section 5 as octets: CER/CEA, DWR/DWA, DPR/DPA, built for one local identity and shared by its
peers.

DWR, and the DWA to a DWR in order, never change but for their identifiers, so they are built once; the others are rare.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from diameter.errors import RemoteFault, ResultCode
from diameter.message import decode, encode
from diameter.peer.capabilities import RELAY, LocalIdentity, Refusal
from diameter.peer.inputs import Close, DisconnectCause, Identify, Output, Refused, Send, Write
from diameter.wire import header

if TYPE_CHECKING:
    from diameter.message import Dictionary, Message
    from diameter.peer.connection import Connection


class BaseMessages:
    """Builder of base messages.  identify: the node's source of (Hop-by-Hop, End-to-End).  Raises EncodeError for an
    identity that cannot be said on the wire.
    """

    __slots__ = ("_dictionary", "_dwa", "_dwr", "_identify", "_narrowed", "_origin", "local")

    def __init__(self, local: LocalIdentity, dictionary: Dictionary, identify: Identify) -> None:
        self.local = local
        self._dictionary = dictionary
        self._identify = identify
        self._narrowed: dict[frozenset[int], BaseMessages] = {}
        self._origin = {"Origin-Host": local.origin_host, "Origin-Realm": local.origin_realm}
        dwr = dictionary.request("Device-Watchdog-Request", self._origin | self._state())
        self._dwr = encode(dwr)
        self._dwa = encode(dwr.answer(ResultCode.SUCCESS, self._origin | self._state()))

    def narrowed(self, ids: frozenset[int]) -> BaseMessages:
        """The builder for a peer that may use these applications alone: CER and CEA tell it of no other.

        A relay says that it is one to everybody (section 2.4), and who has none of them says what it has.
        """
        known = self._narrowed.get(ids)
        if known is None:
            every = self.local.applications
            kept = tuple(each for each in every if each.id in ids)
            if not kept or len(kept) == len(every) or RELAY in self.local.application_ids:
                return self
            vendors = tuple(sorted({each.vendor for each in kept if each.vendor}))
            local = replace(self.local, applications=kept, supported_vendors=vendors)
            known = self._narrowed[ids] = BaseMessages(local, self._dictionary, self._identify)
        return known

    def cer(self, connection: Connection) -> tuple[bytes, int]:
        """A CER for this link, and its Hop-by-Hop Identifier (section 5.3.1)."""
        return self._request("Capabilities-Exchange-Request", self._capabilities(connection))

    def dwr(self) -> tuple[bytes, int]:
        """A DWR and its Hop-by-Hop Identifier (section 5.5.1)."""
        hop, end = self._identify()
        return header.with_identifiers(self._dwr, hop, end), hop

    def dpr(self, cause: DisconnectCause) -> tuple[bytes, int]:
        """A DPR and its Hop-by-Hop Identifier (section 5.4.1)."""
        return self._request("Disconnect-Peer-Request", self._origin | {"Disconnect-Cause": int(cause)})

    def cea(self, connection: Connection, cer: Message, refusal: Refusal | None = None) -> bytes:
        """The CEA to a CER (section 5.3.2); a refusal of class 3xxx has the form of section 7.2 instead."""
        code = int(refusal.code or ResultCode.UNABLE_TO_COMPLY) if refusal is not None else ResultCode.SUCCESS
        avps = self._origin if 3000 <= code < 4000 else self._capabilities(connection)
        return encode(cer.answer(code, avps | _explained(refusal)))

    def answer(self, request: Message, refusal: Refusal | None = None) -> bytes:
        """The DWA or DPA to a request; with a refusal the answer says it."""
        if refusal is None and request.command_code == header.command_code(self._dwa):
            return header.with_identifiers(self._dwa, request.hop_by_hop, request.end_to_end)
        code = int(refusal.code or ResultCode.UNABLE_TO_COMPLY) if refusal is not None else ResultCode.SUCCESS
        return encode(request.answer(code, self._origin | _explained(refusal)))

    def refuse(self, connection: Connection, cer: Message, refusal: Refusal) -> list[Output]:
        """Refuse a CER: CEA, close, and say so."""
        link = connection.link
        return [
            Write(link=link, send=Send(self.cea(connection, cer, refusal))),
            Close(link=link, reason=refusal.reason),
            Refused(link=link, reason=refusal.reason, by_peer=False, result_code=refusal.code),
        ]

    def unframed(self, rest: bytes, fault: RemoteFault) -> bytes | None:
        """The answer to a request that cost us the position in the stream (5011, 5015); None when it is no request.

        rest: `Connection.rest`.  Of the octets only the header is believed.
        """
        if len(rest) < header.LENGTH or not header.is_request(rest):
            return None
        head = decode(rest[: header.LENGTH], self._dictionary)
        refusal = Refusal(int(fault.result_code), fault.text)
        return encode(head.answer(int(fault.result_code), self._origin | _explained(refusal), error=True))

    def _request(self, command: str, avps: dict[str, Any]) -> tuple[bytes, int]:
        hop, end = self._identify()
        return encode(self._dictionary.request(command, avps, hop_by_hop=hop, end_to_end=end)), hop

    def _state(self) -> dict[str, Any]:
        return {"Origin-State-Id": self.local.origin_state_id} if self.local.origin_state_id else {}

    def _capabilities(self, connection: Connection) -> dict[str, Any]:
        """AVPs of CER and CEA; lists may be empty."""
        local = self.local
        bare = [one for one in local.applications if not one.vendor]
        avps: dict[str, Any] = self._origin | {
            "Host-IP-Address": list(connection.addresses or local.addresses),
            "Vendor-Id": local.vendor_id,
            "Product-Name": local.product_name,
            **self._state(),
            "Supported-Vendor-Id": list(local.supported_vendors),
            "Auth-Application-Id": [one.id for one in bare if not one.accounting],
            "Acct-Application-Id": [one.id for one in bare if one.accounting],
            "Vendor-Specific-Application-Id": [
                {"Vendor-Id": one.vendor, "Acct-Application-Id" if one.accounting else "Auth-Application-Id": one.id}
                for one in local.applications
                if one.vendor
            ],
        }
        if local.firmware_revision is not None:
            avps["Firmware-Revision"] = local.firmware_revision
        return avps


def _explained(refusal: Refusal | None) -> dict[str, Any]:
    if refusal is None:
        return {}
    avps: dict[str, Any] = {"Error-Message": refusal.reason}
    if refusal.failed:
        avps["Failed-AVP"] = refusal.failed if isinstance(refusal.failed, bytes) else dict(refusal.failed)
    return avps
