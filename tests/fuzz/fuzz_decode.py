"""Decoding: any octets give a message, its octets come back unharmed, and faults do not depend on what came before."""

from __future__ import annotations

from functools import cache

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter import Dictionary, Message, decode, encode
    from diameter.errors import REFUSE
    from diameter.message.codec import rebuild
    from diameter.wire import header
    from diameter.wire.framing import Framer


@cache
def dictionary() -> Dictionary:
    return Dictionary.load(cache=False)


def oracle(data: bytes) -> None:
    """The octets as one message, also with its Message Length put right; and as a stream of messages, each with the
    memory of those before it.
    """
    message = check(data)
    if not message.framed and len(data) >= header.LENGTH:
        check(b"\1" + len(data).to_bytes(3) + data[4:])
    stream = Framer(4096).feed(data)
    if len(stream) > 1:
        fresh = []
        for octets in stream:
            forget(decode(octets, dictionary()))
            fresh.append(_faults(octets))
        assert [_faults(octets) for octets in (*stream, *stream)] == fresh * 2


def forget(message: Message) -> None:
    """What the pure core remembers of headers and short groups that were in order."""
    message.tables.seen.clear()
    message.tables.shorts.clear()


def check(octets: bytes) -> Message:
    """What holds for any octets; the message."""
    message = decode(octets, dictionary())
    forget(message)
    fresh = _described(message)
    assert _faults(octets) == fresh == _faults(octets)
    assert message.octets == encode(message) == octets
    assert rebuild(message) == rebuild(decode(octets, dictionary())) == octets
    assert message.faults or message.framed
    _answers(message)
    return message


def _described(message: Message) -> list[tuple[object, ...]]:
    return [(repr(f), f.offset, f.path, f.failed_avp, f.clause) for f in message.faults]


def _faults(octets: bytes) -> list[tuple[object, ...]]:
    return _described(decode(octets, dictionary()))


def _answers(message: Message) -> None:
    """Every fault of a request can be answered, and the answer is in order but for what it quotes."""
    if len(message.octets) < header.LENGTH or not message.request:
        return
    refusals = [fault for fault in message.faults if fault.verdict == REFUSE]
    for fault in refusals[:4]:
        answer = decode(encode(message.refusal(fault)), dictionary())
        assert answer.framed
        assert answer.result == (0, int(fault.result_code))
        assert (answer.hop_by_hop, answer.end_to_end) == (message.hop_by_hop, message.end_to_end)
        assert answer.error == fault.protocol_error
        assert answer.get("Error-Message") == fault.text
        assert not fault.failed_avp or answer.raw("Failed-AVP") == fault.failed_avp


if __name__ == "__main__":
    drive(oracle, "-max_len=1024")
