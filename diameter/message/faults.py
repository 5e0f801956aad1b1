"""What is wrong with a message, in words, with verdict, Result-Code and Failed-AVP (RFC 6733 sections 7.1 and 7.5).

Only messages with something wrong come here; the core has said where.  Order: header, then AVPs as they were met, then
contradictions between AVPs.  The first fault with verdict "refuse" is the one that is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from diameter import errors
from diameter.dictionary.model import AvpDef, Grammar, Rule
from diameter.errors import REFUSE, REPORT, RemoteFault
from diameter.message import tables as known
from diameter.message.arity import MISSING, TOO_MANY, violations
from diameter.message.spot import Spot, example, group_at, key_at, wrap
from diameter.wire import _core, avp, core, header
from diameter.wire.types import TYPES

if TYPE_CHECKING:
    from diameter.message.message import Message

MOST: Final = 64
"""Faults of each verdict that are put in words."""
PADDING_WRONG: Final = "padding is not zero or is missing"
UNNAMED: Final = "a value without a name"
NOT_FIRST: Final = "does not stand first, where its grammar fixes it"
"""How the text of a fault ends that has the class of a wrong value and is only reported: tools tell them by it."""
_REPORTED: Final = frozenset((_core.FLAGS, _core.PADDING, _core.ENUM, _core.ORDER))


def describe(message: Message, found: list[int]) -> tuple[RemoteFault, ...]:
    """The faults of a message, given what the core found: triples (what, header offset, detail).

    At most `MOST` to refuse and `MOST` to report are put in words: each costs a walk, and a message has room for
    as many as it has AVPs.  The first one to refuse is always among them.
    """
    out: list[RemoteFault] = []
    counts = {REFUSE: 0, REPORT: 0}
    for fault in _every(message, found, counts):
        if counts[fault.verdict] < MOST:
            counts[fault.verdict] += 1
            out.append(fault)
        if counts[REFUSE] >= MOST:
            break
    return tuple(out)


def _every(message: Message, found: list[int], counts: dict[str, int]) -> Iterator[RemoteFault]:
    yield from _header(message)
    triples = iter(found)
    for what, offset, detail in zip(triples, triples, triples, strict=True):
        if what in _REPORTED and counts[REPORT] >= MOST:
            continue
        if what == _core.ARITY:
            yield from _arity(message, offset, detail)
        elif what != _core.CHECK or not _in_order(message, offset):
            yield _one(message, what, offset, detail)
    yield from _contradictions(message)


def _in_order(message: Message, offset: int) -> bool:
    """True when the data of an Address, DiameterURI or IPFilterRule make a value."""
    start, end = avp.span(message.octets, offset)
    one = message.tables.scope.avps[key_at(message.octets, offset)]
    try:
        TYPES[one.type].decode(message.octets[start:end])
    except ValueError:
        return False
    return True


def _header(message: Message) -> Iterator[RemoteFault]:
    """Faults of section 3: version, length, application, command, flags."""
    octets, size = message.octets, len(message.octets)
    if octets and octets[0] != header.VERSION:
        yield errors.UnsupportedVersion(f"version {octets[0]}, only {header.VERSION} is known", offset=0)
        return
    if size < header.LENGTH:
        yield errors.InvalidMessageLength(f"{size} octets, a header alone has {header.LENGTH}", offset=0)
        return
    length = int.from_bytes(octets[1:4])
    if length != size or length & 3:
        yield errors.InvalidMessageLength(f"Message Length {length} of {size} octets, multiples of 4 only", offset=1)
    if message.application_id not in message.dictionary.applications:
        yield errors.ApplicationUnsupported(f"no dictionary has application {message.application_id}", offset=8)
    elif message.definition is None:
        kind = "request" if message.request else "answer"
        yield errors.CommandUnsupported(
            f"application {message.application} has no {kind} with command code {message.command_code}", offset=5
        )
    yield from _flags(message)


def _flags(message: Message) -> Iterator[RemoteFault]:
    flags, definition = message.flags, message.definition
    if flags & header.RESERVED:
        yield errors.InvalidBitInHeader(f"reserved command flags set: 0x{flags:02x}", verdict=REPORT, offset=4)
    if flags & header.FLAG_R and flags & header.FLAG_E:
        yield errors.InvalidHdrBits("E bit on a request", offset=4)
    if flags & header.FLAG_T and not flags & header.FLAG_R:
        yield errors.InvalidHdrBits("T bit on an answer", verdict=REPORT, offset=4)
    if definition is not None and not flags & header.FLAG_E and definition.proxiable != message.proxiable:
        verdict = REFUSE if message.request else REPORT
        want = "set" if definition.proxiable else "clear"
        yield errors.InvalidHdrBits(f"P bit of {definition.name} must be {want}", verdict=verdict, offset=4)


def _one(message: Message, what: int, offset: int, detail: int) -> RemoteFault:
    """One finding of the core that concerns a single AVP."""
    spot = Spot(message, offset)
    name = spot.name
    if what in (_core.TRUNCATED, _core.LENGTH):
        return errors.InvalidAvpLength(
            f"{name}: AVP Length does not fit its surroundings",
            failed_avp=spot.wrapped(spot.broken()),
            offset=offset,
            path=spot.path,
        )
    octets = spot.wrapped(spot.octets())

    def fault(kind: type[RemoteFault], text: str, verdict: str = REFUSE) -> RemoteFault:
        return kind(f"{name}: {text}", failed_avp=octets, verdict=verdict, offset=offset, path=spot.path)

    if what == _core.SIZE:
        return fault(errors.InvalidAvpLength, f"data of another length than {detail} octets")
    if what == _core.VALUE:
        return fault(errors.InvalidAvpValue, "not UTF-8 text" if spot.type == "UTF8String" else "not an identity")
    if what == _core.UNKNOWN:
        return fault(errors.AvpUnsupported, "no dictionary has this AVP and its M bit is set")
    if what == _core.FLAGS:
        return _flag_fault(fault, spot.definition, detail)
    if what == _core.PADDING:
        return fault(errors.InvalidAvpValue, PADDING_WRONG, REPORT)
    if what == _core.ENUM:
        return fault(errors.InvalidAvpValue, UNNAMED, REPORT)
    if what == _core.DEPTH:
        return fault(errors.UnableToComply, f"groups nested deeper than {_core.DEPTH_LIMIT}")
    if what == _core.VENDOR_ZERO:
        return fault(errors.InvalidAvpBits, "V bit with Vendor-Id 0")
    if what == _core.ORDER:
        return fault(errors.InvalidAvpValue, NOT_FIRST, REPORT)
    return fault(errors.InvalidAvpValue, f"not a value of type {spot.type}")


def _flag_fault(
    fault: Callable[[type[RemoteFault], str, str], RemoteFault], definition: AvpDef | None, flags: int
) -> RemoteFault:
    if flags & avp.RESERVED:
        return fault(errors.InvalidAvpBits, f"reserved AVP flags set: 0x{flags:02x}", REPORT)
    if definition is None or flags & avp.FLAG_P:
        return fault(errors.InvalidAvpBitCombo, "P bit set", REPORT)
    want = "set" if definition.mandatory == "M" else "clear"
    return fault(errors.InvalidAvpBitCombo, f"M bit must be {want}", REPORT)


def _arity(message: Message, begin: int, depth: int) -> Iterator[RemoteFault]:
    """The violations of one command (depth 0) or of the group whose data begin at `begin`."""
    end = message.end
    groups: list[int] = []
    names: tuple[str, ...] = ()
    grammar: Grammar | None
    if depth == 0:
        definition = message.definition
        refused = message.error and not message.request
        grammar = message.tables.error_rules if refused else definition.grammar if definition else None
    else:
        spot = group_at(message, begin)
        groups, names = [*spot.groups, spot.offset], spot.path
        end = avp.span(message.octets, spot.offset)[1]
        grammar = spot.definition.grammar if spot.definition is not None else None
    if grammar is None:
        return
    keys: list[int] = []
    heads: list[int] = []
    core.index(message.octets, begin, end, keys, heads)
    where = names[-1] if names else message.command
    for one in violations(grammar, keys):
        if one.what == MISSING and one.rule is not None:
            yield _missing(message, one.rule, where, groups, names)
            continue
        head = heads[one.position]
        spot = Spot(message, head)
        kind = errors.AvpOccursTooManyTimes if one.what == TOO_MANY else errors.AvpNotAllowed
        text = f"more than {one.rule.maximum} times" if one.what == TOO_MANY and one.rule else "has no place"
        yield kind(
            f"{spot.name}: {text} in {where}", failed_avp=spot.wrapped(spot.octets()), offset=head, path=spot.path
        )


def _missing(message: Message, rule: Rule, where: str, groups: list[int], names: tuple[str, ...]) -> RemoteFault:
    """5005 with an example of the AVP: right code, vendor and flags, zeros of the least length (section 7.1.5)."""
    octets = example(message.tables.scope.avps[rule.key])
    verdict = REFUSE
    if not message.request and not names:
        result = message.result
        if result is not None and not 2000 <= result[1] < 3000:
            verdict = REPORT
    return errors.MissingAvp(
        f"{rule.name} is missing in {where}",
        failed_avp=wrap(message.octets, groups, octets),
        verdict=verdict,
        offset=groups[-1] if groups else 0,
        path=(*names, rule.name),
    )


def _contradictions(message: Message) -> Iterator[RemoteFault]:
    """AVPs that contradict the header or each other: 5007, and section 6.11 for Vendor-Specific-Application-Id."""
    command = message.tables.command(message.command_code, message.request)
    if command is None or message.error:
        return
    keys = message.keys
    for key in sorted(command.application_ids.intersection(keys)):
        spot = Spot(message, message.heads[keys.index(key)])  # more than one of them is a matter of arity
        if key == known.VENDOR_SPECIFIC_APPLICATION_ID:
            yield from _vendor_specific(message, spot)
        else:
            yield from _same_application(message, spot.data(), spot.octets(), spot.path, spot.offset)
    if not message.request and known.RESULT_CODE in keys and known.EXPERIMENTAL_RESULT in keys:
        octets = b"".join(
            Spot(message, message.heads[keys.index(k)]).octets() for k in (known.RESULT_CODE, known.EXPERIMENTAL_RESULT)
        )
        yield errors.ContradictingAvps(
            "Result-Code and Experimental-Result in one answer",
            failed_avp=octets,
            verdict=REPORT,
            path=("Result-Code",),
        )


def _vendor_specific(message: Message, spot: Spot) -> Iterator[RemoteFault]:
    """Exactly one of Auth- and Acct-Application-Id, equal to the header's (section 6.11)."""
    wire = message.octets
    start, end = avp.span(wire, spot.offset)
    keys: list[int] = []
    heads: list[int] = []
    core.index(wire, start, end, keys, heads)
    ids = [
        head
        for key, head in zip(keys, heads, strict=True)
        if key in (known.AUTH_APPLICATION_ID, known.ACCT_APPLICATION_ID)
    ]
    if not ids:
        example = b"".join(
            avp.build(code, 0, avp.FLAG_M, bytes(4)) for code in (known.AUTH_APPLICATION_ID, known.ACCT_APPLICATION_ID)
        )
        yield errors.MissingAvp(
            "Vendor-Specific-Application-Id without Auth-Application-Id or Acct-Application-Id",
            failed_avp=wrap(wire, [spot.offset], example), offset=spot.offset, path=(*spot.path, "Auth-Application-Id"),
        )  # fmt: skip
    for head in ids:
        inner = Spot(message, head)
        yield from _same_application(message, inner.data(), spot.octets(), inner.path, head)
    if len({keys[heads.index(head)] for head in ids}) > 1:
        both = b"".join(Spot(message, head).octets() for head in ids)
        yield errors.AvpOccursTooManyTimes(
            "Vendor-Specific-Application-Id with both Auth-Application-Id and Acct-Application-Id",
            failed_avp=wrap(wire, [spot.offset], both), offset=ids[1], path=(*spot.path, "Acct-Application-Id"),
        )  # fmt: skip


def _same_application(
    message: Message, data: bytes, octets: bytes, path: tuple[str, ...], head: int
) -> Iterator[RemoteFault]:
    if len(data) == 4 and int.from_bytes(data) != message.application_id:
        yield errors.ContradictingAvps(
            f"{path[-1]} {int.from_bytes(data)} in a message of application {message.application_id}",
            failed_avp=octets, offset=head, path=path,
        )  # fmt: skip
