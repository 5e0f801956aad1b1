"""What provisioning by HTTP does in the database, without a word of HTTP but for entity tags.

Each function is work for a `Store`: a transaction in which what is there is read, compared with what the client has
seen (its entity tag), and changed.  So no change of somebody else is lost, on whichever front end it was made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from diameter.errors import ConfigError
from nfs.common.aka import Seal
from nfs.common.cards import Card
from nfs.hss import cards, lookup, ordered, tables
from nfs.hss.groups import form
from nfs.hss.groups import tables as groups
from nfs.hss.groups.logic import Group
from nfs.hss.http.problems import Problem
from nfs.hss.logic import Subscriber
from nfs.hss.provisioning import to_row

ANY: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """If-Match and If-None-Match of a request: the tags named, "*" for any, none where the header is missing."""

    match: frozenset[str] = frozenset()
    none_match: frozenset[str] = frozenset()

    def check(self, tag: str | None) -> None:
        """Raises Problem unless what is there (None: nothing) is what the client thinks is there."""
        if self.match and (tag is None or not self.match & {tag, ANY}):
            raise Problem(412, "somebody else has changed it: read it again")
        if tag is not None and self.none_match & {tag, ANY}:
            raise Problem(412, "it is there already")
        if tag is not None and not self.match:
            raise Problem(428, "it is there: name its ETag in If-Match, or * in If-Match to have your way")


@dataclass(frozen=True, slots=True)
class Changed:
    """A subscriber before and after; None where there was or is none."""

    before: Subscriber | None
    after: Subscriber | None


def tag_of(row: dict[str, Any]) -> str:
    """The entity tag of what is shown of a resource."""
    text = json.dumps(row, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'


def subscriber(connection: Connection, imsi: str) -> Subscriber:
    """Raises Problem when there is none."""
    found = lookup.find_many(connection, "imsi", (imsi,)).get(imsi)
    if found is None:
        raise Problem(404, "no such subscriber")
    return found


def put(
    connection: Connection, imsi: str, make: Callable[[Subscriber | None], Subscriber], condition: Condition
) -> Changed:
    """Have a subscriber be what `make` says of the one that is there.  Raises Problem."""
    before = lookup.find_many(connection, "imsi", (imsi,)).get(imsi)
    condition.check(None if before is None else tag_of(to_row(before)))
    after = make(before)
    _free(connection, after)
    try:
        tables.save(connection, after)
    except IntegrityError:  # with several front ends somebody may be quicker
        raise Problem(409, "one of its identities was taken meanwhile") from None
    return Changed(before, after)


def remove(connection: Connection, imsi: str, condition: Condition, now: float) -> Changed:
    """Remove a subscriber with all that belongs to it, and order that nodes let go of it.  Raises Problem."""
    before = subscriber(connection, imsi)
    condition.check(tag_of(to_row(before)))
    ordered.remove(connection, imsi, now)
    return Changed(before, None)


def put_keys(connection: Connection, imsi: str, card: Card, seal: Seal) -> Changed:
    """Give a subscriber keys in the place of those it has.  Raises Problem."""
    found = subscriber(connection, imsi)
    cards.save(connection, imsi, card, seal)
    return Changed(found, found)


def _free(connection: Connection, wanted: Subscriber) -> None:
    """Raises Problem with each identity that is somebody else's."""
    taken = []
    if wanted.msisdn is not None:
        other = lookup.find_many(connection, "msisdn", (wanted.msisdn,)).get(wanted.msisdn)
        if other is not None and other.imsi != wanted.imsi:
            taken.append(("msisdn", "belongs to another subscriber"))
    names = [each.identifier for each in wanted.external_ids]
    owners = lookup.find_many(connection, "external_id", names) if names else {}
    for_groups = groups.named(connection, names)
    for at, name in enumerate(names):
        if name in owners and owners[name].imsi != wanted.imsi:
            taken.append((f"external_ids.{at}.identifier", "belongs to another subscriber"))
        if name in for_groups:
            taken.append((f"external_ids.{at}.identifier", "is the name of a group"))
    if taken:
        raise Problem(409, "identities are somebody else's", *taken)


def group(connection: Connection, name: str) -> Group:
    """Raises Problem when there is none."""
    found = groups.find(connection, name)
    if found is None:
        raise Problem(404, "no such group")
    return found


def put_group(connection: Connection, wanted: Group, condition: Condition) -> bool:
    """Have a group be this one; whether it is new.  Raises Problem."""
    before = groups.find(connection, wanted.external_id)
    condition.check(None if before is None else tag_of(form.to_row(before)))
    try:
        groups.make(connection, wanted, replace=True)
    except ConfigError as error:
        raise Problem(409, str(error)) from None
    return before is None


def remove_group(connection: Connection, name: str, condition: Condition) -> None:
    """Remove a group; its members stay subscribers.  Raises Problem."""
    condition.check(tag_of(form.to_row(group(connection, name))))
    groups.remove(connection, name)
