"""Configurations from a few words, and what a node says of itself."""

from __future__ import annotations

import pytest

from diameter._node.setup import endpoint, local_identity, origin_octets, quick_config, timers_of
from diameter.config import PeerConfig
from diameter.errors import ConfigError
from diameter.peer.capabilities import Advertised
from helpers.nodes import Asking, dictionary


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("tcp:127.0.0.1:3868", ("tcp", "127.0.0.1", 3868)),
        ("tls:iwf.example.org", ("tls", "iwf.example.org", None)),
        ("tls:[::1]:5868", ("tls", "::1", 5868)),
        ("tcp:[::1]", ("tcp", "::1", None)),
        ("tcp:::1", ("tcp", "::1", None)),
    ],
)
def test_endpoints(text: str, parts: tuple[str, str, int | None]) -> None:
    assert endpoint(text) == parts


@pytest.mark.parametrize("text", ["", "tcp", "tcp:", "http:x", "tcp:x:y", "tcp:x:99999", "tcp:x:-1", "tls:[::1]:x"])
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(ConfigError):
        endpoint(text)


def test_a_configuration_in_a_few_words() -> None:
    clear = {"transport": "tcp", "physical_protection": True, "physical_protection_reason": "lab"}
    other = PeerConfig.model_validate({"host": "x.example.net", "realm": "net", **clear})
    config = quick_config(
        "a.example.org",
        "example.org",
        listen=["tcp:127.0.0.1:3868", "tcp:[::1]:0"],
        connect={"b.example.org": "tcp:192.0.2.1"},
        peers=["c.example.org", other],
        physical_protection="lab",
        tw_s=6.0,
    )
    assert [(one.host, one.port_number) for one in config.listen] == [("127.0.0.1", 3868), ("::1", 0)]
    assert [(p.host, p.realm, p.connect) for p in config.peer] == [
        ("b.example.org", "example.org", True),
        ("c.example.org", "example.org", False),
        ("x.example.net", "net", False),
    ]
    assert config.peer[0].dial == ("192.0.2.1",)
    assert (config.tw_s, config.accept_unknown, config.lab) == (6.0, (), False)
    anybody = quick_config("a.example.org", "example.org", peers="any")
    assert (anybody.accept_unknown, anybody.lab) == (("*",), True)


def test_every_complaint_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        quick_config("no identity", "example.org", listen="tcp:127.0.0.1:1", tw_s=1.0)
    text = str(caught.value)
    for word in ("origin_host", "physical_protection", "tw_s"):
        assert word in text


def test_what_the_node_says_of_itself() -> None:
    config = quick_config("a.example.org", "example.org", vendor_id=7)
    asking = Asking()
    asking.application_id = 16777309
    identity = local_identity(config, dictionary(), [asking], now=1_700_000_000.7)
    assert identity.applications == (Advertised(id=16777309, vendor=10415),)
    assert identity.supported_vendors == (10415,)
    assert (identity.vendor_id, identity.origin_state_id) == (7, 1_700_000_000)
    assert origin_octets(config, dictionary()).count(b"example.org") == 2
    assert timers_of(config).tw_s == 30.0
