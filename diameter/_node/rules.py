"""One `[[fault]]` rule with its names resolved: which messages it fits, and what becomes of one that is altered."""

from __future__ import annotations

from random import Random
from typing import Final

from diameter._node.core import Line
from diameter.config import FaultConfig
from diameter.errors import ConfigError, LocalError
from diameter.message import Dictionary, Grouped, Message
from diameter.message.json import from_dict
from diameter.message.members import Members
from diameter.wire import header

DWA: Final = (280, False)
OTHER: Final = 0x5A5A5A5A
"""Makes an identifier wrong."""
DEEPEST: Final = 48


class Rule:
    """One rule, its names resolved.  Raises ConfigError for a name that no dictionary has."""

    def __init__(self, config: FaultConfig, number: int, dictionary: Dictionary) -> None:
        self.config = config
        self.number = number
        self.name = config.label(number)
        self.met = self.hits = 0
        self._dictionary = dictionary
        self._added: dict[int, bytes] = {}
        try:
            self._application = _application(config.application, dictionary)
            self._commands = _commands(config, dictionary)
            tables = dictionary.tables(self._application or 0)
            for name in config.remove:
                tables.definition(name)
            self.added(self._application or 0)
        except LocalError as error:
            raise ConfigError(f"fault.{number}: {error}") from None

    def describe(self) -> str:
        """For the log; without the identity that it looks for."""
        given = self.config.model_dump(exclude_unset=True, exclude={"name", "enabled", "identity", "add", "octets"})
        return f"{self.name} ({', '.join(f'{key} = {value}' for key, value in given.items())})"

    def added(self, application_id: int) -> bytes:
        """Octets of the AVPs to append, by the rules of one application."""
        found = self._added.get(application_id)
        if found is None:
            short = {"application_id": application_id, "avps": self.config.add}
            found = self._added[application_id] = from_dict(short, self._dictionary).octets[header.LENGTH :]
        return found

    def fits(self, line: Line, message: Message, *, outgoing: bool, lab: bool, random: Random) -> bool:
        """True when the rule is to be carried out on this message; counts those that match for `nth`."""
        config = self.config
        if not lab and (line.config is None or line.config.placement == "outside"):
            return False
        if not config.meets(outgoing=outgoing):
            return False
        if config.kind != "any" and (config.kind == "request") != message.request:
            return False
        if self._application is not None and self._application != message.application_id:
            return False
        if self._commands is not None and (message.command_code, message.request) not in self._commands:
            return False
        if config.peer and (line.entry is None or line.entry.host.lower() != config.peer.lower()):
            return False
        if config.identity and not _holds(message, config.identity.lower(), 0):
            return False
        self.met += 1
        if config.nth:
            return self.met == config.nth
        return config.percent == 100 or random.random() * 100 < config.percent


def changed(rule: Rule, message: Message) -> bytes:
    """The octets of an altered message: another result, wrong identifiers, AVPs taken out and put in."""
    config = rule.config
    if config.do == "identifier":
        hop = config.identifier == "hop-by-hop"
        return message.with_identifiers(
            message.hop_by_hop ^ (OTHER if hop else 0), message.end_to_end ^ (0 if hop else OTHER)
        ).octets
    if config.do == "edit":
        octets = message.edit(remove=config.remove).octets + rule.added(message.application_id)
        return octets[:1] + len(octets).to_bytes(3) + octets[4:]
    code, vendor = config.result_code, config.vendor
    result = {"Experimental-Result": {"Vendor-Id": vendor, "Experimental-Result-Code": code}}
    flags = message.flags & ~header.FLAG_E | (header.FLAG_E if not vendor and 3000 <= code < 4000 else 0)
    return message.edit(
        remove=("Result-Code", "Experimental-Result"), add=result if vendor else {"Result-Code": code}, flags=flags
    ).octets


def _application(name: str, dictionary: Dictionary) -> int | None:
    """None for any."""
    if not name:
        return None
    return int(name) if name.isascii() and name.isdigit() else dictionary.application(name).id


def _commands(config: FaultConfig, dictionary: Dictionary) -> frozenset[tuple[int, bool]] | None:
    """(code, request) of the commands meant; None for any."""
    name = config.command
    if config.do == "no-dwa":
        return frozenset({DWA})
    if not name:
        return None
    if name.isascii() and name.isdigit():
        return frozenset({(int(name), True), (int(name), False)})
    found = frozenset((one.code, one.request) for one in dictionary.commands_named(name))
    if not found:
        raise ConfigError(f"no dictionary has a command {name!r}")
    return found


def _holds(members: Members, identity: str, depth: int) -> bool:
    """True when an AVP at any depth has this value, in lower case."""
    for one in members.avps:
        value = one.value
        if isinstance(value, Grouped):
            if depth < DEEPEST and _holds(value, identity, depth + 1):
                return True
        elif isinstance(value, bytes):
            digits = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in value).rstrip("f")
            if identity in (digits, value.decode("ascii", "replace").lower()):
                return True
        elif str(value).lower() == identity:
            return True
    return False
