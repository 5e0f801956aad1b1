"""One Diameter message: octets with a dictionary beside them; nothing is read before someone asks.

A Message keeps the octets it came in.  Faults are looked for when `faults` is read.  It is read-only: `edit` makes a
new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import diameter.message as parts  # its modules need this one; to import in each call costs 0.8 us
from diameter.errors import RemoteFault, UnknownName
from diameter.message import core
from diameter.message.members import Avp, Grouped, Members
from diameter.wire import header

if TYPE_CHECKING:
    from diameter.dictionary.model import CommandDef
    from diameter.message.build import Dictionary

__all__ = ["Avp", "Grouped", "Members", "Message"]


class Message(Members, core.Frame):
    """One Diameter message (RFC 6733 section 3), from any octets.

    `origin` and `context` belong to the node: octets of our Origin-Host and Origin-Realm that `answer` writes, and
    where the message came from.  `pending`: what `encode` still has to check of a message that was built here.
    """

    __slots__ = ()

    @property
    def definition(self) -> CommandDef | None:
        """What the dictionary says of this command in this direction, or None."""
        command = self.tables.command(self.command_code, self.request)
        return None if command is None else command.definition

    @property
    def command(self) -> str:
        """Name of the command ("Device-Action-Request"); of an unknown one the number as text."""
        command = self.tables.command(self.command_code, self.request)
        return str(self.command_code) if command is None else command.definition.name

    @property
    def application(self) -> str:
        """Name of the application ("Tsp"); of an unknown one the number as text."""
        one = self.dictionary.applications.get(self.application_id)
        return str(self.application_id) if one is None else one.name

    @property
    def result(self) -> tuple[int, int] | None:
        """(vendor, code) of Result-Code (vendor 0) or Experimental-Result; None when the message has neither."""
        try:
            code = self.get("Result-Code")
            if code is not None:
                return 0, code
            group = self.get("Experimental-Result")
            return None if group is None else (group.get("Vendor-Id", 0), group["Experimental-Result-Code"])
        except (KeyError, RemoteFault, UnknownName):
            return None

    def edit(
        self,
        *,
        add: Any = None,
        remove: Any = (),
        replace: Any = None,
        hop_by_hop: int | None = None,
        end_to_end: int | None = None,
        flags: int | None = None,
    ) -> Message:
        """A new Message; every AVP that is not named keeps its octets.

        `add`: name to value(s), appended.  `remove`: names, all instances.  `replace`: name to value(s), put where
        the first instance stands, all others go; KeyError when there is none.  Values as in `Dictionary.request`.
        """
        from diameter.message.edit import edited

        octets = self.octets if len(self.octets) >= 20 else self.octets.ljust(20, b"\0")
        if add or remove or replace:
            body = edited(self, add, remove, replace)
            size = (20 + len(body)) if self.framed else int.from_bytes(octets[1:4])
            octets = octets[:1] + size.to_bytes(3) + octets[4:20] + body
        hop = self.hop_by_hop if hop_by_hop is None else hop_by_hop
        end = self.end_to_end if end_to_end is None else end_to_end
        octets = header.with_identifiers(octets, hop, end)
        if flags is not None:
            octets = header.with_flags(octets, flags)
        made = Message(octets, self.dictionary)
        made.origin, made.context = self.origin, self.context
        return made

    def with_identifiers(self, hop_by_hop: int, end_to_end: int) -> Message:
        """The same message under other identifiers (RFC 6733 section 3)."""
        return Message(header.with_identifiers(self.octets, hop_by_hop, end_to_end), self.dictionary)

    def answer(
        self, code: int, avps: Any = None, *, vendor: int = 0, error: bool | None = None, echo: bool = True
    ) -> Message:
        """The answer to this request, see `message.answers.answer`."""
        return parts.answers.answer(self, code, avps, vendor=vendor, error=error, echo=echo)

    def refusal(self, fault: RemoteFault) -> Message:
        """The answer that tells the peer about one of `faults`, see `message.answers.refusal`."""
        return parts.answers.refusal(self, fault)

    def quote(self, *path: str) -> bytes:
        """For Failed-AVP: the AVP at `path`, outermost group first, as it came; an example where it is absent (7.5)."""
        from diameter.message.spot import quote

        return quote(self, path)

    def to_json(self, *, indent: int | None = None) -> str:
        """The message as JSON text, schema 1; `from_json` makes the same octets of it."""
        from diameter.message.json import dumps

        return dumps(self, indent)

    @classmethod
    def from_json(cls, text: str, dictionary: Dictionary) -> Message:
        """A message from JSON text; LocalError names what is wrong in it."""
        from diameter.message.json import loads

        return loads(text, dictionary)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self.octets == other.octets

    def __hash__(self) -> int:
        return hash(self.octets)

    def __repr__(self) -> str:
        kind = "request" if self.request else "answer"
        return f"Message({self.command}, {self.application}, {kind}, {len(self.octets)} octets)"
