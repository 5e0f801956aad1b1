"""`mtc bench` over each transport, in its shortest form with our own stack: shapes and validity, never a time."""

from __future__ import annotations

import pytest

from diameter.errors import ConfigError
from diameter.transport.sctp_choice import choose
from diameter.transport.usrsctp_library import missing
from helpers.benching import KEYS, measured

pytestmark = pytest.mark.link


def test_a_pair_over_tls() -> None:
    (one,) = measured("e2e", "--scenario", "pair-tls", "--window", "5")["measurements"]
    assert (one["scenario"], one["transport"], one["answer_octets"]) == ("pair", "tls", 256)
    assert min(one[key] for key in KEYS) > 0


def nobody_has_sctp() -> bool:
    try:
        choose("auto")
    except ConfigError:
        return True
    return False


def test_a_pair_over_sctp_or_why_there_is_none() -> None:
    document = measured("e2e", "--scenario", "pair-sctp", "--window", "5")
    if nobody_has_sctp():
        assert (document["measurements"], document["not_run"][0][:6]) == ([], "SCTP: ")
        return
    (one,) = document["measurements"]
    assert (one["scenario"], one["transport"], one["answer_octets"]) == ("pair", "sctp", 256)
    assert min(one[key] for key in KEYS) > 0


def test_a_pair_over_dtls_or_why_there_is_none() -> None:
    document = measured("e2e", "--scenario", "pair-dtls", "--window", "5")
    if nobody_has_sctp():
        assert (document["measurements"], document["not_run"][0][:6]) == ([], "DTLS o")
        return
    (one,) = document["measurements"]
    assert (one["scenario"], one["transport"], one["answer_octets"]) == ("pair", "dtls", 256)
    assert min(one[key] for key in KEYS) > 0


def test_links_alone_over_each_transport() -> None:
    found = measured("e2e", "--scenario", "links", "--window", "32")
    transports = ["tcp", "tls"] if missing() else ["tcp", "tls", "sctp", "dtls"]
    assert [one["transport"] for one in found["measurements"]] == transports
    assert all(one["scenario"] == "links" and one["answer_octets"] == 256 for one in found["measurements"])
    assert all(min(one[key] for key in KEYS) > 0 for one in found["measurements"])
    (bar,) = found["bars"]
    assert (bar["bound"], bar["least"], bar["measured"] is None) == (25_000, True, bool(missing()))


def test_sealing_and_opening_one_message() -> None:
    found = measured("e2e", "--scenario", "sealing")["measurements"]
    assert [one["scenario"] for one in found] == ["seal, DTLS", "open, DTLS", "seal, TLS", "open, TLS"]
    assert all(0 < one["us_min"] <= one["us"] for one in found)
