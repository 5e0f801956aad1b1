"""Refusals pushed to the owners' webhooks: one POST of several at a time for each owner, tried again, never waited for.

The body is {"schema": 1, "owner": ..., "refusals": [...]}; the header `mtc-signature` has `sha256=` and HMAC-SHA-256 of
the body in hex, the key being the SHA-256 of the owner's token in hex: so the owner knows who it is from.  What is not
taken in the end, or finds no room in the queue, is counted and can still be asked for.
"""

from __future__ import annotations

import hmac
import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import treq
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from diameter.errors import ConfigError

QUEUE: Final = 1000
"""Refusals that wait for one owner at most."""
AT_ONCE: Final = 100
TRIES: Final = 8
FIRST_S: Final = 1.0
LONGEST_S: Final = 300.0
TIMEOUT_S: Final = 10.0
_log = Logger(namespace="nfs")
Post = Callable[[str, bytes, dict[bytes, bytes]], Deferred[int]]
"""POST to an URL; fires with the status."""


class _Queue:
    __slots__ = ("busy", "timer", "tries", "url", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[dict[str, Any]] = deque()
        self.url = ""
        self.tries = 0
        self.busy = False
        self.timer: Any = None


class Push:
    """clock: gives callLater.  key: the owner's key for signatures, None for an owner who is gone."""

    def __init__(self, post: Post, clock: Any, key: Callable[[str], bytes | None]) -> None:
        self._post = post
        self._clock = clock
        self._key = key
        self._queues: dict[str, _Queue] = {}
        self._stopped = False
        self.pushed = 0
        self.lost = 0

    def tell(self, refusal: dict[str, Any], owner: str, url: str) -> None:
        """Have a refusal pushed; the oldest goes when there are too many."""
        queue = self._queues.setdefault(owner, _Queue())
        queue.url = url
        if len(queue.waiting) >= QUEUE:
            queue.waiting.popleft()
            self.lost += 1
        queue.waiting.append(refusal)
        if not queue.busy and queue.timer is None and not self._stopped:
            queue.timer = self._clock.callLater(0, self._send, owner, queue)

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped = True
        for queue in self._queues.values():
            if queue.timer is not None and queue.timer.active():
                queue.timer.cancel()
            queue.timer = None

    def _send(self, owner: str, queue: _Queue) -> None:
        queue.timer = None
        key = self._key(owner)
        if key is None:
            del self._queues[owner]
            return
        batch = [queue.waiting[at] for at in range(min(AT_ONCE, len(queue.waiting)))]
        body = json.dumps({"schema": 1, "owner": owner, "refusals": batch}).encode()
        signature = b"sha256=" + hmac.digest(key, body, "sha256").hex().encode()
        headers = {b"content-type": b"application/json", b"mtc-signature": signature}
        queue.busy = True
        posting = maybeDeferred(self._post, queue.url, body, headers).addTimeout(TIMEOUT_S, self._clock)
        _ = posting.addBoth(self._done, owner, queue, batch)

    def _done(self, status: int | Failure, owner: str, queue: _Queue, batch: list[dict[str, Any]]) -> None:
        queue.busy = False
        taken = status.__class__ is int and 200 <= int(str(status)) < 300
        queue.tries = 0 if taken else queue.tries + 1
        if taken or queue.tries >= TRIES:
            for each in batch:  # by identity: the oldest may have gone meanwhile
                if queue.waiting and queue.waiting[0] is each:
                    queue.waiting.popleft()
            if taken:
                self.pushed += len(batch)
            else:
                self.lost += len(batch)
                queue.tries = 0
                why = status.getErrorMessage() if isinstance(status, Failure) else f"status {status}"
                _log.warn(
                    "webhook of {owner}: {count} refusals given up: {why}", owner=owner, count=len(batch), why=why
                )
        if queue.waiting and not self._stopped:
            wait_s = min(LONGEST_S, FIRST_S * 2 ** (queue.tries - 1)) if queue.tries else 0.0
            queue.timer = self._clock.callLater(wait_s, self._send, owner, queue)


@implementer(IOpenSSLClientConnectionCreator)
class _Named:
    """The TLS of links to one host, whose certificate must carry its name."""

    def __init__(self, context: SSL.Context, host: str) -> None:
        self._context = context
        self._host = host

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """The TLS of one link."""
        connection = SSL.Connection(self._context, None)
        connection.set_tlsext_host_name(self._host.encode("ascii"))
        connection.set_verify(SSL.VERIFY_PEER, self._judge)
        return connection

    def _judge(self, _connection: SSL.Connection, shown: crypto.X509, _error: int, depth: int, ok: int) -> bool:
        if not ok or depth:
            return bool(ok)
        try:
            verify_certificate_hostname(shown.to_cryptography(), self._host)
        except (CertificateError, VerificationError):
            return False
        return True


@implementer(IPolicyForHTTPS)
class _Trust:
    """TLS 1.2 and later with hosts that show a good certificate of their name."""

    def __init__(self, trust: Path | None) -> None:
        self._context = SSL.Context(SSL.TLS_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        self._context.set_verify(SSL.VERIFY_PEER)
        if trust is None:
            self._context.set_default_verify_paths()
        else:
            self._context.load_verify_locations(str(trust))

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        """What checks the name."""
        return _Named(self._context, hostname.decode("ascii"))


def poster(reactor: Any, trust: Path | None) -> Post:
    """POST by HTTPS, to hosts whose certificate is good, following no redirect.  Raises ConfigError.

    trust: PEM file of the CAs to trust, None for those of the system.
    """
    plain_treq, pool, agent_of = map(_untyped, (treq, HTTPConnectionPool, Agent))
    try:
        policy = _Trust(trust)
    except SSL.Error:
        raise ConfigError(f"owners.webhook_trust: {trust}: no certificates") from None
    agent = agent_of(reactor, contextFactory=policy, pool=pool(reactor, persistent=False), connectTimeout=TIMEOUT_S)
    client = plain_treq.client.HTTPClient(agent)

    def post(url: str, body: bytes, headers: dict[bytes, bytes]) -> Deferred[int]:
        posting = client.post(url, data=body, headers=headers, allow_redirects=False)
        found: Deferred[int] = posting.addCallback(_status)
        return found

    return post


def _status(response: Any) -> Any:
    """The status of an answer, whose body is not read."""
    code = response.code
    response.deliverBody(_Nobody())
    return code


class _Nobody(Protocol):
    """Ends the link at the first octet of a body."""

    def connectionMade(self) -> None:
        """Close at once."""
        stop = getattr(self.transport, "loseConnection", None) or getattr(self.transport, "abortConnection", None)
        if stop is not None:
            stop()


def _untyped(thing: Any) -> Any:
    return thing
