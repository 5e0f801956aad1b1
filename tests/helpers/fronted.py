"""A gateway that is a process of its own, put in front of the MTC-IWF of a lab as the demonstration makes it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from diameter import Dictionary, Message, decode
from diameter.capture import CaptureReader
from diameter.security.pki import Pki
from nfs.cli import _demo_lab as demo
from nfs.cli._machines.files import toml

SGW: Final = f"mtc-sgw.{demo.REALM}"


def put_in_front(folder: Path) -> None:
    """Write mtc-sgw.toml, have the SCS speak with it, and the MTC-IWF take requests from it alone.

    It listens where the MTC-IWF did, which gets another address of the lab's.
    """
    iwf, scs = _read(folder, "mtc-iwf"), _read(folder, "scs")
    (listen,) = iwf["node"]["listen"]
    behind = listen | {"host": demo.wanted()["mtc-iwf"].host.rpartition(".")[0] + ".60"}
    outside = [each for each in iwf["peer"] if each.get("placement") != "inside"]
    near = {"realm": demo.REALM, "placement": "inside", "transport": "tls", "applications": ["Tsp"]}
    dialled = {"connect": True, "addresses": [behind["host"]], "port": behind["port"]}
    Pki(folder / "pki").issue(SGW, f"aaa://{SGW}", days=30)
    keys = {"certificate": f"pki/{SGW}.pem", "key": f"pki/{SGW}.key"}
    own = {"origin_host": SGW, "capture": "mtc-sgw.pcapng", "listen": [listen], "tls": iwf["node"]["tls"] | keys}
    gateway = {
        "function": "mtc-sgw",
        "audit": "mtc-sgw.audit",
        "node": iwf["node"] | own,
        "peer": [*outside, {"host": demo.HOSTS["mtc-iwf"], **near, **dialled}],
        "mtc_iwf": {"realm": demo.REALM, "hosts": [demo.HOSTS["mtc-iwf"]]},
        "sgw": iwf["sgw"],
        "scs": iwf["scs"],
    }
    agent = {"host": SGW, "agent": True, "agent_realms": [demo.CUSTOMER], **near}
    iwf["node"]["listen"] = [behind]
    iwf["peer"] = [agent, *(each for each in iwf["peer"] if each not in outside)]
    iwf["sgw"] = iwf["sgw"] | {"gateways": [SGW]}
    (peer,) = scs["peer"]
    peer["host"] = scs["scs"]["mtc_iwf"] = SGW
    for name, tables in (("mtc-sgw", gateway), ("mtc-iwf", iwf), ("scs", scs)):
        (folder / f"{name}.toml").write_text(toml(tables), encoding="utf-8")


def _read(folder: Path, name: str) -> dict[str, Any]:
    return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))


def links(folder: Path) -> tuple[list[Message], list[Message]]:
    """What went over the link of the gateway to the SCS, and over that to the MTC-IWF, opened."""
    behind = _read(folder, "mtc-iwf")["node"]["listen"][0]["host"]
    dictionary = Dictionary.load()
    found: tuple[list[Message], list[Message]] = ([], [])
    for one in CaptureReader(folder / "mtc-sgw.pcapng"):
        found[behind in (one.source[0], one.destination[0])].append(decode(one.octets, dictionary))
    return found


def audited(folder: Path, name: str) -> list[dict[str, Any]]:
    """The lines of an audit log."""
    return [json.loads(line) for line in (folder / f"{name}.audit").read_text(encoding="utf-8").splitlines()]
