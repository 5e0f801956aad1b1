"""Answers to requests (RFC 6733 sections 6.2 and 7.1 to 7.5), from templates.

What an answer is made of depends on the command, the result and the names of its AVPs only: which AVPs of the request
it repeats, the octets of its Result-Code, the grammar it must keep.  That is found once and kept; what is left for
each answer is to write its values between.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from diameter.errors import REFUSE, AvpOccursTooManyTimes, RemoteFault
from diameter.message import core
from diameter.message.message import Message
from diameter.message.tables import EXPERIMENTAL_RESULT, RESULT_CODE, SESSION_ID, Due, Tables
from diameter.wire import header

if TYPE_CHECKING:
    from diameter.message.build import Avps

ORIGIN_HOST: Final = 264
ORIGIN_REALM: Final = 296
ORIGIN: Final = (ORIGIN_HOST, ORIGIN_REALM)
PROXY_INFO: Final = 284
TEMPLATES: Final = 1024
"""Templates of one application; more are made when an application names its AVPs in ever new ways."""


class Template(NamedTuple):
    """What answers of one kind have in common.

    `echoes`: keys of AVPs repeated from the request; `result`, `result_keys`: octets of the Result-Code or
    Experimental-Result, empty when the caller gives it; `origin`, `proxy`: to be filled in; `flags`: E bit; `due`: what
    `encode` checks, None where nothing is.
    """

    echoes: tuple[int, ...]
    result: bytes
    result_keys: tuple[int, ...]
    origin: bool
    proxy: bool
    flags: int
    due: Due | None


def answer(
    request: Message,
    code: int,
    avps: Avps | None = None,
    *,
    vendor: int = 0,
    error: bool | None = None,
    echo: bool = True,
    faulty: Collection[int] = (),
) -> Message:
    """The answer to `request`: same identifiers, command and P bit, Session-Id and Proxy-Info repeated (section 6.2).

    `vendor` 0: Result-Code `code`; else Experimental-Result {vendor, code}.  `error`: E bit; None means by the class
    (3xxx).  With `echo`, AVPs that the answer's grammar requires and the request carries (application ids,
    Auth-Session-State) are repeated unless given, or their keys `faulty`.  Origin-Host and Origin-Realm:
    `request.origin` unless given.
    """
    tables = request.tables
    given: Mapping[str, Any]
    if avps.__class__ is dict:
        given = avps
    else:
        given = avps if isinstance(avps, Mapping) else dict(avps or ())
    command_code = request.command_code
    kind = (command_code, code, vendor, error, echo, *given)
    template = tables.templates.get(kind)
    if template is None:
        template = _template(tables, command_code, code, given, vendor, error, echo)
        if len(tables.templates) >= TEMPLATES:
            tables.templates.clear()
        tables.templates[kind] = template
    echoes, result, result_keys, origin, proxy, flags, due = template
    body = core.Body(tables)
    body.copy(request, SESSION_ID)
    for key in echoes:
        if key not in faulty:
            body.copy(request, key)
    if result:
        body.add(result, result_keys)
    if origin and request.origin:
        body.add(request.origin, ORIGIN)
    body.write(given)
    if proxy:
        body.copy(request, PROXY_INFO, every=True)
    octets = body.message(
        request.flags & header.FLAG_P | flags,
        command_code,
        request.application_id,
        request.hop_by_hop,
        request.end_to_end,
    )
    message = Message(octets, request.dictionary)
    if due is not None:
        message.pending = due, body.keys, body.problem
    return message


def _template(
    tables: Tables,
    command_code: int,
    code: int,
    given: Collection[str],
    vendor: int,
    error: bool | None,
    echo: bool,
) -> Template:
    command = tables.command(command_code, False)
    failed = vendor == 0 and 3000 <= code < 4000 if error is None else error
    keys = {(tables.writers.get(name) or tables.writer(name)).key for name in given}
    echoes: tuple[int, ...] = ()
    if echo and not failed and command is not None:
        echoes = tuple(key for key in command.echoes if key not in keys)
    body = core.Body(tables)
    result_keys: tuple[int, ...] = ()
    if RESULT_CODE not in keys and EXPERIMENTAL_RESULT not in keys:
        result_keys = (EXPERIMENTAL_RESULT if vendor else RESULT_CODE,)
        if vendor:
            body.write({"Experimental-Result": {"Vendor-Id": vendor, "Experimental-Result-Code": code}})
        else:
            body.write({"Result-Code": code})
    due = None
    grammar = tables.error if failed or command is None else command.grammar
    if command is not None and grammar is not None and (failed or 2000 <= code < 3000):
        due = command.due
        if failed:
            due = Due(due.where, "RFC 6733 section 7.2", grammar, tables.error_rules)
    return Template(
        echoes,
        body.octets(),
        result_keys,
        ORIGIN_HOST not in keys,
        PROXY_INFO not in keys,
        header.FLAG_E if failed else 0,
        due,
    )


def refusal(request: Message, fault: RemoteFault) -> Message:
    """The answer to a faulty request: Result-Code, Error-Message and Failed-AVP of the fault (sections 7.1 to 7.5).

    What is wrong stands in Failed-AVP only: elsewhere the answer would be as faulty as the request.
    """
    names = request.tables.scope.names
    wrong = [one for one in request.faults if one.verdict == REFUSE and one.path and one.path[0] in names]
    faulty = [names[one.path[0]].key for one in wrong if not isinstance(one, AvpOccursTooManyTimes)]
    avps: dict[str, Any] = {"Error-Message": fault.text}
    if fault.failed_avp:
        avps["Failed-AVP"] = fault.failed_avp
    message = answer(request, int(fault.result_code), avps, error=fault.protocol_error, faulty=faulty)
    message.pending = None
    return message
