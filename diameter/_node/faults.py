"""Fault injection: what `[[fault]]` rules do to messages between the links and the rest of the node.

The seams: where messages are queued (`Core.write`), and where a read has been cut into messages (`Traffic.take`).
While no rule is in force `Core.faults` is None, and that is all a message ever meets of this.  Base messages (CER, DWR,
DPR) are met as well.  The capture shows what is on the wire: what came before a rule touched it, what goes after.

Rejected: a screen (it sees no answers of others, no base messages and no octets), and a link that wraps another (it
knows neither borders of messages nor peers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from diameter._node.core import FAR, Core, DelayedCall, Line
from diameter.config import FaultConfig
from diameter.errors import ConfigError, LocalError
from diameter.message import Dictionary, Grouped, Message
from diameter.message.json import from_dict
from diameter.message.members import Members
from diameter.trace import Point
from diameter.wire import header

DWA: Final = (280, False)
OTHER: Final = 0x5A5A5A5A
"""Makes an identifier wrong."""
DEEPEST: Final = 48


class Rule:
    """One rule, its names resolved.  Raises ConfigError for a name that no dictionary has."""

    def __init__(self, config: FaultConfig, number: int, dictionary: Dictionary) -> None:
        self.config = config
        self.name = config.name or f"fault.{number}"
        self.met = 0
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
        if config.direction != "any" and (config.direction == "out") != outgoing:
            return False
        if config.kind != "any" and (config.kind == "request") != message.request:
            return False
        if self._application is not None and self._application != message.application_id:
            return False
        if self._commands is not None and (message.command_code, message.request) not in self._commands:
            return False
        if config.peer and (line.entry is None or line.entry.host.lower() != config.peer.lower()):
            return False
        if config.do == "no-dwa" and not outgoing:
            return False
        if config.identity and not _holds(message, config.identity.lower(), 0):
            return False
        self.met += 1
        if config.nth:
            return self.met == config.nth
        return config.percent == 100 or random.random() * 100 < config.percent


class Faults:
    """The rules in force on one node, and the messages they hold back."""

    def __init__(
        self,
        core: Core,
        wake: Callable[[Callable[[], None]], None],
        receive: Callable[[Line, Sequence[bytes]], None],
    ) -> None:
        """`receive`: takes messages as though they had come on a line.  Draws are the same in each run of a node."""
        self._core = core
        self._random = Random(core.config.origin_host)
        self._wake = wake
        self._receive = receive
        self._rules: list[Rule] = []
        self._waiting: set[DelayedCall] = set()
        self._passing = False

    def load(self, rules: Sequence[FaultConfig]) -> None:
        """Put `rules` in force in the place of those before.  Raises ConfigError and changes nothing."""
        dictionary = self._core.dictionary
        made = [Rule(one, number, dictionary) for number, one in enumerate(rules) if one.enabled]
        before, self._rules = self._rules, made
        self._core.faults = self if made else None
        for rule in made:
            self._core.say(Point.FAULT_RULE, reason=rule.describe())
        if before and not made:
            self._core.say(Point.FAULT_RULE, reason="no rule any more")

    def stop(self) -> None:
        """Forget what is held back."""
        waiting, self._waiting = self._waiting, set()
        for call in waiting:
            call.cancel()

    # ---- the two seams

    def outgoing(self, line: Line, octets: bytes) -> bytes:
        """What is to be written now in the place of one message; nothing when empty."""
        if self._passing or (rule := self._rule(line, octets, outgoing=True)) is None:
            return octets
        message = Message(octets, self._core.dictionary)
        config = rule.config
        match config.do:
            case "drop" | "no-dwa":
                return b""
            case "delay":
                self._later(config.delay_s, lambda: self._pass(line, octets))
                return b""
            case "duplicate":
                self._pass(line, octets)
                return octets
            case "octets":
                return bytes.fromhex(config.octets)
            case "close":
                self._close(line, rule)
                return b""
            case "result" if message.request:
                entry = line.entry
                origin = {"Origin-Host": entry.host, "Origin-Realm": entry.realm} if entry is not None else None
                answer = message.answer(config.result_code, origin, vendor=config.vendor).octets
                self._later(0, lambda: self._deliver(line, answer))
                return b""
        return _changed(rule, message)

    def incoming(self, line: Line, messages: Sequence[bytes]) -> list[bytes]:
        """What is to be handled now in the place of the messages of one read."""
        return [one for octets in messages for one in self._came(line, octets)]

    def _came(self, line: Line, octets: bytes) -> Sequence[bytes]:
        rule = self._rule(line, octets, outgoing=False)
        if rule is None:
            return (octets,)
        config = rule.config
        message = Message(octets, self._core.dictionary)
        match config.do:
            case "drop":
                return ()
            case "delay":
                self._later(config.delay_s, lambda: self._deliver(line, octets))
                return ()
            case "duplicate":
                return (octets, octets)
            case "close":
                self._close(line, rule)
                return ()
            case "result" if message.request:
                message.origin = self._core.origin
                self._pass(line, message.answer(config.result_code, vendor=config.vendor).octets)
                return ()
        return (_changed(rule, message),)

    # ---- small parts

    def _rule(self, line: Line, octets: bytes, *, outgoing: bool) -> Rule | None:
        """The first rule that fits; counted and logged.  Between workers none does: each worker has the same rules."""
        core = self._core
        if line.link.transport == FAR:
            return None
        message = Message(octets, core.dictionary)
        for rule in self._rules:
            if rule.fits(line, message, outgoing=outgoing, lab=core.config.lab, random=self._random):
                core.stats.faults += 1
                core.say(
                    Point.FAULT,
                    command=message.command,
                    application=message.application,
                    hop_by_hop=message.hop_by_hop,
                    peer=line.whose,
                    reason=f"{rule.name}, {rule.config.do}, {'out' if outgoing else 'in'}",
                )
                return rule
        return None

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        def due() -> None:
            self._waiting.discard(call)
            self._wake(act)

        call = self._core.clock.callLater(seconds, due)
        self._waiting.add(call)

    def _pass(self, line: Line, octets: bytes) -> None:
        """Write one message that no rule meets again."""
        if line.gone or line.link.id not in self._core.lines:
            return
        self._passing = True
        try:
            self._core.write(line, octets)
        finally:
            self._passing = False

    def _deliver(self, line: Line, octets: bytes) -> None:
        if not line.gone and line.link.id in self._core.lines:
            self._receive(line, (octets,))

    def _close(self, line: Line, rule: Rule) -> None:
        self._later(0, lambda: line.link.abort(f"closed by {rule.name}"))


def _changed(rule: Rule, message: Message) -> bytes:
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
