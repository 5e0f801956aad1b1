"""Accounting records of a client that wait for delivery (sections 9.4 and 9.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from diameter.session.accounting import RecordType


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One Accounting-Request to be: what identifies it, and its service-specific AVPs."""

    session_id: str
    kind: RecordType
    number: int
    sub_session: int | None = None
    avps: Mapping[str, Any] = field(default_factory=dict)

    def as_avps(self) -> dict[str, Any]:
        """The AVPs of the request."""
        found: dict[str, Any] = {
            "Session-Id": self.session_id,
            "Accounting-Record-Type": int(self.kind),
            "Accounting-Record-Number": self.number,
        }
        if self.sub_session is not None:
            found["Accounting-Sub-Session-Id"] = self.sub_session
        return found | dict(self.avps)

    @property
    def session(self) -> tuple[str, int | None]:
        """Session and sub-session."""
        return self.session_id, self.sub_session


class Storage:
    """The buffer of one client, in memory, shared by its sessions; an application that needs more than that gives
    another with the same methods.

    `limit`: records at most.  Of each session at most one interim record waits: a new one takes its place (section
    9.5).
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._records: dict[tuple[str, int | None, int], Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def has_room(self, record: Record) -> bool:
        """Whether `store` would keep this record."""
        return len(self._records) < self.limit or self._old(record) is not None

    def store(self, record: Record) -> None:
        """Keep a record until it is deleted; an older interim record of its session goes."""
        old = self._old(record)
        if old is not None:
            self.delete(old)
        self._records[self._key(record)] = record

    def first(self) -> Record | None:
        """The record that has waited longest, or None."""
        return next(iter(self._records.values()), None)

    def delete(self, record: Record) -> None:
        """Forget a record; it may be gone already."""
        self._records.pop(self._key(record), None)

    def _old(self, record: Record) -> Record | None:
        if record.kind is not RecordType.INTERIM:
            return None
        same = (each for each in self if each.session == record.session and each.kind is RecordType.INTERIM)
        return next(same, None)

    @staticmethod
    def _key(record: Record) -> tuple[str, int | None, int]:
        return record.session_id, record.sub_session, record.number
