"""What the configuration of a relay says of messages on their way: rewrite rules, and realms to ask elsewhere for.

An agent that changes more than routing AVPs is a proxy in the words of RFC 6733 section 2.8; it goes on advertising the
relay application, because its rules hold for applications that it does not know as well.  What no rule names keeps its
octets.

Names of hosts are changed wherever the other side would read them: in Origin-Host, Destination-Host and Route-Record,
and in the Route-Record that this agent adds for the peer itself.  So a realm that hides its hosts does so consistently,
and whoever checks that a Route-Record begins with the Origin-Host finds it so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from diameter import Dictionary, Message
from diameter.app import Neighbour
from diameter.errors import ConfigError, DictionaryError, EncodeError, RemoteFault, UnknownName
from diameter.message.build import write_avps
from diameter.message.tables import Tables
from diameter.routing.agents import Agent, Decision
from diameter.routing.redirect import Redirection, Redirector, Usage
from diameter.routing.table import ANY
from nfs.relay.config import RedirectRule, RewriteRule

REALMS = ("Origin-Realm", "Destination-Realm")
HOSTS = ("Origin-Host", "Destination-Host", "Route-Record")


class Rewriting(Agent):
    """A relay with rewrite rules, which redirects what it is told to instead of sending it on."""

    def __init__(
        self, rules: Iterable[RewriteRule], dictionary: Dictionary, redirects: Iterable[RedirectRule] = ()
    ) -> None:
        """Raises ConfigError with a line for each rule that names what no dictionary has, or values of a wrong type."""
        self._requests: tuple[Rule, ...] = ()
        self._answers: tuple[Rule, ...] = ()
        self._redirector: Redirector | None = None
        self.load(rules, dictionary, redirects)

    def load(
        self, rules: Iterable[RewriteRule], dictionary: Dictionary, redirects: Iterable[RedirectRule] = ()
    ) -> None:
        """Take over other rules; on ConfigError the old ones stay in force."""
        made: list[Rule] = []
        wrong: list[str] = []
        table: dict[tuple[str, int], Redirection] = {}
        for at, redirect in enumerate(redirects):
            try:
                number = _application(redirect.application, dictionary)
            except ConfigError as error:
                wrong += [f"redirect.{at}.{line}" for line in error.lines]
                continue
            key = redirect.realm.lower(), ANY if number is None else number
            if key in table:
                wrong.append(f"redirect.{at}: same realm and application as one before")
            usage = Usage[redirect.usage.upper()]
            table[key] = Redirection(hosts=redirect.hosts, usage=usage, cache_s=redirect.cache_s)
        for at, rule in enumerate(rules):
            try:
                made.append(Rule(rule, dictionary))
            except ConfigError as error:
                wrong += [f"rewrite.{at}.{line}" for line in error.lines]
        if wrong:
            raise ConfigError(*wrong)
        self._requests = tuple(rule for rule in made if rule.direction != "answer")
        self._answers = tuple(rule for rule in made if rule.direction != "request")
        self._redirector = Redirector(table, relays=True) if table else None
        self.asks, self.edits = bool(self._requests or table), bool(self._answers)

    def request(self, request: Message, source: str) -> Decision:
        """The request after the rules for requests; or the answer that redirects it."""
        for rule in self._requests:
            if rule.fits(request, source):
                request = rule.apply(request)
        return request if self._redirector is None else self._redirector.request(request, source)

    def answer(self, answer: Message, request: Message) -> Message:
        """The answer after the rules for answers."""
        source = request.context.host if isinstance(request.context, Neighbour) else ""
        for rule in self._answers:
            if rule.fits(answer, source):
                answer = rule.apply(answer)
        return answer

    def known_as(self, source: str) -> str:
        """The name under which the other side knows a peer: that of the first rule for requests that changes it."""
        for rule in self._requests:
            new = rule.host.get(source.lower())
            if new is not None and (not rule.sources or source.lower() in rule.sources):
                return new
        return source


class Rule:
    """One rule, checked against the dictionaries."""

    __slots__ = ("_add", "_application", "_command", "_remove", "_replace", "direction", "host", "realm", "sources")

    def __init__(self, rule: RewriteRule, dictionary: Dictionary) -> None:
        """Raises ConfigError; its lines begin with the key."""
        self.direction = rule.direction
        self.sources = frozenset(peer.lower() for peer in rule.asked_by)
        self.realm = {old.lower(): new for old, new in rule.realm.items()}
        self.host = {old.lower(): new for old, new in rule.host.items()}
        self._application = _application(rule.application, dictionary)
        self._command = _command(rule.command, dictionary)
        tables = dictionary.tables(self._application or 0)
        wrong: list[str] = []
        for name in rule.remove:
            try:
                tables.definition(name)
            except UnknownName as error:
                wrong.append(f"remove: {error}")
        self._remove = tuple(rule.remove)
        self._replace = _values("replace", rule.replace, tables, wrong)
        self._add = _values("add", rule.add, tables, wrong)
        if wrong:
            raise ConfigError(*wrong)

    def fits(self, message: Message, source: str) -> bool:
        """True when the rule is for this message; `source`: the peer that asked."""
        if self._application is not None and message.application_id != self._application:
            return False
        if self._command is not None and message.command_code != self._command:
            return False
        return not self.sources or source.lower() in self.sources

    def apply(self, message: Message) -> Message:
        """The message with the changes; the same one when there are none."""
        replace: dict[str, Any] = {}
        if self.realm:
            replace |= _renamed(message, REALMS, self.realm)
        if self.host:
            replace |= _renamed(message, HOSTS, self.host)
        replace |= {name: value for name, value in self._replace.items() if name in message}
        if replace or self._add or self._remove:
            return message.edit(replace=replace, remove=self._remove, add=self._add)
        return message


def _renamed(message: Message, names: Iterable[str], table: Mapping[str, str]) -> dict[str, list[str]]:
    """The AVPs among `names` in which `table` changes something, with their new values.

    Beside one that is changed, instances that are no identity and so cannot be written again are left out.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        try:
            values = message.all(name)
        except RemoteFault:
            continue  # for the other side to complain about
        if any(value.lower() in table for value in values):
            found[name] = [table.get(value.lower(), value) for value in values if _writable(value)]
    return found


def _writable(value: str) -> bool:
    """Whether it is a DiameterIdentity as `diameter.wire` writes one: ASCII that prints, without spaces."""
    return bool(value) and value.isascii() and value.isprintable() and " " not in value


def _values(key: str, given: Mapping[str, Any], tables: Tables, wrong: list[str]) -> dict[str, Any]:
    """AVPs of a rule, each value as its AVP takes it; what does not fit goes to `wrong`."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        try:
            kind = tables.definition(name).type
            found[name] = [_fitting(one, kind) for one in value] if isinstance(value, list) else _fitting(value, kind)
            write_avps(tables, {name: found[name]})
        except (EncodeError, UnknownName) as error:
            wrong.append(f"{key}.{name}: {error}")
    return found


def _application(name: str, dictionary: Dictionary) -> int | None:
    if not name:
        return None
    if name.isdecimal():
        return int(name)
    try:
        return dictionary.application(name).id
    except DictionaryError as error:
        raise ConfigError(f"application: {error}") from None


def _command(name: str, dictionary: Dictionary) -> int | None:
    """The code of a command, which a request and its answer share."""
    if not name:
        return None
    if name.isdecimal():
        return int(name)
    found = dictionary.commands_named(name)
    if not found:
        raise ConfigError(f"command: no dictionary has a command named {name!r}")
    return found[0].code


def _fitting(value: Any, kind: str) -> Any:
    """A TOML value as the AVP takes it: octets as text, or as hex digits behind 0x."""
    if kind == "OctetString" and isinstance(value, str):
        if value.startswith("0x"):
            try:
                return bytes.fromhex(value[2:])
            except ValueError:
                raise EncodeError(f"{value!r} is not hexadecimal") from None
        return value.encode()
    return value
