"""What the HTTP interface does beyond single subscribers and groups: work for a Store, without a word of HTTP.

Files of groups and of the access matrix, what SCEFs have, terminals, and orders: the same as `mtc subscriber` does in
the database.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from sqlalchemy import Connection, select

from diameter.config import Table
from diameter.errors import ConfigError
from nfs.common.identities import ExternalIdentifier, IdentityError, plmn
from nfs.hss import binding, ordered, tables, withdrawing
from nfs.hss.groups import form
from nfs.hss.groups import tables as groups
from nfs.hss.groups.logic import resolve
from nfs.hss.http.problems import Problem
from nfs.hss.importing import MOST_FAULTS
from nfs.hss.logic import Service, Subscriber, UserId
from nfs.hss.monitoring import access, revoke
from nfs.hss.monitoring import tables as monitoring
from nfs.hss.monitoring.access import Row
from nfs.hss.monitoring.shown import watched as shown

Imsi = Annotated[str, Field(pattern="^[0-9]{6,15}$")]


class OrderRow(Table):
    """An order for serving nodes.  `what`, `apns`, `scef`: for `withdraw`; `users`: digits of IMSIs, for `reset`."""

    verb: Literal["update", "withdraw", "locate", "detach", "reset"]
    imsi: Imsi | None = None
    reattach: bool = False
    what: tuple[str, ...] = Field(default=(), strict=False)
    apns: tuple[str, ...] = Field(default=(), strict=False)
    scef: str = ""
    users: tuple[Annotated[str, Field(pattern="^[0-9]{1,15}$")], ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.imsi is None) != (self.verb == "reset"):
            raise ValueError("imsi: of whom; for reset nobody's")
        if wrong := [each for each in self.what if each not in withdrawing.NAMES]:
            raise ValueError(f"what: {wrong[0]}: one of {', '.join(withdrawing.NAMES)} expected")
        if self.verb == "withdraw" and not (self.what or self.apns or self.scef):
            raise ValueError("what goes: what, apns or scef")
        return self

    def order(self) -> ordered.Order:
        """As it is kept."""
        details: dict[str, dict[str, Any]] = {
            "withdraw": {"what": list(self.what), "apns": list(self.apns), "scef": self.scef},
            "detach": {"reattach": self.reattach},
            "reset": {"users": list(self.users)},
        }
        return ordered.Order(verb=self.verb, imsi=self.imsi or "", detail=details.get(self.verb, {}))


class BindingRow(Table):
    """The terminal of a subscription; `bar`: it is not let in with another one."""

    imei: str = Field(pattern="^[0-9]{14,16}$")
    bar: bool = False


class ImsiGroupRow(Table):
    """IMSI-Group-Id: Group-Service-Id, digits of Group-PLMN-Id, octets of Local-Group-Id in hexadecimal."""

    service: int = Field(ge=0, lt=1 << 32)
    plmn: str
    local: str = Field(pattern="^(?:[0-9A-Fa-f]{2}){1,10}$")


def find(connection: Connection, identity: str) -> Subscriber:
    """The subscriber with an identity of whatever kind.  Raises Problem."""
    try:
        if "@" in identity:
            users = [UserId(external_id=str(ExternalIdentifier.parse(identity)))]
        else:
            users = [UserId(imsi=identity), UserId(msisdn=identity.removeprefix("+"))]
    except IdentityError as error:
        raise Problem(422, "the body is not what is expected", ("device", str(error))) from None
    for user in users:
        if (found := tables.find(connection, user)) is not None:
            return found
    raise Problem(404, f"no subscriber has {identity}")


def subject(connection: Connection, identity: str) -> str:
    """The IMSI of a device, or the name of a group.  Raises Problem."""
    return identity if groups.named(connection, [identity]) else find(connection, identity).imsi


def existing(connection: Connection, imsi: str) -> None:
    """Raises Problem for who is no subscriber."""
    if tables.find(connection, UserId(imsi=imsi)) is None:
        raise Problem(404, "no such subscriber")


# -- access


def rows(connection: Connection, identity: str) -> dict[str, Any]:
    """The access matrix, or what it has of a device or group."""
    return {"schema": 1, "access": access.listed(connection, subject(connection, identity) if identity else None)}


def change(connection: Connection, row: Row, now: int, *, take: bool) -> dict[str, Any]:
    """Add or take away what a row says; how many rows, and how many things of SCEFs ended by that.  Raises Problem."""
    name = subject(connection, row.device)
    changed = access.change(connection, name, row, take=take)
    if take and not changed:
        raise Problem(404, f"no such row for {row.device}")
    return {"schema": 1, "changed": changed, "ended": revoke.end(connection, {name}, now)}


def bring_rows(connection: Connection, text: str, source: str, now: int) -> dict[str, Any]:
    """All rows of a file beside those that are there, or none.  Raises Problem."""
    read = _read(lambda: access.read(text, source))
    names = set()
    for place, row in read:
        try:
            names.add(name := subject(connection, row.device))
        except Problem as problem:
            raise _wrong([f"{place}: {problem.title}"]) from None
        access.change(connection, name, row)
    revoke.end(connection, names, now)
    return {"schema": 1, "imported": len(read)}


# -- groups


def bring_groups(connection: Connection, text: str, source: str, *, replace: bool) -> dict[str, Any]:
    """All groups of a file, and what devices have, or none.  Raises Problem."""
    placed = _read(lambda: form.read(text, source))
    many, devices = _read(lambda: form.bring(connection, placed, replace=replace))
    return {"schema": 1, "groups": many, "devices": devices}


def every_group(connection: Connection) -> dict[str, Any]:
    """All groups and what devices have, as a file has them."""
    found: dict[str, Any] = json.loads(form.write(groups.every(connection), groups.traits(connection)))
    return found


def now_in(connection: Connection, name: str) -> dict[str, Any]:
    """A group with the members that it has at this moment.  Raises Problem."""
    group = groups.find(connection, name)
    if group is None:
        raise Problem(404, "no such group")
    found = resolve(groups.candidates(connection, group, Service.DEVICE_TRIGGER))
    now = [{"device": each.external_id, "by_rule": each.by_rule, "left_out": each.left_out or None} for each in found]
    return {**form.to_row(group), "now": now}


def set_imsi_group(connection: Connection, name: str, row: ImsiGroupRow) -> None:
    """Set the IMSI-Group-Id of a group.  Raises Problem."""
    if not groups.named(connection, [name]):
        raise Problem(404, "no such group")
    try:
        network = plmn(row.plmn)
    except ValueError as error:
        raise Problem(422, "the body is not what is expected", ("plmn", str(error))) from None
    monitoring.set_imsi_group(connection, name, row.service, network, bytes.fromhex(row.local))


# -- what SCEFs have, terminals


def watched(connection: Connection, identity: str) -> dict[str, Any]:
    """What SCEFs have, of every device or of one, and what waits to be said.  Raises Problem."""
    return {"schema": 1, **shown(connection, subject(connection, identity) if identity else None)}


def bind(connection: Connection, imsi: str, row: BindingRow) -> None:
    """Bind a subscription to a terminal.  Raises Problem, IdentityError."""
    existing(connection, imsi)
    binding.bind(connection, binding.Binding(imsi=imsi, imei=row.imei, bar=row.bar))


def release(connection: Connection, imsi: str) -> None:
    """Any terminal will do again.  Raises Problem."""
    if not binding.release(connection, imsi):
        raise Problem(404, "bound to no terminal")


# -- orders


def place(connection: Connection, row: OrderRow) -> dict[str, Any]:
    """Order something.  Raises Problem."""
    if row.imsi is not None:
        existing(connection, row.imsi)
    return {"schema": 1, "id": str(ordered.place(connection, row.order()))}


def came(connection: Connection, number: str) -> dict[str, Any]:
    """What came of an order, node by node; null while it is not carried out.  Raises Problem."""
    return {"schema": 1, "id": number, "nodes": _known(connection, number)[1]}


def forget(connection: Connection, number: str) -> dict[str, Any]:
    """Forget an order, or what came of it; whether somebody had taken it already.  Raises Problem."""
    key, nodes = _known(connection, number)
    if nodes is not None:
        ordered.outcome(connection, key)
    return {"schema": 1, "taken": nodes is not None or not ordered.cancel(connection, key)}


def _known(connection: Connection, number: str) -> tuple[int, Any]:
    if number.isascii() and number.isdigit() and len(number) < 10:
        c = ordered.ORDERED.c
        row = connection.execute(select(c.outcome).where(c.id == int(number), c.verb != "remove")).first()
        if row is not None:
            return int(number), None if row.outcome is None else json.loads(row.outcome)
    raise Problem(404, "no such order")


def _read(read: Any) -> Any:
    try:
        return read()
    except ConfigError as error:
        raise _wrong(error.lines) from None


def _wrong(lines: Sequence[str]) -> Problem:
    named = [("", line) for line in lines[:MOST_FAULTS]]
    if len(lines) > MOST_FAULTS:
        named.append(("", f"{len(lines) - MOST_FAULTS} faults more"))
    return Problem(422, "the file is not what is expected", *named)
