"""Groups and traits as files: JSON for scripts, CSV for spreadsheets.

JSON is `{"schema": 1, "groups": [...], "traits": [...]}`, each optional.  CSV is one table with a header: of groups
(`group`, `local_id`, `members`, `rules`, `scs`), or of traits (`device`, `area`, `feature`, `owner`).  Several values
of a cell are separated by `;`; a rule is `area:VALUE`, `feature:VALUE` or `owner:VALUE`; `scs` is as with subscribers,
the number of an SCS, with `:SERVICE` for one service only.  Every bad row is named, all at once.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field, ValidationError
from sqlalchemy import Connection

from diameter.config import Table
from diameter.errors import ConfigError
from nfs.common.identities import ExternalIdentifier, IdentityError
from nfs.hss.groups import tables
from nfs.hss.groups.logic import Group, Trait, TraitKind
from nfs.hss.logic import Service
from nfs.hss.provisioning import RightRow

SCHEMA: Final = 1
GROUP_COLUMNS: Final = ("group", "local_id", "members", "rules", "scs")
TRAIT_COLUMNS: Final = ("device", *(str(kind) for kind in TraitKind))
_BY_LABEL: Final = {service.label: service for service in Service}


class TraitRow(Table):
    """What one device has."""

    device: str
    area: tuple[str, ...] = Field(default=(), strict=False)
    feature: tuple[str, ...] = Field(default=(), strict=False)
    owner: tuple[str, ...] = Field(default=(), strict=False)

    def traits(self) -> tuple[Trait, ...]:
        """The records of it.  Raises IdentityError."""
        return tuple(Trait(kind, value) for kind in TraitKind for value in getattr(self, kind))


class RuleRow(Table):
    """What a group wants of its members: of each kind that is given, one of the values."""

    area: tuple[str, ...] = Field(default=(), strict=False)
    feature: tuple[str, ...] = Field(default=(), strict=False)
    owner: tuple[str, ...] = Field(default=(), strict=False)


class GroupRow(Table):
    """One group as files show it."""

    group: str
    local_id: str = ""
    members: tuple[str, ...] = Field(default=(), strict=False)
    rules: RuleRow = RuleRow()
    rights: tuple[RightRow, ...] = Field(default=(), strict=False)

    def to_group(self) -> Group:
        """The record of it.  Raises IdentityError."""
        return Group(
            external_id=self.group,
            local_id=self.local_id,
            members=self.members,
            rules=frozenset(Trait(kind, value) for kind in TraitKind for value in getattr(self.rules, kind)),
            rights=frozenset(
                (right.scs, _BY_LABEL[label])
                for right in self.rights
                for label in right.services or (Service.DEVICE_TRIGGER.label,)
            ),
        )


@dataclass(frozen=True, slots=True)
class Placed:
    """What stands at one place of a file: a group, or a device (canonical name) with its traits."""

    place: str
    group: Group | None = None
    device: str = ""
    traits: tuple[Trait, ...] = ()


def read(text: str, source: str) -> list[Placed]:
    """What a file has, JSON when it begins with `{`, else CSV.

    Raises ConfigError with a line a fault; then nothing of the file is used.
    """
    found: list[Placed] = []
    faults: list[str] = []
    seen: dict[str, str] = {}
    for place, row in _json_rows(text, source) if text.lstrip()[:1] == "{" else _csv_rows(text, source):
        try:
            placed = _placed(place, row)
        except ValidationError as error:
            faults.extend(f"{place}: {complaint}" for complaint in _complaints(error))
            continue
        except ValueError as error:
            faults.append(f"{place}: {error}")
            continue
        name = placed.device or (placed.group.external_id if placed.group else "")
        first = seen.setdefault(f"{bool(placed.device)} {name}", place)
        if first != place:
            faults.append(f"{place}: also at {first}")
        found.append(placed)
    if faults:
        raise ConfigError(*faults)
    return found


def bring(connection: Connection, placed: Iterable[Placed], *, replace: bool) -> tuple[int, int]:
    """Put what a file has into the tables: how many groups and how many devices.  Raises ConfigError."""
    groups = devices = 0
    for each in placed:
        if each.group is None:
            tables.give(connection, each.device, each.traits)
            devices += 1
            continue
        try:
            tables.make(connection, each.group, replace=replace)
        except ConfigError as error:
            raise ConfigError(f"{each.place}: {error}") from None
        groups += 1
    return groups, devices


def _placed(place: str, row: object) -> Placed:
    """Raises ValidationError, IdentityError, ValueError."""
    if not isinstance(row, dict):
        raise IdentityError("an object expected")
    if "device" in row:
        trait = TraitRow.model_validate(row)
        return Placed(place, device=str(ExternalIdentifier.parse(trait.device)), traits=trait.traits())
    return Placed(place, GroupRow.model_validate(row).to_group())


def _complaints(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False, include_input=False):
        said = "unknown key" if detail["type"] == "extra_forbidden" else detail["msg"].lower()
        yield f"{'.'.join(str(part) for part in detail['loc'])}: {said}"


def _json_rows(text: str, source: str) -> Iterator[tuple[str, object]]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{source}:{error.lineno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{source}: not JSON") from None
    lists = {name: document.get(name, []) for name in ("groups", "traits")}
    extra = [key for key in document if key not in ("schema", *lists)]
    if document.get("schema", SCHEMA) != SCHEMA or extra or not all(isinstance(each, list) for each in lists.values()):
        raise ConfigError(f'{source}: {{"schema": {SCHEMA}, "groups": [...], "traits": [...]}} expected')
    for name, key in (("groups", "group"), ("traits", "device")):
        for at, row in enumerate(lists[name]):
            if not isinstance(row, dict) or key not in row:
                yield f"{source}: {name}.{at}", None if not isinstance(row, dict) else {key: "", **row}
            else:
                yield f"{source}: {name}.{at}", row


def _csv_rows(text: str, source: str) -> Iterator[tuple[str, object]]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        columns = TRAIT_COLUMNS if "device" in header else GROUP_COLUMNS
        unknown = [name for name in header if name not in columns]
        if columns[0] not in header or unknown or len(set(header)) < len(header):
            what = f"unknown column {unknown[0]!r}" if unknown else "a header with group, or with device, expected"
            raise ConfigError(f"{source}:1: {what}")
        for cells in reader:
            if any(cell.strip() for cell in cells):
                place = f"{source}:{reader.line_num}"
                if len(cells) != len(header):
                    raise ConfigError(f"{place}: {len(header)} columns expected, {len(cells)} found")
                yield place, _csv_row(dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise ConfigError(f"{source}:{reader.line_num}: not CSV: {error}") from None


def _csv_row(cells: Mapping[str, str]) -> dict[str, Any]:
    """The cells of a line as a row."""
    row: dict[str, Any] = {}
    for column, cell in cells.items():
        values = [value.strip() for value in cell.split(";") if value.strip()]
        if column in ("group", "local_id", "device"):
            row[column] = cell.strip()
        elif column == "rules":
            rules: dict[str, list[str]] = {}
            for value in values:
                kind, _, what = value.partition(":")
                rules.setdefault(kind, []).append(what)
            row["rules"] = rules
        elif column == "scs":
            rights = (value.partition(":") for value in values)
            row["rights"] = [{"scs": scs, "services": [service] if service else []} for scs, _, service in rights]
        else:
            row[column] = values
    return row


def to_row(group: Group) -> dict[str, Any]:
    """A group as one object of the JSON form."""
    by_scs: dict[str, list[str]] = {}
    for scs, service in sorted(group.rights):
        by_scs.setdefault(scs, []).append(service.label)
    return {
        "group": group.external_id,
        "local_id": group.local_id,
        "members": list(group.members),
        "rules": by_kind(group.rules),
        "rights": [{"scs": scs, "services": services} for scs, services in by_scs.items()],
    }


def by_kind(traits: Iterable[Trait]) -> dict[str, list[str]]:
    """Values by kind, kinds without any left out."""
    found: dict[str, list[str]] = {}
    for trait in sorted(traits):
        found.setdefault(str(trait.kind), []).append(trait.value)
    return found


def write(groups: Iterable[Group], traits: Mapping[str, Iterable[Trait]]) -> str:
    """The JSON form, one group and one device a line."""
    rows = ",\n".join(json.dumps(to_row(each)) for each in groups)
    having = ",\n".join(json.dumps({"device": name, **by_kind(each)}) for name, each in traits.items())
    return f'{{"schema": {SCHEMA}, "groups": [\n{rows}\n], "traits": [\n{having}\n]}}\n'
