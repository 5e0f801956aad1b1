"""The application on a device: only what its SCS has signed, numbered and encrypted for it gets there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diameter.config import parse
from diameter.errors import ConfigError
from helpers.private import private
from nfs.common import cbor
from nfs.common.app_keys import provisioned
from nfs.common.cbor import Tagged
from nfs.common.cose import protect, public_of, verified
from nfs.common.sms_layout import SmsAddress
from nfs.mme.config import ProtectionTable as Devices
from nfs.mme.guarding import guarded
from nfs.scs.logic import TriggerRequest
from nfs.scs.protection import ProtectionTable, Protector, protector
from nfs.ue.application import AHEAD_S, REMEMBERED, Guarded, Strictness
from nfs.ue.logic import Inbox, Trigger

FLEET, OTHERS = "fleet@customer.example", "others@customer.example"
SECRET, KEY, OTHER_KEY = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
NOW = 1_700_000_000.0
CAME = Trigger(
    imsi="001010000000001", port=16000, payload=b"", originator=SmsAddress(digits="15550000100"),
    sent=datetime(2026, 1, 2, tzinfo=UTC), group=FLEET,
)  # fmt: skip
WAKE = TriggerRequest(payload=b"wake up", external_identifier=FLEET, group=True)
AUDIENCE = f'[[audience]]\nname = "{FLEET}"\nkey_file = "fleet.key"\n'


class Pair:
    """An SCS and a device that have been provisioned with the same keys, and the files of it."""

    def __init__(self, folder: Path) -> None:
        for name, key in (("scs.secret", SECRET), ("scs.public", public_of(SECRET)), ("fleet.key", KEY)):
            private(folder / name, key.hex() + "\n")
        self.now = NOW
        scs = f'signer = "scs-1"\nsecret_file = "scs.secret"\n{AUDIENCE}'
        self.scs: Protector = protector(parse(scs, ProtectionTable, source="scs.toml", base=folder), self.clock)
        ues = f'{AUDIENCE}[[signer]]\nid = "scs-1"\npublic_file = "scs.public"\n'
        self.devices = parse(ues, Devices, source="mme.toml", base=folder)
        self.inbox = Inbox()
        self.guard = self.guarded(self.devices)

    def clock(self) -> float:
        return self.now

    def guarded(self, table: Devices) -> Guarded:
        found = guarded(table, self.clock)(self.inbox)
        assert isinstance(found, Guarded)
        return found

    def hear(self, payload: bytes, **changed: object) -> list[bytes]:
        """What the application got of a message."""
        before = self.inbox.count
        self.guard(replace(CAME, payload=payload, **changed))  # type: ignore[arg-type]
        return [each.payload for each in list(self.inbox.triggers)[before:]]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


@pytest.mark.requirement("R-GRP-14", "R-GRP-15")
def test_what_the_scs_protects_the_application_verifies(pair: Pair) -> None:
    sent = pair.scs(WAKE).payload
    assert b"wake up" not in sent
    for octet in range(0, len(sent), 9):  # whatever somebody in the middle changes
        assert pair.hear(sent[:octet] + bytes((sent[octet] ^ 4,)) + sent[octet + 1 :]) == []
    assert pair.hear(sent) == [b"wake up"]
    assert pair.hear(pair.scs(WAKE).payload, imsi="001010000000002") == [b"wake up"]
    claims, _ = verified(sent, {b"scs-1": public_of(SECRET)}.get)
    forged = protect(b"open", replace(claims, number=claims.number + 9), secret=KEY, key=KEY, iv=bytes(12))
    assert pair.hear(forged) == []  # who has the key of the group only is a member, and not its SCS
    stranger = protect(b"open", replace(claims, signer=b"scs-2"), secret=KEY, key=KEY, iv=bytes(12))
    assert pair.hear(stranger) == []
    assert (pair.guard.counters["the signature is wrong"] > 1, pair.guard.counters["an unknown signer"] > 0) == (
        True,
        True,
    )


@pytest.mark.requirement("R-GRP-16")
def test_what_is_not_signed_and_numbered_is_discarded(pair: Pair) -> None:
    """Encryption alone is none: whoever is a member could have made it."""
    value = cbor.decode(pair.scs(WAKE).payload)
    assert isinstance(value, Tagged)
    assert isinstance(value.value, list)
    _, header, encrypted, signature = value.value
    assert isinstance(encrypted, bytes)
    assert pair.hear(encrypted) == []
    assert pair.hear(b"wake up") == []
    bare = cbor.encode(Tagged(18, [cbor.encode({1: -8, 4: b"scs-1"}), header, encrypted, signature]))
    assert pair.hear(bare) == []
    assert pair.guard.counters == {"not signed": 1, "not in an envelope": 1, "not signed and numbered": 1}


@pytest.mark.requirement("R-GRP-14", "R-GRP-16")
def test_a_message_is_taken_once_and_while_it_is_fresh(pair: Pair) -> None:
    first, second = pair.scs(WAKE).payload, pair.scs(WAKE).payload
    assert first != second
    assert pair.hear(second) == [b"wake up"]
    assert pair.hear(first) == [b"wake up"]  # one may overtake the other
    assert pair.hear(first) == pair.hear(second) == []
    assert pair.guard.counters["a replay"] == 2
    late = pair.scs(WAKE).payload
    for _ in range(REMEMBERED):
        assert pair.hear(pair.scs(WAKE).payload) == [b"wake up"]
    assert pair.hear(late) == []  # older than all that is remembered
    assert pair.guard.counters["a replay"] == 3
    old = pair.scs(WAKE).payload
    pair.now += Strictness().fresh_s + 1
    assert pair.hear(old) == []
    new = pair.scs(WAKE).payload
    pair.now -= Strictness().fresh_s + AHEAD_S
    assert pair.hear(new) == []
    assert pair.guard.counters["not fresh"] == 2


def test_only_whom_it_is_for(pair: Pair) -> None:
    sent = pair.scs(WAKE).payload
    assert pair.hear(sent, group=OTHERS) == []
    assert pair.hear(sent, group="") == [b"wake up"]  # a network that does not name groups
    keys = {OTHERS: OTHER_KEY}.get
    pair.guard._keys = type("Keys", (), {"signer": pair.guard._keys.signer, "audience": staticmethod(keys)})()
    assert pair.hear(pair.scs(WAKE).payload) == []
    assert pair.guard.counters["for somebody else"] == 2
    pair.guard = pair.guarded(pair.devices.model_copy(update={"only_groups": True}))
    assert pair.hear(b"wake up", group="") == [b"wake up"]
    assert pair.hear(b"wake up") == []


def test_the_scs_never_sends_a_group_anything_else(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no key to protect"):
        pair.scs(replace(WAKE, external_identifier=OTHERS))
    device = TriggerRequest(payload=b"wake up", external_identifier="meter-1@customer.example")
    assert pair.scs(device) is device
    recall = TriggerRequest(payload=b"", external_identifier=FLEET, group=True, recall=3)
    assert pair.scs(recall) is recall
    numbered = replace(WAKE, reference=7)
    assert pair.scs(numbered) == pair.scs(numbered)  # asked for again: the network knows it again
    assert pair.scs(replace(numbered, payload=b"open")) != pair.scs(numbered)
    counted = {each.labels["outcome"]: each.value for each in pair.scs.counts()}
    assert counted == {"protected": 4, "without a key": 1, "refused": 1}
    pair.now -= 3600  # a clock that is set back
    earlier, later = (verified(pair.scs(WAKE).payload, {b"scs-1": public_of(SECRET)}.get)[0] for _ in range(2))
    assert later.number == earlier.number + 1
    private(tmp_path / "fleet.key", "00")
    with pytest.raises(ConfigError, match=r"fleet\.key: 64 hexadecimal digits expected"):
        provisioned((), pair.devices.audience)
    with pytest.raises(ConfigError, match="signer"):
        parse('signer = ""\nsecret_file = "scs.secret"', ProtectionTable, source="scs.toml", base=tmp_path)


def test_a_signer_or_an_audience_is_named_once(pair: Pair) -> None:
    """In whatever case an audience is written; which of two keys counts is not to be guessed."""
    (signer,), (audience,) = pair.devices.signer, pair.devices.audience
    with pytest.raises(ConfigError, match="scs-1 is named twice"):
        provisioned((signer, signer), (audience,))
    with pytest.raises(ConfigError, match="FLEET@CUSTOMER.EXAMPLE is named twice"):
        provisioned((signer,), (audience, audience.model_copy(update={"name": FLEET.upper()})))
