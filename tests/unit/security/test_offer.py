"""What a node offers is read from its own ClientHello."""

from __future__ import annotations

import pytest

from diameter.security.offer import HEAD_DTLS, HEAD_TLS, offer, offer_of_datagrams, parse
from diameter.security.tls import SUITES_12, SUITES_12_DHE, SUITES_13, TlsContext
from helpers.certificates import Ca

LEAF = Ca().issue()


@pytest.mark.requirement("E-TSP-21", "E-TSP-12")
@pytest.mark.parametrize("dhe", [False, True])
def test_the_suites_are_those_of_the_profile_and_no_others(dhe: bool) -> None:
    context = TlsContext(LEAF.credentials(dhe=dhe))
    older = SUITES_12 + SUITES_12_DHE if dhe else SUITES_12
    assert sorted(offer(context).suites) == sorted(SUITES_13 + older)
    assert sorted(offer_of_datagrams(context).suites) == sorted(older)


@pytest.mark.requirement("E-TSP-12")
def test_the_groups_are_of_128_bits_and_more() -> None:
    context = TlsContext(LEAF.credentials())
    for found in (offer(context), offer_of_datagrams(context)):
        assert {"secp256r1", "secp384r1", "x25519"} <= set(found.groups)
        assert not [name for name in found.groups if name in ("secp192r1", "secp224r1")]


def test_tls_1_3_alone_offers_no_older_suite() -> None:
    assert sorted(offer(TlsContext(LEAF.credentials(minimum_version="1.3"))).suites) == sorted(SUITES_13)


def test_unknown_numbers_are_shown() -> None:
    hello = bytes(HEAD_TLS + 34) + b"\0" + b"\0\4\x13\1\xab\xcd" + b"\1\0" + b"\0\x0a" + b"\0\x0a\0\6\0\4\0\x17\xfa\xfa"
    found = parse(hello, HEAD_TLS)
    assert (found.suites, found.groups) == (("TLS_AES_128_GCM_SHA256", "0xabcd"), ("secp256r1", "0xfafa"))
    with_cookie = bytes(HEAD_DTLS + 34) + b"\0\2cc" + b"\0\2\xc0\x2b" + b"\1\0" + b"\0\0"
    assert parse(with_cookie, HEAD_DTLS).suites == ("ECDHE-ECDSA-AES128-GCM-SHA256",)
