"""`mtc pcap replay` as programs that play with each other, and a scenario in which both parties ask."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from helpers.captures import IWF, SCS
from helpers.certificates import Ca

MTC: Final = [sys.executable, "-m", "nfs.cli", "pcap"]
TWO_WAYS: Final = """
schema = 1
[names]
client = "scs.customer.example"
client_realm = "customer.example"
server = "iwf.operator.example"
server_realm = "operator.example"
session = ""
session2 = ""
reference = ""

[[message]]
from = "client"
request = 1
command = "DAR"
application = "Tsp"
[message.avps]
Session-Id = "${session}"
Auth-Application-Id = 16777309
Auth-Session-State = 1
Origin-Host = "${client}"
Origin-Realm = "${client_realm}"
Destination-Realm = "${server_realm}"
Device-Action.Reference-Number = 7
Device-Action.Action-Type = "DEVICE_TRIGGER_REQUEST"

[[message]]
from = "server"
request = 2
command = "DNR"
application = "Tsp"
[message.avps]
Session-Id = "${session2}"
Auth-Application-Id = 16777309
Auth-Session-State = 1
Origin-Host = "${server}"
Origin-Realm = "${server_realm}"
Destination-Host = "${client}"
Destination-Realm = "${client_realm}"
Device-Notification.Reference-Number = 7
Device-Notification.Action-Type = "DELIVERY_REPORT"

[[message]]
from = "client"
answer = 2
command = "DNA"
application = "Tsp"
[message.avps]
Session-Id = "${session2}"
Auth-Application-Id = 16777309
Auth-Session-State = 1
Result-Code = 2001
Origin-Host = "${client}"
Origin-Realm = "${client_realm}"

[[message]]
from = "server"
answer = 1
command = "DAA"
application = "Tsp"
[message.avps]
Session-Id = "${session}"
Auth-Application-Id = 16777309
Auth-Session-State = 1
Result-Code = 3004
Origin-Host = "${server}"
Origin-Realm = "${server_realm}"
"""


def certified(folder: Path) -> dict[str, list[str]]:
    """Options with a certificate for each party, by its Origin-Host."""
    ca, options = Ca(), {}
    for host in (SCS, IWF):
        files = ca.issue(host).write(folder, host)
        options[host] = [word for name in ("certificate", "key") for word in (f"--{name}", files[name])]
        options[host] += ["--trust", str(folder / f"{host}-ca.pem")]
    return options


@contextmanager
def listening(scenario: Path, endpoint: str, *more: str) -> Iterator[tuple[int, list[str]]]:
    """A server that plays the scenario; its port.  The list holds its output once it has ended well."""
    words = [*MTC, "replay", str(scenario), "--listen", endpoint, *more]
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=scenario.parent)
    said: list[str] = []
    try:
        assert program.stdout is not None
        line = program.stdout.readline()
        found = re.fullmatch(r"listening on \w+ \S+:(\d+)\n", line)
        assert found is not None, line + program.stdout.read()
        yield int(found[1]), said
        rest, _ = program.communicate(timeout=300)
        said.extend(rest.splitlines())
    finally:
        if program.poll() is None:
            program.kill()
            program.communicate()


def client(scenario: Path, port: int, *more: str, transport: str = "tcp") -> subprocess.CompletedProcess[str]:
    """The other party, that dials."""
    return replayed(scenario, "--connect", f"{transport}:127.0.0.1:{port}", *more)


def replayed(scenario: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Play to the end."""
    words = (*MTC, "replay", str(scenario), *words)
    return subprocess.run(words, capture_output=True, text=True, timeout=300, check=False, cwd=scenario.parent)


CARRIED: Final = """
schema = 1
[names]
client = "scs.customer.example"
client_realm = "customer.example"
server = "iwf.operator.example"
server_realm = "operator.example"
session = ""

[[message]]
from = "client"
request = 1
command = "DAR"
application = "Tsp"
[message.avps]
Session-Id = "${session}"
Auth-Application-Id = 16777309
Auth-Session-State = 1
Origin-Host = "${client}"
Origin-Realm = "${client_realm}"
Destination-Realm = "${server_realm}"
Device-Action.Reference-Number = 7
Device-Action.Action-Type = "DEVICE_TRIGGER_REQUEST"

[[message]]
from = "server"
answer = 1
command = "DAA"
application = "Tsp"
[message.avps]
Session-Id = "${session}"
Auth-Application-Id = 16777309
Auth-Session-State = 1
Result-Code = 2001
Origin-Host = "${server}"
Origin-Realm = "${server_realm}"
Device-Notification.Reference-Number = "${reference}"
Device-Notification.Action-Type = "DEVICE_TRIGGER_REQUEST"
Class = "${cookie}"

[[message]]
from = "client"
request = 2
command = "DAR"
application = "Tsp"
[message.avps]
Session-Id = "${session}"
Auth-Application-Id = 16777309
Auth-Session-State = 1
Origin-Host = "${client}"
Origin-Realm = "${client_realm}"
Destination-Realm = "${server_realm}"
Device-Action.Reference-Number = "${reference}"
Device-Action.Action-Type = "DEVICE_TRIGGER_REQUEST"
Class = "${cookie}"

[[message]]
from = "server"
answer = 2
command = "DAA"
application = "Tsp"
[message.avps]
Session-Id = "${session}"
Auth-Application-Id = 16777309
Auth-Session-State = 1
Result-Code = 2001
Origin-Host = "${server}"
Origin-Realm = "${server_realm}"
"""
"""The server knows `reference` and `cookie`; the client learns them."""
