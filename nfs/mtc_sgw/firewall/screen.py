"""The firewall as a screen of a node: an agent at the border, or a function that speaks with others itself.

Default deny: what comes from outside on a reference point that has no table is refused.  What comes from inside is
shown to the checks too, which learn from it where subscribers are.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

from diameter import ApplicationFault, Dictionary, Message, RemoteFault, ResultCode
from diameter.app import Neighbour, Screen
from diameter.config import FunctionConfig
from diameter.errors import ConfigError, DictionaryError
from diameter.standing import Count
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.function import Surroundings
from nfs.common.identities import IdentityError, decode_plmn, imsi
from nfs.mtc_sgw.firewall import checks
from nfs.mtc_sgw.firewall.crossing import Check, Crossing
from nfs.mtc_sgw.firewall.tables import FirewallTable, InterfaceTable
from nfs.mtc_sgw.logic import Refuse, plain
from nfs.mtc_sgw.plugins import pipeline


class Firewall(Screen):
    """The checks of every reference point.  clock: seconds since 1970.

    outside: Origin-Hosts of the peers outside, lower case.  `counts`: refusals by interface, check and verdict
    ("refused", "observed").  elsewhere: applications that another screen guards.
    """

    def __init__(
        self,
        table: FirewallTable,
        dictionary: Dictionary,
        audit: AuditLog,
        *,
        outside: Iterable[str],
        elsewhere: Collection[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ConfigError."""
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self._dictionary = dictionary
        self._audit = audit
        self._elsewhere = frozenset(elsewhere)
        self._clock = clock
        self._locations: dict[str, checks.PlausibleLocation] = {}
        self.load(table, outside)

    def load(self, table: FirewallTable, outside: Iterable[str]) -> None:
        """Go by another table from now on; last locations stay.  Raises ConfigError, and then nothing has changed."""
        made = {each.name: (each.mode, self._pipeline(each, table.remembered)) for each in table.interface}
        self._interfaces = made
        self._networks = table.networks()
        self._outside = frozenset(plain(host) for host in outside)

    def _pipeline(self, table: InterfaceTable, remembered: int) -> tuple[tuple[str, Check], ...]:
        try:
            self._dictionary.application(table.name)
        except DictionaryError as error:
            raise ConfigError(f"firewall.interface: {error}") from None
        rules = table.rules()
        located = self._locations.setdefault(table.name, checks.PlausibleLocation(rules, remembered=remembered))
        located.rules = rules
        own: dict[str, Check] = {
            "well-formed": checks.well_formed,
            "closed-command": checks.closed_command(rules),
            "home-network": checks.home_network(rules),
            "plausible-location": located.check,
        }
        place = f"firewall.interface: {table.name}: check "
        return pipeline(table.name, table.checks, own, place=place, takes="a Crossing")

    def standing(self) -> Iterator[Count]:
        """`counts` for the operator."""
        for (interface, check, verdict), number in sorted(self.counts.items()):
            labels = {"interface": interface, "check": check, "verdict": verdict}
            yield Count("mtc_firewall", "Messages that a check of the firewall met", labels, number)

    def inbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        """Let a request through, or give the fault that answers it."""
        interface = message.application
        if interface in self._elsewhere:
            return message
        outside = plain(neighbour.host) in self._outside
        known = self._interfaces.get(interface)
        if known is None:
            if not outside:
                return message
            code = ResultCode.APPLICATION_UNSUPPORTED
            refuse = Refuse(stage=Stage.AUTHORISATION, reason=f"{interface} is not open to the outside", result=code)
            return self._refused(message, neighbour, "application", refuse, "")
        mode, pipe = known
        crossing = self._crossing(message, neighbour, outside)
        for name, check in pipe:
            found = check(crossing)
            if found is not None:
                fault = self._refused(message, neighbour, name, found, crossing.imsi or "", observed=mode == "observe")
                return message if mode == "observe" else fault
        return message

    def _crossing(self, message: Message, neighbour: Neighbour, outside: bool) -> Crossing:
        return Crossing(
            interface=message.application,
            command=message.command,
            peer=plain(neighbour.host),
            outside=outside,
            origin=plain(_text(message, "Origin-Host")),
            realm=plain(_text(message, "Origin-Realm")),
            message=message,
            networks=self._networks,
            now=self._clock(),
            imsi=_imsi(message),
            visited=_visited(message),
        )

    def _refused(
        self, message: Message, neighbour: Neighbour, check: str, refuse: Refuse, target: str, *, observed: bool = False
    ) -> ApplicationFault:
        verdict = "observed" if observed else "refused"
        self.counts[message.application, check, verdict] += 1
        self._audit.refuse(
            Refusal(
                check=check,
                stage=refuse.stage,
                area=Area.CORE,
                peer=plain(neighbour.host),
                address=neighbour.remote,
                origin=plain(_text(message, "Origin-Host")),
                command=message.command,
                target=target,
                profile=message.application,
                result="observed" if observed else str(int(refuse.result)),
                reason=refuse.reason,
            )
        )
        return ApplicationFault(refuse.result)


def outside(config: FunctionConfig) -> list[str]:
    """The peers of a node that are outside."""
    return [peer.host for peer in config.peer if peer.placement == "outside"]


def of_config(
    config: FunctionConfig,
    table: FirewallTable | None,
    around: Surroundings,
    audit: AuditLog,
    elsewhere: Collection[str] = (),
) -> Firewall | None:
    """The firewall of a function, None without a table.  Raises ConfigError."""
    if table is None:
        return None
    clock, dictionary = around.reactor.seconds, around.dictionary
    return Firewall(table, dictionary, audit, outside=outside(config), elsewhere=elsewhere, clock=clock)


def _text(message: Message, name: str) -> str:
    try:
        return str(message.get(name, ""))
    except RemoteFault:
        return ""


def _imsi(message: Message) -> str | None:
    """The IMSI in User-Name, there or in User-Identifier; "" for what is none and for several, None without one.

    All of them are read: a message must not be about one subscriber here and about another one where it goes.
    """
    try:
        groups = (message, *message.all("User-Identifier"))
        found = {imsi(str(name)) for group in groups for name in group.all("User-Name")}
    except (RemoteFault, IdentityError):
        return ""
    return found.pop() if len(found) == 1 else "" if found else None


def _visited(message: Message) -> str | None:
    try:
        octets = message.get("Visited-PLMN-Id")
        return None if octets is None else decode_plmn(octets)
    except (RemoteFault, IdentityError):
        return ""
