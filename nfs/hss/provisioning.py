"""Subscribers as files: CSV for spreadsheets (`nfs.hss.csvform`), JSON for scripts.

JSON is `{"schema": 1, "subscribers": [...]}` or the bare array.  Every bad row is named by file and line, all at once,
and then nothing of the file is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from diameter.config import Table
from diameter.errors import ConfigError
from nfs.common.cards import Card, KeysRow
from nfs.common.identities import IdentityError
from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss import csvform
from nfs.hss.logic import ExternalId, Service, Subscriber

SCHEMA: Final = 1
ServiceName = Literal["device-trigger", "sms-mo"]
_BY_LABEL: Final = {service.label: service for service in Service}


class ExternalIdRow(Table):
    """One External Identifier; `port`: the application port it stands for in MO-SMS."""

    identifier: str
    port: int | None = None


class RightRow(Table):
    """What one SCS (E.164 number) may ask for; without services: all of the subscription."""

    scs: str
    services: tuple[ServiceName, ...] = Field(default=(), strict=False)


class NodeRow(Table):
    """One serving node."""

    kind: Literal["ip-sm-gw", "mme", "msc", "sgsn"]
    number: str
    name: str = ""
    realm: str = ""
    reachable: bool = True


class SubscriberRow(Table):
    """One subscriber as files show it."""

    imsi: str
    msisdn: str | None = None
    external_ids: tuple[ExternalIdRow, ...] = Field(default=(), strict=False)
    services: tuple[ServiceName, ...] = Field(default=(), strict=False)
    rights: tuple[RightRow, ...] = Field(default=(), strict=False)
    sms: bool = True
    barred: bool = False
    nodes: tuple[NodeRow, ...] = Field(default=(), strict=False)
    profile: str | None = Field(default=None, min_length=1, max_length=64)
    keys: KeysRow | None = None

    def to_subscriber(self) -> Subscriber:
        """The record of it.  Raises IdentityError."""
        services = frozenset(_BY_LABEL[name] for name in self.services)
        rights = frozenset(
            (right.scs, service)
            for right in self.rights
            for service in ([_BY_LABEL[name] for name in right.services] or services)
        )
        return Subscriber(
            imsi=self.imsi,
            msisdn=self.msisdn,
            external_ids=tuple(ExternalId(identifier=each.identifier, port=each.port) for each in self.external_ids),
            services=services,
            rights=rights,
            sms=self.sms,
            barred=self.barred,
            nodes=tuple(
                ServingNode(
                    kind=NodeKind(node.kind),
                    number=node.number,
                    name=node.name,
                    realm=node.realm,
                    reachable=node.reachable,
                )
                for node in self.nodes
            ),
            profile=self.profile,
        )


@dataclass(frozen=True, slots=True)
class Placed:
    """A subscriber, where it came from (`FILE:LINE`), and its keys where the row has some."""

    place: str
    subscriber: Subscriber
    card: Card | None = None


def read(text: str, source: str) -> list[Placed]:
    """The subscribers of a file, JSON when it begins with `{` or `[`, else CSV.

    Raises ConfigError with a line a fault: `subscribers.csv:3: msisdn: ...`; then nothing of the file is used.
    """
    rows = _json_rows(text, source) if text.lstrip()[:1] in ("{", "[") else csvform.read(text, source)
    found: list[Placed] = []
    faults: list[str] = []
    seen: dict[str, str] = {}
    for place, row in rows:
        if isinstance(row, str):
            faults.append(f"{place}: {row}")
            continue
        try:
            valid = SubscriberRow.model_validate(row)
            subscriber, card = valid.to_subscriber(), None if valid.keys is None else valid.keys.to_card()
        except ValidationError as error:
            faults.extend(f"{place}: {text}" for text in _complaints(error))
            continue
        except IdentityError as error:
            faults.append(f"{place}: {error}")
            continue
        faults.extend(_repeated(subscriber, place, seen))
        found.append(Placed(place, subscriber, card))
    if faults:
        raise ConfigError(*faults)
    return found


def _repeated(subscriber: Subscriber, place: str, seen: dict[str, str]) -> Iterator[str]:
    """A complaint for each identity that an earlier row has as well."""
    identities = [("imsi", subscriber.imsi), ("msisdn", subscriber.msisdn)]
    identities += [("external_ids", each.identifier) for each in subscriber.external_ids]
    for column, identity in identities:
        if identity is not None:
            first = seen.setdefault(f"{column} {identity}", place)
            if first != place:
                yield f"{place}: {column}: also at {first}"


def _complaints(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False, include_input=False):
        text = "unknown key" if detail["type"] == "extra_forbidden" else detail["msg"].lower()
        yield f"{'.'.join(str(part) for part in detail['loc'])}: {text}"


def _json_rows(text: str, source: str) -> Iterator[tuple[str, Any]]:
    """(FILE:LINE, row) of each element of the array, in order."""
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{source}:{error.lineno}: not JSON: {error.msg}") from None
    except ValueError as error:  # of `_object`, or of int() about a number of thousands of digits
        raise ConfigError(f"{source}: not JSON: {error}") from None
    except RecursionError:
        raise ConfigError(f"{source}: not JSON: nested too deeply") from None
    rows = document.get("subscribers") if isinstance(document, dict) else document
    if not isinstance(rows, list) or (isinstance(document, dict) and document.get("schema", SCHEMA) != SCHEMA):
        raise ConfigError(f'{source}: an array, or {{"schema": {SCHEMA}, "subscribers": [...]}}, expected')
    for line, row in zip(_element_lines(text), rows, strict=True):
        yield f"{source}:{line}", row if isinstance(row, dict) else "an object expected"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice in one object")
    return found


def _element_lines(text: str) -> Iterator[int]:
    """The line on which each element of the array begins; the text is known to be JSON of the right shape."""
    decode = json.JSONDecoder().raw_decode
    at = _next(text, 0)
    key = None if text[at] == "{" else "subscribers"
    while key != "subscribers":
        key, at = decode(text, _next(text, at + 1))
        at = _next(text, _next(text, at) + 1)  # over the colon
        if key != "subscribers":
            at = _next(text, decode(text, at)[1])
    at = _next(text, at + 1)
    line, counted = 1, 0
    while text[at] != "]":
        line += text.count("\n", counted, at)
        counted = at
        yield line
        at = _next(text, decode(text, at)[1])
        at = _next(text, at + 1) if text[at] == "," else at


def _next(text: str, at: int) -> int:
    """The first position from `at` on that is no white space."""
    while text[at] in " \t\r\n":
        at += 1
    return at


def to_row(subscriber: Subscriber) -> dict[str, Any]:
    """A subscriber as one object of the JSON form."""
    by_scs: dict[str, list[str]] = {}
    for scs, service in sorted(subscriber.rights):
        by_scs.setdefault(scs, []).append(service.label)
    return {
        "imsi": subscriber.imsi,
        "msisdn": subscriber.msisdn,
        "external_ids": [{"identifier": each.identifier, "port": each.port} for each in subscriber.external_ids],
        "services": [service.label for service in sorted(subscriber.services)],
        "rights": [{"scs": scs, "services": services} for scs, services in by_scs.items()],
        "sms": subscriber.sms,
        "barred": subscriber.barred,
        "nodes": [
            {
                "kind": str(node.kind),
                "number": node.number,
                "name": node.name,
                "realm": node.realm,
                "reachable": node.reachable,
            }
            for node in subscriber.nodes
        ],
        "profile": subscriber.profile,
    }


def write_json(subscribers: Iterable[Subscriber]) -> str:
    """The JSON form, one subscriber a line."""
    rows = ",\n".join(json.dumps(to_row(each)) for each in subscribers)
    return f'{{"schema": {SCHEMA}, "subscribers": [\n{rows}\n]}}\n'


def write_csv(subscribers: Iterable[Subscriber]) -> str:
    """The CSV form, with its header."""
    return csvform.write(subscribers)
