"""Redirecting (RFC 6733 sections 2.8.3, 6.1.8, 6.12 to 6.14): the agent that says where to ask, and those who follow.

`Redirector` is the agent: it answers 3006 with the hosts of its table.  `indication` reads such an answer; `Redirects`
remembers it for what its Redirect-Host-Usage names and as long as Redirect-Max-Cache-Time allows, and is asked before
the routing table.  Where several entries match, the order of section 6.13 decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from diameter.errors import ApplicationFault, RemoteFault, ResultCode
from diameter.message.message import Message
from diameter.routing.agents import Agent, Decision
from diameter.routing.entries import ANY, ANY_REALM, Route, Source
from diameter.wire.types import DiameterUri, parse_uri

CACHE_LIMIT: Final = 10_000
"""Redirections remembered; a redirect agent may make one for each session."""
LONGEST_S: Final = 86_400.0
"""Longest time a redirection is believed, whatever its Redirect-Max-Cache-Time says (up to 136 years)."""


class Usage(IntEnum):
    """Redirect-Host-Usage (section 6.13)."""

    DONT_CACHE = 0
    ALL_SESSION = 1
    ALL_REALM = 2
    REALM_AND_APPLICATION = 3
    ALL_APPLICATION = 4
    ALL_HOST = 5
    ALL_USER = 6


PRECEDENCE: Final = (
    Usage.ALL_SESSION,
    Usage.ALL_USER,
    Usage.REALM_AND_APPLICATION,
    Usage.ALL_REALM,
    Usage.ALL_APPLICATION,
    Usage.ALL_HOST,
)
"""Which usage counts first (section 6.13)."""
NAMED: Final = (Usage.ALL_SESSION, Usage.ALL_HOST)
"""Those of them that count for a request whose Destination-Host is a peer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirection:
    """Where to ask instead.  `hosts`: DiameterURIs, best first; `cache_s`: how long, for any usage but DONT_CACHE."""

    hosts: tuple[str, ...]
    usage: Usage = Usage.DONT_CACHE
    cache_s: int = 0


def redirect_answer(request: Message, to: Redirection) -> Message:
    """The redirect indication that answers a request (section 6.1.8)."""
    avps: dict[str, Any] = {"Redirect-Host": list(to.hosts)}
    if to.usage is not Usage.DONT_CACHE:
        avps["Redirect-Host-Usage"] = int(to.usage)
        avps["Redirect-Max-Cache-Time"] = to.cache_s
    return request.answer(int(ResultCode.REDIRECT_INDICATION), avps)


class Redirector(Agent):
    """A redirect agent: it sends no request on, unless `relays` has it do so where its table has no entry."""

    def __init__(self, table: Mapping[tuple[str, int], Redirection], *, relays: bool = False) -> None:
        """`table`: by (realm, application id); ANY_REALM and ANY stand for the others."""
        self._table = {(realm.lower(), application): to for (realm, application), to in table.items()}
        self._relays = relays

    def request(self, request: Message, source: str) -> Decision:
        """The redirect indication for a request (section 6.1.8)."""
        found = self._find(request.get("Destination-Realm", "").lower(), request.application_id)
        if found is None:
            if self._relays:
                return request
            return ApplicationFault(ResultCode.UNABLE_TO_DELIVER, "no redirection for this realm and application")
        return redirect_answer(request, found)

    def _find(self, realm: str, application: int) -> Redirection | None:
        keys = ((realm, application), (realm, ANY), (ANY_REALM, application), (ANY_REALM, ANY))
        return next((self._table[key] for key in keys if key in self._table), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Indication:
    """What a redirect answer says.  Without a cache time, which it MUST have, nothing is cached."""

    hosts: tuple[DiameterUri, ...]
    usage: Usage
    cache_s: float


def indication(answer: Message) -> Indication | None:
    """Read a redirect answer; None for any other answer, and for one that names no host that can be read."""
    if not answer.error or answer.result != (0, ResultCode.REDIRECT_INDICATION):
        return None
    try:
        hosts = tuple(parse_uri(text) for text in answer.all("Redirect-Host"))
        number, seconds = answer.get("Redirect-Host-Usage", 0), answer.get("Redirect-Max-Cache-Time", 0)
    except (RemoteFault, ValueError):
        return None
    if not hosts:
        return None
    usage, cache_s = believed(number, seconds)
    return Indication(hosts=hosts, usage=usage, cache_s=cache_s)


def believed(number: int, seconds: int) -> tuple[Usage, float]:
    """What a Redirect-Host-Usage and a Redirect-Max-Cache-Time come to."""
    usage = Usage(number) if number in Usage.__members__.values() and seconds else Usage.DONT_CACHE
    return usage, min(float(seconds), LONGEST_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of a request decides whether a redirection is for it.  `host`: the peer it would go to, or went to."""

    application: int
    realm: str | None
    session: str | None = None
    user: str | None = None
    host: str | None = None


Key = tuple[Usage, object]


def _key(usage: Usage, asked: Asked) -> Key | None:
    """What a redirection of this usage is remembered by, None where the request has nothing of the kind."""
    realm = None if asked.realm is None else asked.realm.lower()
    values: dict[Usage, object] = {
        Usage.ALL_SESSION: asked.session,
        Usage.ALL_USER: asked.user,
        Usage.REALM_AND_APPLICATION: None if realm is None else (realm, asked.application),
        Usage.ALL_REALM: realm,
        Usage.ALL_APPLICATION: asked.application,
        Usage.ALL_HOST: None if asked.host is None else asked.host.lower(),
    }
    value = values.get(usage)
    return None if value is None else (usage, value)


class Redirects:
    """Redirections that are remembered."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: dict[Key, tuple[float, tuple[str, ...]]] = {}
        """Until when each is remembered, and the names it leads to; always the same dictionary."""

    def __len__(self) -> int:
        return len(self.entries)

    def learn(self, said: Indication, asked: Asked, now: float) -> None:
        """Remember what a redirect answer said to a request."""
        hosts = tuple(uri.fqdn.rstrip(".").lower() for uri in said.hosts)
        self.keep(said.usage, said.cache_s, hosts, asked, now)

    def keep(self, usage: Usage, cache_s: float, names: tuple[str, ...], asked: Asked, now: float) -> None:
        """Remember where requests like this one go: names of hosts, or the one of a realm (RFC 7075)."""
        key = _key(usage, asked)
        if key is None:
            return
        if len(self.entries) >= CACHE_LIMIT:
            self._tidy(now)
        self.entries[key] = now + cache_s, names

    def find(self, asked: Asked, now: float, usages: Sequence[Usage] = PRECEDENCE) -> Sequence[str]:
        """The hosts to ask instead, best first; none when no redirection of these usages is for this request."""
        for usage in usages:
            key = _key(usage, asked)
            found = None if key is None else self.entries.get(key)
            if found is not None:
                if found[0] > now:
                    return found[1]
                assert key is not None
                del self.entries[key]
        return ()

    def routes(self, now: float) -> list[Route]:
        """Those for a realm, an application or both, as routes; the others are for one session, user or peer."""
        found = []
        for (usage, value), (until, hosts) in self.entries.items():
            realm, application = ANY_REALM, ANY
            if usage is Usage.REALM_AND_APPLICATION and isinstance(value, tuple):
                realm, application = value
            elif usage is Usage.ALL_REALM and isinstance(value, str):
                realm = value
            elif usage is Usage.ALL_APPLICATION and isinstance(value, int):
                application = value
            else:
                continue
            if until > now:
                found.append(
                    Route(realm=realm, application=application, hosts=hosts, source=Source.REDIRECT, expires=until)
                )
        return found

    def leads(self, host: str, now: float) -> bool:
        """True while a redirection to this host, in lower case, is remembered."""
        return any(host in hosts and until > now for until, hosts in self.entries.values())

    def forget(self, host: str) -> None:
        """A host cannot be reached any more: whatever leads there is deleted (section 6.14)."""
        name = host.lower()
        for key, (until, hosts) in list(self.entries.items()):
            left = tuple(each for each in hosts if each != name)
            if not left:
                del self.entries[key]
            elif left != hosts:
                self.entries[key] = until, left

    def _tidy(self, now: float) -> None:
        """Make room: what is over goes, and the oldest entry if nothing is."""
        for key in [key for key, (until, _) in self.entries.items() if until <= now]:
            del self.entries[key]
        if len(self.entries) >= CACHE_LIMIT:
            del self.entries[next(iter(self.entries))]
