"""What must not leave, whatever AVP or text it hides in, and what may."""

from __future__ import annotations

import pytest

from nfs.mtc_sgw import outbound_private

WORDS = frozenset({b"lgi-4711", b"hss.core.example", b"815"})


@pytest.mark.requirement("R-IP-03", "T-IP-01", "R-ID-04", "R-IP-04", "T-IP-02", "R-ID-05", "T-GRP-06")
@pytest.mark.parametrize(
    ("name", "data", "held"),
    [
        ("IMEI", b"", "does not leave"),
        ("Terminal-Information", b"", "does not leave"),
        ("User-Equipment-Info-IMEISV", b"x", "does not leave"),
        ("3GPP-User-Location-Info", b"x", "does not leave"),
        ("E-UTRAN-Cell-Global-Identity", b"x", "does not leave"),
        ("Tracking-Area-Identity", b"x", "does not leave"),
        ("MME-Location-Information", b"", "does not leave"),
        ("Framed-IP-Address", b"\x0a\0\0\1", "does not leave"),
        ("Framed-IPv6-Prefix", b"x", "does not leave"),
        ("Served-Party-IP-Address", b"x", "does not leave"),
        ("MME-Name", b"mme1", "does not leave"),
        ("SGSN-Number", b"x", "does not leave"),
        ("Local-Group-Id", b"x", "does not leave"),
        ("IMSI-Group-Id", b"", "does not leave"),
        ("Error-Message", b"UE at 10.45.0.7 does not answer", "an address"),
        ("Error-Message", b"UE at 2001:db8::7 does not answer", "an address"),
        ("Error-Message", b"[2001:db8:0:1::7]:3868", "an address"),
        ("Redirect-Host", b"aaa://192.0.2.1:3868", "an address"),
        ("Error-Message", b"blocked equipment 490154203237518", "an IMEI"),
        ("Error-Message", b"IMEISV=4901542032375101", "an IMEI"),
        ("Error-Message", b"last seen in cell 4711", "a cell or area"),
        ("Error-Message", b"ECGI: 00101-0x1a2b3", "a cell or area"),
        ("Error-Message", b"TAI=001-01-7", "a cell or area"),
        ("Error-Message", b"group LGI-4711 unknown", "a word"),
        ("External-Identifier", b"lgi-4711@customer.example", "a word"),
        ("Session-Id", b"HSS.core.example;1;2", "a word"),
        ("Payload", b"route me by 10.45.0.7, cell 4711, lgi-4711", None),
        ("SM-RP-UI", b"imei 490154203237518", None),
        ("External-Identifier", b"490154203237518@customer.example", None),
        ("Session-Id", b"scs1.customer.example;1234567890;490154203237518", None),
        ("Error-Message", b"no such device", None),
        ("Error-Message", b"version 1.2.3", None),
        ("Error-Message", b"release 999.1.2.3 at 10:20:30", None),
        ("Error-Message", b"490154203237519 is no IMEI", None),
        ("Error-Message", b"detail 7 of 9", None),
        ("Origin-Host", b"iwf.core.example", None),
        ("Reference-Number", b"\0\0\0\x07", None),
        ("MSISDN", bytes.fromhex("5155100000f1"), None),
        ("MSISDN", b"tai!3", None),  # 47 16 96 12 33
        ("SCS-Identity", b"9815", None),
        ("SCS-Identity", b"tai:3", "a cell or area"),
        ("Session-Id", b"scs1.customer.example;3978150000;4008150", None),
        ("Session-Id", b"scs1.customer.example;1;2;815", "a word"),
        ("Session-Id", b"scs815.customer.example;1;2", "a word"),
        ("Session-Id", b"scs1.customer.example;1;2x815", "a word"),
        ("External-Identifier", b"meter-815@customer.example", "a word"),
    ],
)
def test_outbound_private(name: str, data: bytes, held: str | None) -> None:
    reason = outbound_private.check([("Origin-Realm", b"core.example"), (name, data)], WORDS)
    if held is None:
        assert reason is None
    else:
        assert reason is not None
        assert reason.startswith(name)
        assert held in reason
        assert not any(word.decode() in reason.lower() for word in WORDS)
