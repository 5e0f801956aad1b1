"""Two ways to get a trigger out: as an SCS with an identity of its own, or through a running one by HTTP."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol

import treq
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.web.client import Agent, HTTPConnectionPool, RequestTransmissionFailed, ResponseFailed

from diameter import Dictionary
from diameter.errors import LocalError, RequestError
from diameter.node import Node, as_deferred
from nfs.cli._by_domain import ByDomain
from nfs.cli._load import Form
from nfs.scs.api import Scs
from nfs.scs.config import ScsConfig
from nfs.scs.form import report_to, request_to
from nfs.scs.groups import GroupTriggers
from nfs.scs.groups import report_to as group_to
from nfs.scs.logic import REFERENCES, Ledger, Stage, TriggerRequest
from nfs.scs.protection import protector

_agent: Any = Agent  # neither has types
_pool: Any = HTTPConnectionPool
OPEN_TIMEOUT_S: Final = 10.0
FOUND_TIMEOUT_S: Final = 60.0
"""From the question to the name server until an MTC-IWF takes requests; when DNS has none that is said at once."""
_POLL_S: Final = 30.0


class Submitter(Protocol):
    """What `mtc trigger` and `mtc demo` need."""

    async def start(self) -> None:
        """Connect; raises LocalError or RequestError with one line."""

    async def trigger(self, request: TriggerRequest, wait_s: float) -> Form:
        """One trigger: its report, after `wait_s` at most (0: the answer is enough)."""

    async def trigger_group(self, request: TriggerRequest, wait_s: float, members: int | None) -> Form:
        """One trigger for a group: who was reported once so many were, or `wait_s` was over."""

    async def stop(self) -> None:
        """Disconnect."""


class OwnScs:
    """An SCS in this process, one peer: the MTC-IWF.  domains: of the devices, whose MTC-IWFs DNS may have to find."""

    def __init__(
        self, config: ScsConfig, dictionary: Dictionary, reactor: Any, tap: Any = None, domains: Iterable[str] = ()
    ) -> None:
        self._reactor = reactor
        table = config.scs
        self._scs = Scs(
            number=table.number,
            realm=table.realm,
            mtc_iwf=table.mtc_iwf,
            clock=reactor.seconds,
            ledger=Ledger(first_reference=secrets.randbelow(REFERENCES)),
        )
        if config.protection is not None:
            self._scs.protect = protector(config.protection, reactor.seconds)
        mine = config.node_config
        self._search = ByDomain((row.realm for row in mine.peer if row.discover), reactor)
        observe = self._search.observe
        self._node = Node(mine, [self._scs.tsp], dictionary, reactor=reactor, tap=tap, observe=observe)
        self._mtc_iwf = table.mtc_iwf
        self._domains = (table.realm,) if table.realm is not None else tuple(domains)

    async def start(self) -> None:
        """Connect to the MTC-IWF, or to one of each domain."""
        await self._node.start()
        searched = [] if self._mtc_iwf is not None else self._search.looked_into(self._domains)
        for domain in searched:
            await self._search.until_open(self._node, domain, FOUND_TIMEOUT_S)
        if not searched:
            await self._node.when_open(self._mtc_iwf, OPEN_TIMEOUT_S)

    async def trigger(self, request: TriggerRequest, wait_s: float) -> Form:
        """See Submitter."""
        report = await self._node.run(self._scs.submit(request))
        if report.stage is Stage.ACCEPTED and wait_s > 0:
            reference = report.reference
            timer = self._reactor.callLater(wait_s, self._scs.give_up, reference, f"no report within {wait_s:g} s")
            report = await as_deferred(self._scs.wait(reference))
            if timer.active():
                timer.cancel()
        return report_to(report)

    async def trigger_group(self, request: TriggerRequest, wait_s: float, members: int | None) -> Form:
        """See Submitter."""
        groups = GroupTriggers(self._scs)
        report = await self._node.run(groups.submit(request))
        if report.stage is Stage.ACCEPTED and wait_s > 0:
            reference, many = report.reference, REFERENCES if members is None else members
            timer = self._reactor.callLater(wait_s, groups.give_up, reference, _missing(members, wait_s))
            report = await as_deferred(groups.wait(reference, many))
            if timer.active():
                timer.cancel()
        return group_to(report)

    async def stop(self) -> None:
        """DPR, then close."""
        await self._node.stop()


class ViaHttp:
    """A running SCS; url: its root ("http://127.0.0.1:8080"), token: what it asks for."""

    def __init__(self, url: str, token: str, reactor: Any) -> None:
        self._url = url.rstrip("/") + "/v1/"
        self._headers: dict[bytes | str, bytes | str] = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
        }
        self._pool: Any = _pool(reactor)
        self._pool.maxPersistentPerHost = 1000
        self._client = treq.client.HTTPClient(_agent(reactor, connectTimeout=OPEN_TIMEOUT_S, pool=self._pool))
        self._reactor = reactor

    async def start(self) -> None:
        """Nothing: the first request connects."""

    async def trigger(self, request: TriggerRequest, wait_s: float) -> Form:
        """See Submitter.  Raises LocalError for what the SCS does not take, RequestError when it cannot be reached."""
        begun = self._reactor.seconds()
        form = await self._call(
            "POST", f"triggers?wait_s={min(wait_s, _POLL_S):g}", json.dumps(request_to(request)).encode()
        )
        left = wait_s - (self._reactor.seconds() - begun)
        if form["stage"] == "accepted" and left > 0:
            form = dict(await self.report(form["reference"], left))
        if form["stage"] == "accepted" and wait_s > 0:
            form["error"] = f"no report within {wait_s:g} s"
        return form

    async def report(self, reference: int, wait_s: float) -> Form:
        """How far a trigger has come, once it has ended or `wait_s` is over."""
        until = self._reactor.seconds() + wait_s
        while True:
            left = max(0.0, until - self._reactor.seconds())
            form = await self._call("GET", f"triggers/{reference}?wait_s={min(left, _POLL_S):g}", None)
            if form["stage"] not in ("sent", "accepted") or left <= _POLL_S:
                return form

    async def trigger_group(self, request: TriggerRequest, wait_s: float, members: int | None) -> Form:
        """See Submitter.  Raises as `trigger` does."""
        until, many = self._reactor.seconds() + wait_s, REFERENCES if members is None else members
        form = await self._call("POST", "groups", json.dumps(request_to(request)).encode())
        while form["stage"] == "accepted" and form["reported"] < many and self._reactor.seconds() < until:
            left = until - self._reactor.seconds()
            form = await self._call(
                "GET", f"groups/{form['reference']}?members={many}&wait_s={min(left, _POLL_S):g}", None
            )
        if form["stage"] == "accepted" and wait_s > 0 and form["reported"] < many:
            form["error"] = _missing(members, wait_s) or None
        return form

    async def stop(self) -> None:
        """Close the connections."""
        await self._pool.closeCachedConnections()

    async def _call(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        url = self._url + path.partition("?")[0]
        try:
            response = await self._client.request(method, self._url + path, headers=self._headers, data=body)
            form = json.loads(await treq.content(response))
        except (ConnectError, ConnectionClosed, DNSLookupError) as error:
            raise RequestError(f"{url}: {error}") from None
        except (ResponseFailed, RequestTransmissionFailed) as error:
            if any(reason.check(CancelledError) for reason in error.reasons):
                raise CancelledError from None  # Ctrl-C
            raise RequestError(f"{url}: {error.reasons[0].getErrorMessage()}") from None
        except ValueError:
            raise RequestError(f"{url}: no JSON in the answer") from None
        if not isinstance(form, dict) or "stage" not in form:
            text = form.get("error", "?") if isinstance(form, dict) else "?"
            raise LocalError(f"{url}: {response.code}: {text}")
        return form


def _missing(members: int | None, wait_s: float) -> str:
    """What is said of a group of which too few members were reported."""
    return "" if members is None else f"not all {members} members within {wait_s:g} s"


def read_token(path: Path) -> str:
    """The first line of a token file; OSError when it cannot be read, LocalError when it is no text."""
    try:
        return path.read_text(encoding="ascii").partition("\n")[0].strip()
    except UnicodeDecodeError:
        raise LocalError(f"{path}: a token is ASCII text") from None
