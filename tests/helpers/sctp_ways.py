"""What tests of SCTP links share: how to reach one implementation, what arrives on which stream, small owners."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from twisted.internet.task import deferLater

from diameter.config import ListenConfig, PeerConfig
from diameter.transport.association import Received
from diameter.transport.link import Link
from diameter.transport.sctp import SctpLink
from helpers.loop import reactor
from helpers.sctp import FIRST, dialling, listening

LIMIT: Final = 262_144
"""Octets of a message, as configured by default."""


ONE_STREAM: Final[tuple[dict[str, Any], ...]] = (
    {"outbound_streams": 1},
    {"order": "ordered"},
    {"outbound_streams": 1, "order": "session"},
)


class Way:
    """How to reach the implementation under test."""

    sctp = "auto"

    def listening(self, host: str = FIRST, *more: str, **options: Any) -> ListenConfig:
        """A listener."""
        return listening(host, *more, sctp=self.sctp, **options)

    def dialling(self, *hosts: str, **options: Any) -> PeerConfig:
        """The peer that listens there."""
        return dialling(*hosts, sctp=self.sctp, **options)


@contextmanager
def seen() -> Iterator[dict[int, list[Received]]]:
    """Within: what arrives with its streams and payload protocol identifiers, by the number of the link."""
    found: dict[int, list[Received]] = {}
    real = SctpLink.received

    def received(self: SctpLink, messages: Any) -> None:
        found.setdefault(self.id, []).extend(messages)
        real(self, messages)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SctpLink, "received", received)
        yield found


def back(link: Link, data: bytes) -> None:
    """Send what came."""
    link.write(data, ordered=False)


def talkative(link: Link, data: bytes) -> None:
    """Say more than was asked."""
    for _ in range(8):
        link.write(b"y" * 4096)


def numbered(count: int) -> list[bytes]:
    """Messages that tell their order."""
    return [b"%06d" % number for number in range(count)]


async def turn() -> None:
    """Let the reactor look at its descriptors once."""
    await deferLater(reactor, 0)
