"""Fault injection: what `[[fault]]` rules do to messages between the links and the rest of the node.

The seams: where messages are queued (`Core.write`), and where a read has been cut into messages (`Traffic.take`).
While no rule is in force `Core.faults` is None, and that is all a message ever meets of this.  Base messages (CER, DWR,
DPR) are met as well.  The capture shows what is on the wire: what came before a rule touched it, what goes after.

Rejected: a screen (it sees no answers of others, no base messages and no octets), and a link that wraps another (it
knows neither borders of messages nor peers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from diameter._node.core import FAR, Core, DelayedCall, Line
from diameter._node.rules import Rule, changed
from diameter.config import FaultConfig, NodeConfig
from diameter.errors import ConfigError
from diameter.message import Message
from diameter.trace import Point


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
        self.configured: tuple[FaultConfig, ...] = ()
        """Every rule there is, in force or switched off."""

    def check(self, rules: Sequence[FaultConfig], config: NodeConfig) -> list[Rule]:
        """The rules made ready.  Raises ConfigError for a name that nobody has, and for one that could meet a peer of
        `config` outside the operator's domain, where no lab is.
        """
        hosts = {row.host.lower() for row in config.peer}
        outside = {row.host.lower() for row in config.peer if row.placement == "outside" and not config.lab}
        wrong = [f"fault.{at}: {text}" for at, rule in enumerate(rules) for text in rule.misplaced(hosts, outside)]
        if wrong:
            raise ConfigError(*wrong)
        return [Rule(one, number, self._core.dictionary) for number, one in enumerate(rules) if one.enabled]

    def load(self, rules: Sequence[FaultConfig]) -> None:
        """Put `rules` in force in the place of those before.  Raises ConfigError and changes nothing."""
        self.put(rules, self.check(rules, self._core.config))

    def put(self, rules: Sequence[FaultConfig], made: list[Rule]) -> None:
        """Put in force what `check` has made of `rules`."""
        before, self._rules = self._rules, made
        self.configured = tuple(rules)
        self._core.faults = self if made else None
        for rule in made:
            self._core.say(Point.FAULT_RULE, reason=rule.describe())
        if before and not made:
            self._core.say(Point.FAULT_RULE, reason="no rule any more")

    def switch(self, name: str, enabled: bool) -> bool:
        """Switch the rules of this name on or off; False when there is none.  Raises ConfigError, see `check`."""
        known = [rule.label(number) == name for number, rule in enumerate(self.configured)]
        rules = [
            rule.model_copy(update={"enabled": enabled}) if same else rule
            for rule, same in zip(self.configured, known, strict=True)
        ]
        if rules != list(self.configured):
            self.load(rules)
        return any(known)

    def shown(self) -> Iterator[tuple[str, FaultConfig, int]]:
        """(name, rule, messages met) of every rule, those that are off too."""
        hits = {rule.number: rule.hits for rule in self._rules}
        for number, rule in enumerate(self.configured):
            yield rule.label(number), rule, hits.get(number, 0)

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
        return changed(rule, message)

    def incoming(self, line: Line, messages: Sequence[bytes]) -> list[bytes]:
        """What is to be handled now in the place of the messages of one read."""
        found: list[bytes] = []
        for at, octets in enumerate(messages):
            rule = self._rule(line, octets, outgoing=False)
            if rule is not None and rule.config.do == "octets":
                whole, behind = line.connection.instead(bytes.fromhex(rule.config.octets), messages[at + 1 :])
                return [*found, *whole, *self.incoming(line, behind)]
            found += (octets,) if rule is None else self._came(line, octets, rule)
        return found

    def _came(self, line: Line, octets: bytes, rule: Rule) -> Sequence[bytes]:
        config = rule.config
        message = Message(octets, self._core.dictionary)
        match config.do:
            case "drop" | "no-dwa":
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
        return (changed(rule, message),)

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
                rule.hits += 1
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
