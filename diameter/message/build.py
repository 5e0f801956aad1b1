"""From names and Python values to octets: requests, answers, and single AVPs.

A mapping is a Grouped, a list or tuple is several AVPs of one name, octets are taken as they are for a Grouped.  The M
bit is the application's rule.  Groups are checked while they are written and the command when it is encoded;
a violation waits in `Message.pending` until then, because an application may still edit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from diameter.dictionary.load import Definitions
from diameter.dictionary.model import CommandDef
from diameter.dictionary.plain import Linked
from diameter.errors import REFUSE, AvpOccursTooManyTimes, DictionaryError, EncodeError, RemoteFault
from diameter.message import core
from diameter.message.message import Message
from diameter.message.tables import EXPERIMENTAL_RESULT, RESULT_CODE, SESSION_ID, Due, Tables
from diameter.wire import header

Avps = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Names to values, or pairs when the order mixes names."""

Buildable = tuple[Tables, Due, int, int, int]
"""Scope, grammar, command code, flags octet and application id of a request."""
ORIGIN_HOST: Final = 264
ORIGIN_REALM: Final = 296
PROXY_INFO: Final = 284


class Dictionary(Definitions):
    """The loaded dictionaries, with requests built from them.  `Dictionary.load()` is all of `dict/`."""

    __slots__ = ("_commands", "_compiled", "lookups")

    def __init__(self, linked: Linked) -> None:
        super().__init__(linked)
        self._compiled: dict[int, Tables] = {}
        self._commands: dict[tuple[str, str | int | None], Buildable] = {}
        self.lookups: dict[int, core.Lookup] = {}
        """What the core reads messages with, by application, as far as they were needed."""

    def tables(self, application_id: int) -> Tables:
        """The compiled scope of an application; all unknown ones share the base protocol's."""
        try:
            return self._compiled[application_id]
        except KeyError:
            return self._compile(application_id)

    def _compile(self, application_id: int) -> Tables:
        if application_id not in self.applications and application_id != 0:
            return self.tables(0)
        tables = Tables(self.scope(application_id))
        tables.lookup = self.lookups[application_id] = core.Lookup(tables)
        self._compiled[application_id] = tables
        return tables

    def request(
        self,
        command: str,
        avps: Avps,
        *,
        application: str | int | None = None,
        hop_by_hop: int = 0,
        end_to_end: int = 0,
        retransmitted: bool = False,
    ) -> Message:
        """A request by the name of its command: "Device-Action", "Device-Action-Request" or "DAR".

        Raises LocalError: unknown or decode-only command, a name in several applications without `application`, a
        value that does not fit.  Arity is checked by `encode`.
        """
        found = self._commands.get((command, application))
        if found is None:
            found = self._commands[command, application] = self._find(command, application)
        tables, due, code, flags, application_id = found
        if due.compiled[3] == SESSION_ID and isinstance(avps, (dict, Mapping)) and "Session-Id" in avps:
            for first in avps:
                if first != "Session-Id":
                    avps = {"Session-Id": avps["Session-Id"], **avps}
                break
        body = core.Body(tables)
        body.write(avps)
        if retransmitted:
            flags |= header.FLAG_T
        message = Message(body.message(flags, code, application_id, hop_by_hop, end_to_end), self)
        message.pending = due, body.keys, body.problem
        return message

    def _find(self, name: str, application: str | int | None) -> Buildable:
        candidates = [one for one in self.commands_named(name) if one.request]
        if not candidates:
            raise DictionaryError(f"no dictionary has a request named {name!r}")
        if application is not None:
            wanted = self.application(application).id
            found = self.tables(wanted).command(candidates[0].code, True)
            if found is None or found.definition.name not in {one.name for one in candidates}:
                raise DictionaryError(f"application {application} has no command {name!r}")
            return self._buildable(found.definition, wanted)
        ids = sorted({one.application_id for one in candidates})
        if len(ids) > 1:
            names = ", ".join(f"{self.application(one).name} ({one})" for one in ids)
            raise DictionaryError(f"{name!r} is a command of several applications, say which: {names}")
        return self._buildable(candidates[0], ids[0])

    def _buildable(self, one: CommandDef, application_id: int) -> Buildable:
        if one.decode_only:
            raise EncodeError(f"{one.name} is known from a decode-only dictionary; it can be read, not built")
        tables = self.tables(application_id)
        command = tables.command(one.code, True)
        assert command is not None
        flags = header.FLAG_R | (header.FLAG_P if one.proxiable else 0)
        return tables, command.due, one.code, flags, application_id


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
    command = tables.command(request.command_code, False)
    failed = vendor == 0 and 3000 <= code < 4000 if error is None else error
    given = avps if isinstance(avps, (dict, Mapping)) else dict(avps or ())
    body = core.Body(tables)
    body.copy(request, SESSION_ID)
    grammar = tables.error if failed or command is None else command.grammar
    keys = {(tables.writers.get(name) or tables.writer(name)).key for name in given}
    if echo and not failed and command is not None:
        for key in command.echoes:
            if key not in keys and key not in faulty:
                body.copy(request, key)
    if RESULT_CODE not in keys and EXPERIMENTAL_RESULT not in keys:
        if vendor:
            body.write({"Experimental-Result": {"Vendor-Id": vendor, "Experimental-Result-Code": code}})
        else:
            body.write({"Result-Code": code})
    if request.origin and ORIGIN_HOST not in keys:
        body.add(request.origin, (ORIGIN_HOST, ORIGIN_REALM))
    body.write(given)
    if PROXY_INFO not in keys:
        body.copy(request, PROXY_INFO, every=True)
    flags = (request.flags & header.FLAG_P) | (header.FLAG_E if failed else 0)
    octets = body.message(flags, request.command_code, request.application_id, request.hop_by_hop, request.end_to_end)
    message = Message(octets, request.dictionary)
    if command is not None and grammar is not None and (failed or 2000 <= code < 3000):
        due = command.due
        if failed:
            due = Due(due.where, "RFC 6733 section 7.2", grammar, tables.error_rules)
        message.pending = due, body.keys, body.problem
    return message


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


def write_avps(tables: Tables, avps: Avps) -> bytes:
    """AVPs by name as octets, groups checked; EncodeError when one violates its grammar."""
    body = core.Body(tables)
    body.write(avps)
    if body.problem is not None:
        raise body.problem
    return body.octets()


def as_pairs(avps: Avps) -> list[tuple[str, Any]]:
    """A mapping or pairs as a list of pairs."""
    return list(avps.items()) if isinstance(avps, Mapping) else list(avps)
