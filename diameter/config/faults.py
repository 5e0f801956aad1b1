"""`[[fault]]`: what goes wrong on purpose (see docs/faults.md), which messages it meets, and on which links it may."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config.base import Identity, Seconds, Table, one_line
from diameter.config.load import Complaints

Deed = Literal["result", "delay", "drop", "duplicate", "identifier", "edit", "octets", "close", "no-dwa"]

_KEYS: dict[str, tuple[str, ...]] = {
    "result": ("result_code", "vendor"),
    "delay": ("delay_s",),
    "identifier": ("identifier",),
    "edit": ("remove", "add"),
    "octets": ("octets",),
}


def _hex(text: str) -> str:
    try:
        bytes.fromhex(text)
    except ValueError:
        raise ValueError("not octets in hex") from None
    return text


class FaultConfig(Table):
    """One rule: messages that fit every key given are treated as `do` says.  The first rule that fits counts."""

    name: Annotated[str, AfterValidator(one_line)] = Field(default="", max_length=60, description="its name in the log")
    enabled: bool = Field(default=True, description="false: as if the rule were not here")
    application: str = Field(default="", description="name or number of the application; any when empty")
    command: str = Field(default="", description="name of the command, with or without -Request or -Answer, or number")
    kind: Literal["request", "answer", "any"] = Field(default="any", description="requests, answers or both")
    direction: Literal["in", "out", "any"] = Field(default="any", description="messages that come, that go, or both")
    peer: Identity | Literal[""] = Field(default="", description="Origin-Host of the adjacent peer; any when empty")
    identity: str = Field(
        default="", description="value of any AVP, digits also as TBCD: an IMSI, MSISDN, External-Identifier or host"
    )
    nth: int = Field(default=0, ge=0, description="only the n-th message that fits, from 1; 0: each")
    percent: float = Field(default=100, gt=0, le=100, description="share of the messages that fit, drawn at random")
    do: Deed = Field(description="what is done")
    result_code: int = Field(
        default=0, ge=0, lt=2**32, description="result: requests are answered with it, in answers it replaces theirs"
    )
    vendor: int = Field(default=0, ge=0, lt=2**32, description="result: not 0 makes it an Experimental-Result")
    delay_s: Seconds = Field(default=1, description="delay: seconds; messages behind it may overtake")
    identifier: Literal["hop-by-hop", "end-to-end"] = Field(default="hop-by-hop", description="identifier: which one")
    remove: tuple[str, ...] = Field(default=(), strict=False, description="edit: names of AVPs to take out")
    add: dict[str, Any] = Field(default={}, description="edit: AVPs to append, name to value, a table for a Grouped")
    octets: Annotated[str, AfterValidator(_hex)] = Field(
        default="", description="octets: hex that goes, or seems to have come, in the place of the message"
    )

    def label(self, number: int) -> str:
        """What it is called in the log: its name, or its place among the rules."""
        return self.name or f"fault.{number}"

    def meets(self, *, outgoing: bool) -> bool:
        """True for a direction it is for; `no-dwa` is for what this node answers unless it says "in" or "any"."""
        direction = self.direction
        if self.do == "no-dwa" and "direction" not in self.model_fields_set:
            direction = "out"
        return direction == "any" or (direction == "out") == outgoing

    @model_validator(mode="after")
    def _keys_fit_what_is_done(self) -> Self:
        found = [
            (key, f'means nothing with do = "{self.do}"')
            for deed, keys in _KEYS.items()
            for key in keys
            if deed != self.do and key in self.model_fields_set
        ]
        if self.do == "result" and not self.result_code:
            found.append(("result_code", "missing"))
        if self.do == "edit" and not self.remove and not self.add:
            found.append(("remove", "nothing to remove and nothing to add"))
        if self.do == "octets" and not self.octets:
            found.append(("octets", "missing"))
        if self.do == "no-dwa":
            given = {"application", "command", "kind"} & self.model_fields_set
            found += [(key, "is said by no-dwa itself") for key in sorted(given)]
        if found:
            raise Complaints(found)
        return self

    def misplaced(self, peers: Container[str], outside: Collection[str]) -> Iterator[str]:
        """What keeps the rule from being used in a configuration with these peers (lower-case hosts).  `outside`: those
        on whose links no faults may be injected.
        """
        if not self.enabled:
            return
        host = self.peer.lower()
        if host and host not in peers:
            yield f"{self.peer} is no [[peer]]"
        elif host in outside if host else outside:
            yield f"meets {self.peer or min(outside)}, outside the operator's domain: allowed in a lab only"
