"""Base messages as octets: their grammar, identifiers, and error answers."""

from __future__ import annotations

import pytest

from diameter.errors import ResultCode, UnsupportedVersion
from diameter.peer.base import BaseMessages
from diameter.peer.capabilities import RELAY, Advertised, Refusal
from diameter.peer.connection import Connection
from diameter.peer.inputs import Close, DisconnectCause, Refused, Write
from helpers.pair import ADDRESS, base, local, read


def builder(**identity: object) -> BaseMessages:
    return base(local("mme.example.org", **identity))


@pytest.mark.parametrize("origin_state_id", [0, 77])
def test_dwr_and_dwa(origin_state_id: int) -> None:
    messages = builder(origin_state_id=origin_state_id)
    octets, hop_by_hop = messages.dwr()
    request, again = read(octets), read(messages.dwr()[0])
    assert request.faults == ()
    assert request.get("Origin-State-Id", 0) == origin_state_id
    assert hop_by_hop == request.hop_by_hop
    assert (again.hop_by_hop, again.end_to_end) != (request.hop_by_hop, request.end_to_end)
    answer = read(messages.answer(request))
    assert (answer.faults, answer.result) == ((), (0, 2001))
    assert (answer.hop_by_hop, answer.end_to_end) == (request.hop_by_hop, request.end_to_end)
    assert answer.get("Origin-State-Id", 0) == origin_state_id


@pytest.mark.parametrize("cause", list(DisconnectCause), ids=lambda cause: cause.name)
def test_dpr_and_dpa(cause: DisconnectCause) -> None:
    messages = builder()
    octets, hop_by_hop = messages.dpr(cause)
    request = read(octets)
    assert (request.faults, request.hop_by_hop, request["Disconnect-Cause"]) == ((), hop_by_hop, cause)
    answer = read(messages.answer(request))
    assert (answer.command, answer.faults, answer.result) == ("Disconnect-Peer-Answer", (), (0, 2001))


@pytest.mark.parametrize(("code", "error"), [(5005, False), (3008, True), (None, False)])
def test_a_refusing_answer(code: int | None, error: bool) -> None:
    messages = builder()
    request = read(messages.dwr()[0])
    answer = read(messages.answer(request, Refusal(code, "no")))
    assert (answer.result, answer.error) == ((0, code or 5012), error)
    assert answer.text("Error-Message") == "no"
    assert answer.faults == ()


def test_a_refused_cer_is_answered_and_its_link_closed() -> None:
    messages = builder()
    connection = Connection(5, initiator=False, addresses=(ADDRESS,))
    cer = read(messages.cer(connection)[0])
    write, close, refused = messages.refuse(connection, cer, Refusal(ResultCode.NO_COMMON_SECURITY, "why"))
    assert isinstance(write, Write)
    assert read(write.send.data).result == (0, 5017)
    assert close == Close(link=5, reason="why")
    assert refused == Refused(link=5, reason="why", by_peer=False, result_code=5017)


def test_a_request_with_an_unknown_version_is_answered_5011() -> None:
    messages = builder()
    octets = messages.dwr()[0]
    answer = messages.unframed(b"\x02" + octets[1:], UnsupportedVersion("version 2"))
    assert answer is not None
    message = read(answer)
    assert (message.error, message.result, message.request) == (True, (0, 5011), False)
    assert message.hop_by_hop == read(octets).hop_by_hop
    assert message.faults == ()


def test_nothing_answers_an_answer_or_a_piece_of_a_header() -> None:
    messages = builder()
    octets = messages.dwr()[0]
    fault = UnsupportedVersion("version 2")
    assert messages.unframed(b"\x02" + octets[1:19], fault) is None
    assert messages.unframed(b"\x02" + messages.answer(read(octets))[1:], fault) is None


def test_a_peer_that_may_use_one_application_is_told_of_no_other() -> None:
    both = (Advertised(id=16777309, vendor=10415), Advertised(id=16777310, vendor=10415), Advertised(id=4))
    messages = builder(applications=both, supported_vendors=(10415,))
    connection = Connection(5, initiator=True, addresses=(ADDRESS,))
    one = messages.narrowed(frozenset({4}))
    cer = read(one.cer(connection)[0])
    assert cer.all("Auth-Application-Id") == (4,)
    assert "Vendor-Specific-Application-Id" not in cer
    assert "Supported-Vendor-Id" not in cer
    assert messages.narrowed(frozenset({4})) is one
    assert messages.narrowed(frozenset({4, 16777309, 16777310})) is messages
    assert messages.narrowed(frozenset({7})) is messages  # nothing in common: that is for the peer to see
    assert len(read(messages.cer(connection)[0]).all("Vendor-Specific-Application-Id")) == 2


def test_a_relay_says_so_to_everybody() -> None:
    relay = builder(applications=(Advertised(id=RELAY), Advertised(id=4)))
    assert relay.narrowed(frozenset({4})) is relay
