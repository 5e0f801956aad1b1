"""Nobody is left in an anonymised capture, and everything else is."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from diameter import Message, decode
from diameter.capture import Captured, CaptureReader, CaptureWriter
from diameter.capture.anonymise import Anonymiser, anonymise
from diameter.capture.avptext import octets as avp_octets
from diameter.capture.pseudonyms import Pseudonyms, luhn
from diameter.capture.tpdu import rewritten
from diameter.errors import DiameterError
from diameter.message import Avp
from helpers.captures import TPDU, Traffic, link
from helpers.messages import dictionary
from nfs.cli.pcap import command

KEY = b"a key for this test only"
MESSAGES = Traffic(dictionary()).run(120)
NAMES = Pseudonyms(KEY)


def tbcd(digits: str) -> bytes:
    return avp_octets("MSISDN", f"digits:{digits}", dictionary().tables(16777310))[12 : 12 + (len(digits) + 1) // 2]


def walk(avps: tuple[Avp, ...]) -> list[Avp]:
    return [one for avp in avps for one in (avp, *walk(avp.members))]


def identities(messages: list[Captured]) -> set[bytes]:
    """Every octet string in these messages that names somebody, in each form in which it may stand."""
    found: set[bytes] = set()
    for captured in messages:
        found |= {captured.source[0].encode(), captured.destination[0].encode()}
        for one in walk(captured.message(dictionary()).avps):
            if one.name in ("User-Name", "External-Identifier") or (
                one.definition and one.definition.type == "DiameterIdentity"
            ):
                found |= {one.data, one.data.partition(b"@")[0]}
                if one.data.isdigit():
                    found.add(tbcd(one.data.decode()))
            elif one.name in ("MSISDN", "SCS-Identity", "SC-Address", "SM-RP-SMEA", "Payload"):
                found.add(one.data)
            elif one.name == "Session-Id":
                found.add(one.data.partition(b";")[0])
    return found | {TPDU[3:9], b'{"wake":true}', b"\0\1\x7f\0\0\1", b"\x7f\0\0\1" * 2}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A capture with comments and events, and what it became."""
    folder = tmp_path_factory.mktemp("anonymise")
    with CaptureWriter(folder / "in.pcapng") as writer:
        for one in MESSAGES:
            writer.record(one._replace(comment=f"{one.transport}, peer mtc-iwf.operator.example, sent"))
        gone = link("tcp", ("127.0.0.1", 1), ("127.0.0.1", 2))
        writer.event(2e9, gone, "LINK_LOST", "peer mtc-iwf.operator.example went away")
    count, left = anonymise(folder / "in.pcapng", folder / "out.pcapng", KEY, dictionary())
    assert (count, left) == (len(MESSAGES), 0)
    return folder / "in.pcapng", folder / "out.pcapng"


def test_nothing_of_anybody_is_left_anywhere_in_the_file(both: tuple[Path, Path]) -> None:
    before, after = both[0].read_bytes(), both[1].read_bytes()
    wanted = {one for one in identities(MESSAGES) if len(one) > 3}
    assert len(wanted) > 300
    assert sum(one in before for one in wanted) > 300
    assert [one for one in wanted if one in after] == []
    assert b"peer" not in after
    assert b"event" not in after


def test_everything_else_is(both: tuple[Path, Path]) -> None:
    olds, news = list(CaptureReader(both[0])), list(CaptureReader(both[1]))
    assert len(olds) == len(news)
    for old, new in zip(olds, news, strict=True):
        assert (old.time_ns, old.source[1], old.destination[1], old.transport) == (
            new.time_ns, new.source[1], new.destination[1], new.transport,
        )  # fmt: skip
        assert len(old.octets) == len(new.octets)
        assert old.octets[:20] == new.octets[:20]
        one, other = old.message(dictionary()), new.message(dictionary())
        assert shape(one) == shape(other)
        assert refused(one) == refused(other)
        assert one.result == other.result


def refused(message: Message) -> list[tuple[int, int]]:
    """What is wrong, but for padding, which becomes zeros."""
    return [(int(fault.result_code), fault.offset) for fault in message.faults if fault.verdict == "refuse"]


def shape(message: Message) -> list[tuple[int, int, int, int]]:
    return [(one.code, one.vendor, one.flags, one.length) for one in walk(message.avps)]


def test_the_same_stays_the_same_everywhere() -> None:
    ours = Anonymiser(KEY, dictionary())
    seen: dict[tuple[str, bytes], set[bytes]] = {}
    for captured in MESSAGES:
        old, new = captured.message(dictionary()), decode(ours.message(captured.octets), dictionary())
        for one, other in zip(walk(old.avps), walk(new.avps), strict=True):
            if not one.members:
                seen.setdefault((one.name, one.data), set()).add(other.data)
    assert all(len(values) == 1 for values in seen.values())
    host, new_host = b"mtc-iwf.operator.example", next(iter(seen["Origin-Host", b"mtc-iwf.operator.example"]))
    assert seen["Origin-Realm", host.partition(b".")[2]] == {new_host.partition(b".")[2]}
    assert Anonymiser(KEY, dictionary()).message(MESSAGES[20].octets) == ours.message(MESSAGES[20].octets)
    assert Anonymiser(b"another", dictionary()).message(MESSAGES[20].octets) != ours.message(MESSAGES[20].octets)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_no_two_numbers_become_one(length: int) -> None:
    every = ["".join(digits) for digits in itertools.product("0123456789", repeat=length)]
    assert sorted(NAMES.digits(one) for one in every) == every


def test_no_two_labels_become_one() -> None:
    every = ["".join(letters) for letters in itertools.product("abcdefghijklmnopqrstuvwxyz", repeat=2)]
    assert sorted(NAMES.label(one) for one in every) == every


@given(st.text("0123456789", min_size=5, max_size=20))
def test_digits_stay_digits(text: str) -> None:
    new = NAMES.digits(text)
    assert len(new) == len(text)
    assert new.isdigit()
    assert Anonymiser(KEY, dictionary()).halves(tbcd(text)) == tbcd(new)


@given(st.from_regex(r"[a-z][a-z0-9-]{0,9}(\.[a-zA-Z][A-Z0-9_]{0,5}){0,3}", fullmatch=True))
def test_a_host_stays_a_host(text: str) -> None:
    new = NAMES.host(text)
    assert [len(one) for one in new.split(".")] == [len(one) for one in text.split(".")]
    assert re.sub("[a-z]", "a", re.sub("[0-9]", "0", new.lower())) == re.sub(
        "[a-z]", "a", re.sub("[0-9]", "0", text.lower())
    )


def test_what_a_network_is_called_keeps_its_form() -> None:
    new = NAMES.host("epc.mnc001.mcc262.3gppnetwork.org")
    assert re.fullmatch(r"epc\.mnc\d{3}\.mcc\d{3}\.3gppnetwork\.org", new)
    assert "mnc001" not in new


def test_an_imsi_is_the_same_one_as_number_as_name_and_in_a_nai() -> None:
    imsi = "262011234567890"
    assert NAMES.user(imsi) == NAMES.digits(imsi)
    assert NAMES.user(f"0{imsi}@nai.epc.org").startswith(f"0{NAMES.digits(imsi)}@")
    assert NAMES.user(f"{imsi}@x.org").startswith(f"{NAMES.digits(imsi)}@")


def test_an_imei_keeps_its_check_digit() -> None:
    body = "49015420323751"
    new = NAMES.imei(body + luhn(body))
    assert luhn(body) == "8"
    assert new[14] == luhn(new[:14])
    assert new[:14] != body
    assert len(NAMES.imei("4901542032375186")) == 16


def test_addresses_stay_apart_and_private() -> None:
    new = {NAMES.address(number.to_bytes(4)) for number in range(3000)}
    assert len(new) == 3000
    assert {one[0] for one in new} == {10}
    assert NAMES.address_text("2001:db8::1").startswith("fd")
    assert NAMES.address_text("hss.operator.example").endswith(".example")
    assert re.fullmatch(r"\d\d\d\.\d\.\d\d\.\d", NAMES.host("192.0.10.7"))


@given(st.binary(max_size=60), st.booleans(), st.sampled_from([8388645, 8388646]))
def test_any_short_message_keeps_its_length(data: bytes, is_request: bool, code: int) -> None:
    assert len(rewritten(data, code, is_request, NAMES)) == len(data)


def test_the_people_in_a_short_message_are_others_and_its_form_stays() -> None:
    new = rewritten(TPDU, 8388646, True, NAMES)
    assert new[:3] == TPDU[:3]
    assert new[3:9] == tbcd(NAMES.digits("49170123456")) or new[3:9] != TPDU[3:9]
    assert new[9:27] == TPDU[9:27]
    assert TPDU[27:] not in new
    submit = bytes.fromhex("41070b915155214365f70004a00605041f401f40") + b"secret"
    changed = rewritten(submit, 8388645, True, NAMES)
    assert changed[:4] == submit[:4]
    assert changed[10:20] == submit[10:20]
    assert b"secret" not in changed


@given(st.binary(max_size=200))
def test_any_octets_keep_their_length(data: bytes) -> None:
    assert len(Anonymiser(KEY, dictionary()).message(data)) == len(data)


def made(**avps: object) -> Message:
    body = {name.replace("_", "-"): value for name, value in avps.items()}
    request = dictionary().request(
        "Device-Watchdog", {"Origin-Host": "a.b", "Origin-Realm": "b", **body}, hop_by_hop=1, end_to_end=1
    )
    return decode(request.octets, dictionary())


def test_texts_for_people_keep_their_words() -> None:
    ours = Anonymiser(KEY, dictionary())
    ours.learn(made(User_Name="meter-7@customer.example"))
    text = "meter-7 at 001010000000001 does not know hss.operator.example, aaa 3868"
    new = decode(ours.message(made(Error_Message=text).octets), dictionary()).text("Error-Message")
    assert re.fullmatch(r"\w+-\d at \d{15} does not know \w{3}\.\w{8}\.example, aaa 3868", new), new
    assert not {"meter-7", "001010000000001", "hss.operator.example"} & set(re.split("[ ,]+", new))


def test_text_that_is_not_ascii_and_session_ids_of_other_forms() -> None:
    ours = Anonymiser(KEY, dictionary())
    new = decode(ours.message(made(User_Name="müller").octets), dictionary())
    assert "ller" not in new.text("User-Name") or new.faults
    for session in ("hss.operator.example;001010000000001;1", "hss.operator.example", "a.b;1;2;001010000000001;x"):
        octets = ours.message(made(Acct_Multi_Session_Id=session).octets)
        assert b"001010000000001" not in octets
        assert b"operator" not in octets


def test_the_verb(tmp_path: Path) -> None:
    messages, both = MESSAGES[:50], (tmp_path / "in.pcapng", tmp_path / "wanted.pcapng")
    with CaptureWriter(both[0]) as writer:
        for one in messages:
            writer.record(one)
    anonymise(*both, KEY, dictionary())
    (tmp_path / "names.key").write_bytes(KEY)
    (tmp_path / "short.key").write_bytes(b"short")
    out = tmp_path / "out.pcapng"
    run = CliRunner().invoke
    done = run(command, ["anonymise", str(both[0]), "-o", str(out), "--key-file", str(tmp_path / "names.key")])
    assert (done.exit_code, done.output) == (0, f"{out}: {len(messages)} messages\n")
    assert out.read_bytes() == both[1].read_bytes()
    done = run(command, ["anonymise", str(both[0]), "-o", str(out)])
    assert done.exit_code == 0
    assert out.read_bytes() != both[1].read_bytes()
    done = run(command, ["anonymise", str(both[0]), "-o", str(out), "--key-file", str(tmp_path / "short.key")])
    assert isinstance(done.exception, DiameterError)
    assert "5 octets are too few for a key; 16 at least" in str(done.exception)
    done = run(command, ["anonymise", str(both[0]), "-o", str(both[0])])
    assert (done.exit_code, "cannot be written over" in done.output) == (2, True)
