"""Decoding: any octets give a message, its octets come back unharmed, and faults do not depend on what came before."""

from __future__ import annotations

from functools import cache

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter import Dictionary, Message, decode, encode
    from diameter.capture.text import summary, tree
    from diameter.errors import REFUSE, EncodeError, RemoteFault, UnknownName
    from diameter.message.codec import rebuild
    from diameter.message.members import Avp, Grouped, Members
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
            message.tables.seen.clear()
            fresh.append(_faults(octets))
        assert [_faults(octets) for octets in (*stream, *stream)] == fresh * 2


def check(octets: bytes) -> Message:
    """Everything that holds for any octets."""
    message = decode(octets, dictionary())
    message.tables.seen.clear()
    fresh = _described(message)
    assert _faults(octets) == fresh == _faults(octets)
    assert message.octets == encode(message) == octets
    assert rebuild(message) == rebuild(decode(octets, dictionary())) == octets
    assert message.faults or message.framed
    _members(message, 0)
    _members(decode(octets, dictionary()), 0)  # its faults were not looked for: another way through the same octets
    repr((message, message.result, message.command, message.application, message.definition, message.context))
    assert tree(message)
    assert summary(message)
    again = Message.from_json(message.to_json(), dictionary())
    assert again.octets == octets
    _answers(message)
    _edits(message)
    return message


def _described(message: Message) -> list[tuple[object, ...]]:
    return [(repr(f), f.offset, f.path, f.failed_avp, f.clause) for f in message.faults]


def _faults(octets: bytes) -> list[tuple[object, ...]]:
    return _described(decode(octets, dictionary()))


def _members(members: Members, depth: int) -> None:
    assert members.start <= members.stop <= members.end or not len(members)
    assert b"".join(one.octets for one in members.avps) + members.tail == members.wire[members.start : members.end]
    for one in members.avps:
        _by_name(members, one)
        repr((one.code, one.vendor, one.flags, one.offset, one.definition))
        assert one.length == len(one.data) + (12 if one.flags & 0x80 else 8)
        value = one.value
        if isinstance(value, Grouped):
            assert value.octets == one.data
            assert [member.octets for member in one.members] == [member.octets for member in value.avps]
            if depth < 4:
                _members(value, depth + 1)
        elif depth < 4:
            repr(one)


def _by_name(members: Members, one: Avp) -> None:
    """Read by name what is there: a value or the fault that the message has."""
    name = one.name
    assert name in members
    assert isinstance(members.raw(name), bytes)
    try:
        value = members[name]
        assert repr(members.get(name)) == repr(value)  # a NaN is not itself
        assert len(members.all(name)) >= 1
    except RemoteFault:
        return
    for read in (members.text, members.number, members.group):
        try:
            assert repr(read(name)) == repr(value)
        except TypeError:
            continue


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


def _edits(message: Message) -> None:
    """What is not edited keeps its octets."""
    assert message.with_identifiers(1, 2).octets[20:] == message.octets[20:]
    avps = message.avps
    if not avps:
        return
    name = avps[0].name
    removed = message.edit(remove=name)
    assert name not in removed
    kept = [one.octets for one in avps if one.name != name]
    assert b"".join(one.octets for one in removed.avps) + removed.tail == b"".join(kept) + message.tail
    try:
        copied = message.edit(replace={name: message[name]})
    except (RemoteFault, EncodeError, UnknownName):
        return
    assert name in copied


if __name__ == "__main__":
    drive(oracle, "-max_len=1024")
