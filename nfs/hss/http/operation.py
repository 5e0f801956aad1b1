"""What one route does, as the description says it; and the routes beyond single subscribers and groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.  `takes`, `gives`: schemas of the bodies.  `tag`: its answer has an ETag; `guarded`: it
    takes If-Match.  `asked`: parameters of the query.  `may_lack`: what the body names may not be there."""

    name: str
    method: str
    path: str
    summary: str
    takes: str = ""
    gives: str = ""
    codes: tuple[int, ...] = (200,)
    tag: bool = False
    guarded: bool = False
    asked: tuple[str, ...] = ()
    may_lack: bool = False


FILE: Final = "File"
"""Schema of a body that is a file."""
FURTHER: Final = (
    Operation(
        name="import_subscribers", method="POST", path="/v1/imports", takes=FILE, gives="Import", codes=(202,),
        summary="Import a file of subscribers, CSV, JSON or JSON Lines: all of it or nothing; ask after it by its id",
    ),
    Operation(
        name="import", method="GET", path="/v1/imports/{number}", gives="Import",
        summary="How far an import is, and what is wrong with its file; the last twenty of this process",
    ),
    Operation(
        name="import_groups", method="POST", path="/v1/files/groups", takes=FILE, gives="GroupsImported",
        asked=("replace",), summary="Import groups, and what devices have, CSV or JSON: all of it or nothing",
    ),
    Operation(
        name="export_groups", method="GET", path="/v1/files/groups", gives="GroupFile",
        summary="Every group, and what devices have",
    ),
    Operation(
        name="import_access", method="POST", path="/v1/files/access", takes=FILE, gives="Imported",
        summary="Import rows of the access matrix of S6t, CSV or JSON: all of it or nothing",
    ),
    Operation(
        name="access", method="GET", path="/v1/access", gives="AccessFile", asked=("identity",),
        summary="The access matrix of S6t, or what it has of one device or group",
    ),
    Operation(
        name="allow", method="POST", path="/v1/access", takes="Access", gives="AccessChanged",
        may_lack=True,
        summary="Allow services to a SCEF, forbid them to everybody, name MTC providers; what is forbidden ends",
    ),
    Operation(
        name="withdraw", method="POST", path="/v1/access/withdraw", takes="Access", gives="AccessChanged",
        may_lack=True, summary="Take rows of the access matrix away; what a SCEF has by them ends, and it is told",
    ),
    Operation(
        name="group_members", method="GET", path="/v1/groups/{name}/members", gives="GroupNow",
        summary="A group with the members that it has at this moment",
    ),
    Operation(
        name="put_imsi_group", method="PUT", path="/v1/groups/{name}/imsi-group", takes="ImsiGroup", codes=(204,),
        summary="Set the IMSI-Group-Id of a group",
    ),
    Operation(
        name="watched", method="GET", path="/v1/watched", gives="Watched", asked=("identity",),
        summary="What SCEFs have of every device, or of one, and what waits to be said to them",
    ),
    Operation(
        name="bind", method="PUT", path="/v1/subscribers/{imsi}/terminal", takes="Terminal", codes=(204,),
        summary="Bind a subscription to a terminal",
    ),
    Operation(
        name="release", method="DELETE", path="/v1/subscribers/{imsi}/terminal", codes=(204,),
        summary="Any terminal will do again",
    ),
    Operation(
        name="order", method="POST", path="/v1/orders", takes="Order", gives="Ordered", codes=(202,), may_lack=True,
        summary="Have serving nodes be told: update, withdraw, locate, detach, reset; ask after it by its id",
    ),
    Operation(
        name="ordered", method="GET", path="/v1/orders/{number}", gives="Outcome",
        summary="What the nodes said to an order; null while they have not",
    ),
    Operation(
        name="cancel", method="DELETE", path="/v1/orders/{number}", gives="Cancelled",
        summary="Forget an order, or what came of it; `taken` says that nodes were, or are being, told",
    ),
)  # fmt: skip
