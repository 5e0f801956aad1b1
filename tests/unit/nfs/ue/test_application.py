"""The application on a device: only what its SCS has signed, numbered and encrypted for it gets there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from diameter.config import parse
from diameter.errors import ConfigError
from helpers.private import private
from nfs.common import cbor, group_keys
from nfs.common.app_keys import RegionTable, provisioned
from nfs.common.cbor import Tagged
from nfs.common.cose import protect, public_of, verified
from nfs.common.cose_content import HMAC_256_256, parsed
from nfs.common.cose_numbers import REMEMBERED
from nfs.common.sms_layout import SmsAddress
from nfs.mme.config import MmeConfig
from nfs.mme.config import ProtectionTable as Devices
from nfs.mme.guarding import guarded
from nfs.scs.logic import TriggerRequest
from nfs.scs.protection import ProtectionTable, Protector, protector, renewed
from nfs.ue.application import AHEAD_S, Guarded, Strictness
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


def of_region(table: Any, confidentiality: str, **changed: object) -> Any:
    """The same table, with its audience in a region of this policy."""
    region = RegionTable(name="fr", group_confidentiality=confidentiality)  # type: ignore[arg-type]
    audience = tuple(each.model_copy(update={"region": "fr"}) for each in table.audience)
    return table.model_copy(update={"region": (region,), "audience": audience} | changed)


class Pair:
    """An SCS and a device that have been provisioned with the same keys, and the files of it."""

    def __init__(self, folder: Path) -> None:
        for name, key in (("scs.secret", SECRET), ("scs.public", public_of(SECRET)), ("fleet.key", KEY)):
            private(folder / name, key.hex() + "\n")
        self.now = NOW
        scs = f'signer = "scs-1"\nsecret_file = "scs.secret"\n{AUDIENCE}'
        self.table = parse(scs, ProtectionTable, source="scs.toml", base=folder)
        self.scs: Protector = protector(self.table, self.clock)
        ues = f'{AUDIENCE}[[signer]]\nid = "scs-1"\npublic_file = "scs.public"\n'
        self.devices = parse(ues, Devices, source="mme.toml", base=folder)
        node = '[node]\norigin_host = "mme.operator.example"\norigin_realm = "operator.example"\n'
        self.config = parse(node, MmeConfig, source="mme.toml", base=folder).model_copy(
            update={"protection": self.devices}
        )
        self.inbox = Inbox()
        self.guard = self.guarded(self.devices)

    def clock(self) -> float:
        return self.now

    def guarded(self, table: Devices) -> Guarded:
        self.mme = guarded(table, self.clock)
        found = self.mme(self.inbox)
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
    assert counted == {"protected": 4, "signed only": 0, "without a key": 1, "refused": 1}
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


SIGNERS = {b"scs-1": public_of(SECRET)}.get


@pytest.mark.requirement("C-GRP-05")
@pytest.mark.parametrize("policy", ["on", "off"])
def test_what_a_region_says_of_confidentiality(pair: Pair, policy: str) -> None:
    """On: encrypted, and a device takes nothing less.  Off: readable, under another algorithm, and signed as ever."""
    scs = protector(of_region(pair.table, policy), pair.clock)
    sent = scs(WAKE).payload
    claims, content = verified(sent, SIGNERS)
    assert claims.signer == b"scs-1"
    assert (b"wake up" in sent, parsed(content).encrypted) == (policy == "off", policy == "on")
    assert {each.labels["outcome"]: each.value for each in scs.counts() if each.value} == {
        "protected" if policy == "on" else "signed only": 1
    }
    there = pair.guarded(of_region(pair.devices, policy))
    pair.guard = there
    for at in range(0, len(sent), 9):
        assert pair.hear(sent[:at] + bytes((sent[at] ^ 4,)) + sent[at + 1 :]) == []
    assert pair.hear(sent) == [b"wake up"]
    assert pair.hear(sent) == []
    assert there.counters["a replay"] == 1


@pytest.mark.requirement("C-GRP-05")
def test_integrity_alone_is_taken_where_the_region_has_it_so_and_nowhere_else(pair: Pair) -> None:
    scs = protector(of_region(pair.table, "off"), pair.clock)
    sent = scs(WAKE).payload
    assert parsed(verified(sent, SIGNERS)[1]).algorithm == HMAC_256_256
    for table in (pair.devices, of_region(pair.devices, "on")):  # without a region all is encrypted
        pair.guard = pair.guarded(table)
        assert pair.hear(sent) == []
        assert pair.guard.counters == {"not encrypted": 1}
    pair.guard = pair.guarded(of_region(pair.devices, "off"))
    assert pair.hear(sent) == [b"wake up"]
    pair.now += 1  # two of one name at one SCS would have the same numbers
    assert pair.hear(pair.scs(WAKE).payload) == [b"wake up"]  # what is encrypted all the same is no less
    device = replace(WAKE, external_identifier=FLEET, group=False)
    assert parsed(verified(scs(device).payload, SIGNERS)[1]).encrypted  # the law is of groups
    outsider = protect(
        b"open", replace(verified(sent, SIGNERS)[0], number=9), secret=SECRET, key=OTHER_KEY, iv=bytes(12), hidden=False
    )
    assert pair.hear(outsider) == []
    assert pair.guard.counters["vouched for under another key"] == 1


def test_a_region_is_there_and_named_once(pair: Pair, tmp_path: Path) -> None:
    table = of_region(pair.devices, "off")
    with pytest.raises(ConfigError, match=r"no protection\.region is named fr"):
        provisioned(table.signer, table.audience)
    with pytest.raises(ConfigError, match=r"protection\.region: fr is named twice"):
        provisioned((), (), table.region * 2)
    with pytest.raises(ConfigError, match=r"region\.0\.group_confidentiality"):
        parse('[[region]]\nname = "fr"\ngroup_confidentiality = "maybe"', Devices, source="mme.toml", base=tmp_path)


@pytest.mark.requirement("E-GRP-04")
def test_the_key_of_a_group_is_renewed_while_all_runs(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "fleet.key"
    path.unlink()
    ring = group_keys.first(FLEET)
    group_keys.write(path, ring, new=True)
    pair.scs, pair.guard = protector(pair.table, pair.clock), pair.guarded(pair.devices)
    old = [pair.scs(WAKE).payload for _ in range(3)]
    group_keys.write(path, group_keys.renewed(ring, NOW, 60), new=False)
    renewed(pair.scs, pair.table)
    new = [pair.scs(WAKE).payload for _ in range(2)]
    assert [parsed(verified(each, SIGNERS)[1]).number for each in (*old, *new)] == [1, 1, 1, 2, 2]
    assert pair.hear(old[0]) == [b"wake up"]
    assert pair.hear(new[0]) == []  # a device that was not given the new key
    pair.mme.reload(pair.config)
    assert pair.hear(new[0]) == pair.hear(old[1]) == [b"wake up"]
    assert pair.hear(old[0]) == []  # what was taken stays known
    pair.now += 60
    assert pair.hear(old[2]) == []
    assert pair.hear(new[1]) == [b"wake up"]
    assert pair.guard.counters == {"taken": 4, "an unknown key": 2, "a replay": 1}


def test_keys_of_another_group_are_not_taken_for_this_one(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "others.key"
    group_keys.write(path, group_keys.first(OTHERS), new=True)
    audience = tuple(each.model_copy(update={"key_file": path}) for each in pair.devices.audience)
    with pytest.raises(ConfigError, match=rf"others\.key: keys of {OTHERS}, not of {FLEET}"):
        provisioned((), audience)
    before = pair.scs(WAKE)
    with pytest.raises(ConfigError):
        renewed(pair.scs, pair.table.model_copy(update={"audience": audience}))
    assert len(pair.scs(WAKE).payload) == len(before.payload)  # those of before stay


@pytest.mark.requirement("R-GRP-14", "R-GRP-16")
def test_what_was_taken_before_a_restart_is_a_replay_after_it(pair: Pair, tmp_path: Path) -> None:
    table = pair.devices.model_copy(update={"numbers": tmp_path / "numbers"})
    pair.guard = pair.guarded(table)
    sent, later = pair.scs(WAKE).payload, pair.scs(WAKE).payload
    assert pair.hear(sent) == [b"wake up"]
    before = pair.mme
    pair.guard = pair.guarded(table)  # the process before was killed
    assert (pair.hear(sent), pair.hear(later)) == ([], [b"wake up"])
    assert pair.hear(sent, imsi="001010000000002") == [b"wake up"]  # which has not had it
    assert pair.guard.counters == {"a replay": 1, "taken": 2}
    for each in (before, pair.mme):
        each.close()
