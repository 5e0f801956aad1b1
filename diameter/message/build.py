"""From names and Python values to octets: requests, answers, and single AVPs.

A mapping is a Grouped, a list or tuple is several AVPs of one name, octets are taken as they are for a Grouped.  The M
bit is the application's rule.  Groups are checked while they are written and the command when it is encoded;
a violation waits in `Message.pending` until then, because an application may still edit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from diameter.dictionary.load import Definitions
from diameter.dictionary.model import CommandDef
from diameter.dictionary.plain import Linked
from diameter.errors import DictionaryError, EncodeError
from diameter.message import core
from diameter.message.arity import check_built
from diameter.message.message import Message
from diameter.message.tables import SESSION_ID, Due, Tables
from diameter.wire import header

Avps = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Names to values, or pairs when the order mixes names."""

Buildable = tuple[Tables, Due, int, int, int]
"""Scope, grammar, command code, flags octet and application id of a request."""


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
        value that does not fit.  A violation of arity is raised by `encode`.
        """
        found = self._commands.get((command, application)) or self._found(command, application)
        tables, due, code, flags, application_id = found
        if due.compiled[3] == SESSION_ID and isinstance(avps, (dict, Mapping)) and "Session-Id" in avps:
            for first in avps:
                if first != "Session-Id":
                    avps = {"Session-Id": avps["Session-Id"], **avps}
                break
        body = core.Body(tables)
        kept = False
        if isinstance(avps, dict):
            kept = body.kept(avps, due.compiled, code)
        else:
            body.write(avps)
        if retransmitted:
            flags |= header.FLAG_T
        message = Message(body.message(flags, code, application_id, hop_by_hop, end_to_end), self)
        message.pending = None if kept else (due, body.keys, body.problem)
        return message

    def _found(self, name: str, application: str | int | None) -> Buildable:
        found = self._commands[name, application] = self._find(name, application)
        return found

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


def request_octets(
    dictionary: Dictionary, command: str, avps: dict[str, Any], application: int, hop_by_hop: int, end_to_end: int
) -> bytes:
    """What `encode` makes of such a request, checked while it is written, and without a Message of it.

    `avps` begin with Session-Id where the command does.  Raises as `Dictionary.request` and `encode` do.
    """
    tables, due, code, flags, application_id = dictionary._commands.get((command, application)) or dictionary._found(
        command, application
    )
    body = core.Body(tables)
    if body.kept(avps, due.compiled, code):
        return body.message(flags, code, application_id, hop_by_hop, end_to_end)
    message = dictionary.request(command, avps, application=application, hop_by_hop=hop_by_hop, end_to_end=end_to_end)
    check_built(message)
    return message.octets


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
