"""Redirect answers, RFC 6733 section 6.1.8 and RFC 7075: whatever they say, each request ends once, with an answer from
somebody, and no server is asked twice, or as often as a request may be sent where it names a realm that leads back.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from helpers.fuzz import Choices, Kept, drive, instrumented

with instrumented(__name__):
    from diameter import Message
    from diameter._node.overloading import appended
    from diameter.routing.redirect import Redirects
    from diameter.wire import avp
    from helpers.agents import Chain, server_name
    from helpers.edits import DamagedChain, plain_success
    from helpers.nodes import Answering, dictionary

HOSTS = tuple(f"aaa://{server_name(at)}:{4000 + at};transport=tcp" for at in range(3))
REALMS = (b"home.example", b"other.example")
REDIRECT_REALM = 620
TIMES = (0, 1, 60, 0xFFFFFFFF)
Saying = tuple[int, dict[str, Any], bytes]
"""Result-Code, AVPs, and octets behind them, for what the dictionaries do not write."""


class Servers:
    """What each server says to a request: chosen for each input."""

    said: tuple[Saying | None, ...] = (None, None, None)


def _server(at: int) -> Answering:
    def then(request: Message) -> Message:
        said = Servers.said[at]
        if said is None:
            return plain_success(request)
        code, avps, more = said
        return Message(appended(request.answer(code, avps).octets, more), request.dictionary)

    return Answering(then)


def _open() -> Chain:
    return Chain([_server(at) for at in range(3)])


chain = Kept(lambda: DamagedChain(_open, dictionary()))
close = chain.close


def oracle(data: bytes) -> None:
    """Three octets for what the servers say, one for the requests; then what is damaged, and how."""
    choices = Choices(data)
    Servers.said = tuple(_said(choices) for _ in range(3))
    damaged = chain()
    following = damaged.chain.agent._requests.following
    following.cache = Redirects()
    requests = [damaged.chain.request(User_Name="u") for _ in range(1 + choices.below(3))]
    answers = damaged.ask(requests, choices)
    wanted = {request.hop_by_hop for request in requests}
    got = [answer.hop_by_hop for answer in answers if answer.hop_by_hop in wanted]
    assert len(got) == len(set(got)), "one answer at most"
    seen = Counter((at, one.end_to_end) for at in range(3) for one in damaged.chain.seen(at))
    realms = any(said is not None and said[0] == 3011 for said in Servers.said)
    assert max(seen.values(), default=0) <= (damaged.chain.agent.config.limits.transmissions if realms else 1)
    if damaged.whole:
        assert set(got) == wanted, "every request has its answer"
    assert len(following.cache) <= len(requests) * 3


def _said(choices: Choices) -> Saying | None:
    """The Result-Code and AVPs of one server, None for a success."""
    how, more = choices.below(4), choices.octet()
    if how == 0:
        return None
    if how == 1:
        return 3011, {}, avp.build(REDIRECT_REALM, 0, 0, REALMS[more % 2])
    hosts = [host for at, host in enumerate(HOSTS) if more >> at & 1] or ["aaas://stranger.example"]
    avps: dict[str, Any] = {"Redirect-Host": hosts}
    if more & 8:
        avps |= {"Redirect-Host-Usage": more >> 4 & 7, "Redirect-Max-Cache-Time": TIMES[how]}
    return 3006, avps, b""


if __name__ == "__main__":
    drive(oracle, "-max_len=64")
