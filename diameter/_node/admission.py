"""Who may become a peer: what a CER, or a CEA, says of its sender is held against configuration and link."""

from __future__ import annotations

from diameter._node.core import Core, Line
from diameter._node.following import text_of
from diameter._node.manners import unannounced, unknown_peer
from diameter.config import PeerConfig
from diameter.errors import ResultCode
from diameter.message import Message
from diameter.peer.capabilities import CAPABILITIES_EXCHANGE
from diameter.security.identity import Complaint, may_claim
from diameter.transport.link import Link


def of_cer(core: Core, known: PeerConfig | None, host: str, cer: Message, link: Link) -> PeerConfig | Complaint:
    """The row of whoever sent a CER with this Origin-Host: `known`, or what a lab makes of one it does not know; or why
    it is refused.
    """
    row = known
    if row is None and not core.draining:
        row = unknown_peer(core.config, host, cer, link)
    if row is None:
        return _unknown(f"{host} is no peer of {core.config.origin_host}")
    complaint = may_claim(row, host, cer.get("Origin-Realm"), link.security, core.config)
    if complaint is not None:
        return complaint
    if elsewhere := unannounced(row, cer, link):
        return _unknown(elsewhere)
    return row


def of_cea(core: Core, line: Line, message: Message) -> Complaint | None:
    """Why a CEA on a link that we dialled is refused: its Origin-Realm is not the peer's, and requests for that realm
    would go there.  None for any other message.
    """
    realm = text_of(message, "Origin-Realm")
    if message.command_code != CAPABILITIES_EXCHANGE or message.request or line.config is None or realm is None:
        return None
    return may_claim(line.config, line.config.host, realm, line.link.security, core.config)


def _unknown(text: str) -> Complaint:
    return Complaint(rule="host", text=text, code=ResultCode.UNKNOWN_PEER)
