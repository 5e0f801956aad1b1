"""A relay with rewrite rules: whatever passes, requests of a client or answers of a server, is rewritten or refused,
each request is answered once at most, and the relay meets no bug.
"""

from __future__ import annotations

from helpers.fuzz import Choices, Kept, drive, instrumented

with instrumented(__name__):
    from diameter import encode
    from helpers.agents import AGENT, CLIENT, HOME, Chain, server_name
    from helpers.edits import DamagedChain, edited, plain_success
    from helpers.nodes import Answering, dictionary
    from nfs.relay.config import RelayConfig
    from nfs.relay.rewrite import Rewriting

RULES = [
    {"direction": "both", "realm": {"public.example": HOME}, "host": {CLIENT: "front.visited.example"}},
    {"application": "Tsp", "command": "Device-Action", "remove": ["User-Name", "Class"]},
    {"asked_by": [CLIENT], "replace": {"Auth-Session-State": "STATE_MAINTAINED"}, "add": {"Origin-State-Id": 7}},
    {"direction": "answer", "host": {server_name(0): "front.home.example"}, "remove": ["Error-Message"]},
    {"direction": "answer", "replace": {"Error-Reporting-Host": AGENT}, "add": {"Class": ["0x0102", "text"]}},
]
REDIRECT = {"realm": "elsewhere.example", "hosts": ["aaa://elsewhere.example"], "usage": "all_realm", "cache_s": 60}


def _open() -> Chain:
    table = {"node": {"origin_host": AGENT, "origin_realm": "hub.example"}, "rewrite": RULES, "redirect": [REDIRECT]}
    config = RelayConfig.model_validate(table)
    return Chain(
        [Answering(plain_success), Answering(plain_success)],
        agent=Rewriting(config.rewrite, dictionary(), config.redirect),
    )


chain = Kept(lambda: DamagedChain(_open, dictionary()))
close = chain.close


def oracle(data: bytes) -> None:
    """Octet 0: what is asked, and whether the request is damaged, by up to sixteen octets; then damage on the way."""
    choices = Choices(data)
    damaged, what = chain(), choices.octet()
    realm = (HOME, "public.example", "elsewhere.example", "nowhere.example")[what & 3]
    request = damaged.chain.request(
        Destination_Realm=realm, User_Name="u", Destination_Host=server_name(0) if what & 4 else None,
        Route_Record="far.example" if what & 8 else None,
        Proxy_Info={"Proxy-Host": "far.example", "Proxy-State": b"s"} if what & 16 else None,
    )  # fmt: skip
    octets = encode(request)
    if what & 32:
        some = bytes(choices.octet() for _ in range(choices.below(16)))
        octets = edited(octets, Choices(some), dictionary())
    answers = damaged.ask([octets], choices)
    got = [answer for answer in answers if answer.hop_by_hop == request.hop_by_hop and not answer.request]
    assert len(got) <= 1
    if damaged.whole and not what & 32:
        assert len(got) == 1
        assert got[0].result is not None


if __name__ == "__main__":
    drive(oracle, "-max_len=96")
