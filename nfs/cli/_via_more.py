"""What `mtc subscriber ... --via URL` does beyond single subscribers: files, the access matrix, terminals, orders."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from nfs.cli._importing import Sending
from nfs.cli._via import faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nfs.cli._via import Remote
    from nfs.hss.monitoring.access import Row

LOOK_S: Final = 0.2
ANEW: Final = "the HSS began anew meanwhile, and all of it was imported or nothing: import it again"


def import_subscribers(hss: Remote, file: Any, *, quiet: bool) -> int:
    """Have a file imported; how many subscribers came in.  Raises ConfigError, ClickException."""
    with Sending(file, quiet=quiet) as sending:
        job = hss.send_file("imports", sending, sending.length, name=sending.name)
        while job["state"] in ("reading", "writing"):
            sending.show(job["state"], job["rows"], job["done"], job["of"])
            Event().wait(LOOK_S)
            job = hss.good("GET", f"imports/{job['id']}", refused=ANEW)
    if job["state"] != "done":
        raise faults(sending.name, job["errors"])
    return int(job["rows"])


def import_file(hss: Remote, what: str, file: Any, **query: str) -> Any:
    """Have a file of groups or of the access matrix imported; what is said to it."""
    name = str(getattr(file, "name", "<stdin>")).replace("<stdin>", "standard input")
    asked = f"?{urlencode(query)}" if query else ""
    return hss.send_file(f"files/{what}{asked}", file, None, name=name)


def groups(hss: Remote) -> dict[str, Any]:
    """All groups, and what devices have."""
    found: dict[str, Any] = hss.good("GET", "files/groups")
    return found


def group(hss: Remote, name: str) -> dict[str, Any]:
    """A group with the members that it has now.  Raises ClickException."""
    found: dict[str, Any] = hss.good("GET", f"{_group(name)}/members", refused=f"no group is named {name}")
    return found


def remove_group(hss: Remote, name: str) -> None:
    """Remove a group.  Raises ClickException."""
    hss.remove_at(_group(name), refused=f"no group is named {name}")


def set_imsi_group(hss: Remote, name: str, service: int, network: str, local: bytes) -> None:
    """Set the IMSI-Group-Id of a group.  Raises ClickException."""
    body = {"service": service, "plmn": network, "local": local.hex()}
    hss.good("PUT", f"{_group(name)}/imsi-group", body, refused=f"no group is named {name}")


def _group(name: str) -> str:
    return f"groups/{quote(name, safe='')}"


def change(hss: Remote, row: Row, *, take: bool) -> tuple[int, int]:
    """Change the access matrix; how many rows were, and how many things ended by that.  Raises ClickException."""
    path = "access/withdraw" if take else "access"
    nobody = f"no such row for {row.device}" if take else f"no subscriber has {row.device}"
    found = hss.good("POST", path, row.model_dump(mode="json"), refused=nobody)
    return int(found["changed"]), int(found["ended"])


def of_identity(hss: Remote, what: str, identity: str | None) -> dict[str, Any]:
    """What `access` or `watched` has, of all or of one.  Raises ClickException."""
    query = "" if identity is None else f"?{urlencode({'identity': identity})}"
    found: dict[str, Any] = hss.good("GET", f"{what}{query}", refused=f"no subscriber has {identity}")
    return found


def bind(hss: Remote, identity: str, imei: str | None, *, bar: bool) -> str:
    """Bind a subscription to a terminal, or to none any more; its IMSI.  Raises ClickException."""
    imsi = hss.find(identity).imsi
    path = f"subscribers/{imsi}/terminal"
    if imei is None:
        hss.good("DELETE", path, refused=f"{identity} is bound to no terminal")
    else:
        hss.good("PUT", path, {"imei": imei, "bar": bar})
    return imsi


def order(
    hss: Remote, identity: str | None, order_of: Mapping[str, Any], timeout_s: float
) -> list[dict[str, Any]] | bool:
    """Place an order and wait; what the nodes said, or whether somebody had taken it at least."""
    whose = {} if identity is None else {"imsi": hss.find(identity).imsi}
    number = hss.good("POST", "orders", {**order_of, **whose})["id"]
    until, nodes = time.monotonic() + timeout_s, None
    while nodes is None and time.monotonic() < until:
        Event().wait(LOOK_S)
        nodes = hss.good("GET", f"orders/{number}")["nodes"]
    taken = hss.good("DELETE", f"orders/{number}")["taken"]
    return nodes if nodes is not None else bool(taken)
