"""Messages read: for any octets every accessor, the tree, JSON and edits agree with each other and with the octets."""

from __future__ import annotations

from functools import cache

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter import Dictionary, Message, decode
    from diameter.capture.text import summary, tree
    from diameter.errors import EncodeError, RemoteFault, UnknownName
    from diameter.message.members import Avp, Grouped, Members


@cache
def dictionary() -> Dictionary:
    return Dictionary.load(cache=False)


def oracle(data: bytes) -> None:
    """The octets as one message, looked at before and after its faults were looked for: two ways through them."""
    message = decode(data, dictionary())
    message.tables.seen.clear()
    _members(message, 0)
    assert message.faults or message.framed
    again = decode(data, dictionary())
    assert again.faults is again.faults
    _members(again, 0)
    repr((message, message.result, message.command, message.application, message.definition, message.context))
    assert tree(message) == tree(again)
    assert summary(message)
    assert Message.from_json(message.to_json(), dictionary()).octets == data
    _edits(message)


def _members(members: Members, depth: int) -> None:
    assert members.start <= members.stop <= members.end or not len(members)
    assert b"".join(one.octets for one in members.avps) + members.tail == members.wire[members.start : members.end]
    for one in members.avps:
        _by_name(members, one)
        if one.definition is not None and one.definition.type == "Grouped":
            assert isinstance(one.value, Grouped)
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
    if members.tables.definition(name).key != one.vendor << 32 | one.code:
        name = f"{one.vendor}:{one.code}"  # two AVPs share the name
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


def _edits(message: Message) -> None:
    """What is not edited keeps its octets."""
    assert message.with_identifiers(1, 2).octets[20:] == message.octets[20:]
    avps = message.avps
    if not avps:
        return
    name = f"{avps[0].vendor}:{avps[0].code}"
    removed = message.edit(remove=name)
    assert name not in removed
    kept = [one.octets for one in avps if f"{one.vendor}:{one.code}" != name]
    assert b"".join(one.octets for one in removed.avps) + removed.tail == b"".join(kept) + message.tail
    try:
        copied = message.edit(replace={name: message[name]})
    except (RemoteFault, EncodeError, UnknownName):
        return
    assert name in copied


if __name__ == "__main__":
    drive(oracle, "-max_len=1024")
