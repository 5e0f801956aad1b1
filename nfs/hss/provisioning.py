"""Subscribers as files: CSV for spreadsheets (`nfs.hss.csvform`), JSON for scripts (`nfs.hss.jsonform`).

Both are read and written a subscriber at a time.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TextIO

from pydantic import Field, ValidationError

from diameter.config import Table
from diameter.errors import ConfigError
from nfs.common.cards import Card, KeysRow
from nfs.common.identities import IdentityError
from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss import csvform, jsonform
from nfs.hss.logic import ExternalId, Service, Subscriber

SCHEMA: Final = jsonform.SCHEMA
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
    name: str = Field(default="", max_length=255)
    realm: str = Field(default="", max_length=255)
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
    """A subscriber, the line it came from, and its keys where the row has some."""

    line: int
    subscriber: Subscriber
    card: Card | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row: the column, and what of it."""

    line: int
    text: str


def records(stream: TextIO, source: str) -> Iterator[Placed | Fault]:
    """The subscribers of a file and what is wrong with the others, one at a time, however long the file is.

    JSON, or JSON Lines, when it begins with `{` or `[`, else CSV.  Rows are not compared with each other.  Raises
    ConfigError for a file that is no such thing, or stops being one.
    """
    text = ""
    while not text.strip() and len(text) < jsonform.MOST:
        line = stream.readline(jsonform.MOST)
        text += line
        if not line:
            break
    rows = jsonform.read if text.lstrip()[:1] in ("{", "[") else csvform.read
    for number, row in rows(stream, text, source):
        if isinstance(row, str):
            yield Fault(number, row)
            continue
        try:
            valid = SubscriberRow.model_validate(row)
            yield Placed(number, valid.to_subscriber(), None if valid.keys is None else valid.keys.to_card())
        except ValidationError as error:
            yield from (Fault(number, text) for text in complaints(error))
        except IdentityError as error:
            yield Fault(number, with_column(str(error)))


def read(text: str, source: str) -> list[Placed]:
    """The subscribers of a short text.

    Raises ConfigError with a line a fault: `subscribers.csv:3: msisdn: ...`; then nothing of the text is used.
    """
    found = list(records(io.StringIO(text, newline=""), source))
    faults = [f"{source}:{each.line}: {each.text}" for each in found if isinstance(each, Fault)]
    if faults:
        raise ConfigError(*faults)
    return [each for each in found if isinstance(each, Placed)]


def complaints(error: ValidationError) -> Iterator[str]:
    """What is wrong with a row, the key first."""
    for detail in error.errors(include_url=False, include_input=False):
        text = "unknown key" if detail["type"] == "extra_forbidden" else detail["msg"].lower()
        yield f"{'.'.join(str(part) for part in detail['loc'])}: {text}"


def with_column(text: str) -> str:
    """What is wrong with an identity, the column first."""
    kind = text.partition(":")[0].lower()
    if kind in ("imsi", "msisdn", "scs", "keys"):
        return text
    return f"{'external_ids' if kind.startswith(('external', 'application')) else 'nodes'}: {text}"


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


def write_json(subscribers: Iterable[Subscriber]) -> Iterator[str]:
    """The JSON form in pieces, one subscriber a line."""
    yield f'{{"schema": {SCHEMA}, "subscribers": ['
    between = "\n"
    for each in subscribers:
        yield between + json.dumps(to_row(each))
        between = ",\n"
    yield "\n]}\n"


def write_lines(subscribers: Iterable[Subscriber]) -> Iterator[str]:
    """JSON Lines: an object a line."""
    return (json.dumps(to_row(each)) + "\n" for each in subscribers)


def write_csv(subscribers: Iterable[Subscriber]) -> Iterator[str]:
    """The CSV form in pieces, with its header."""
    return csvform.write(subscribers)
