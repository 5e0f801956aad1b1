"""Short messages of devices at an SCS that is killed: what it acknowledged is there when it runs again, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import pytest

from helpers.nodes import TSP, dictionary
from helpers.processes import Started
from helpers.schemas import assert_fits
from helpers.workers import CLEAR, RawPeer
from nfs.common.sms import Submit, split
from nfs.common.sms_layout import SmsAddress

pytestmark = pytest.mark.link
IWF: Final = "iwf.core.example"
METER: Final = "meter-1@customer.example"
LONG: Final = bytes(range(200))
TOKEN: Final = "a token of some length"
SCS: Final = f"""
[node]
origin_host = "scs.customer.example"
origin_realm = "customer.example"
drain_s = 2
[[node.listen]]
port = 0
{CLEAR}
[[peer]]
host = "{IWF}"
realm = "core.example"
placement = "inside"
applications = ["Tsp"]
{CLEAR}
[scs]
number = "15550000100"
realm = "core.example"
database = "scs.db"
[http]
port = 0
token = "scs.token"
"""


def tpdus(payload: bytes) -> list[bytes]:
    destination = SmsAddress(digits="4711", ton=0)
    parts = split(payload, port=16000, reference=3)
    return [Submit(reference=1, destination=destination, user_data=each).encode() for each in parts]


class Scs:
    """A run of the SCS, and the connection of an MTC-IWF to it."""

    def __init__(self, folder: Path, children: list[Started]) -> None:
        self.started = Started("scs", folder / "scs.toml")
        children.append(self.started)
        ends = self.started.ready().partition(" on ")[2].split(", ")
        node, self.url = (end.partition(" ")[2] for end in ends)
        self.iwf = RawPeer.opened(IWF, int(node.rpartition(":")[2]))
        self.iwf.connection.settimeout(90)

    def bring(self, reference: int, tpdu: bytes) -> tuple[int, int] | None:
        """Notify the SCS of a message; what it answers."""
        told = {"External-Identifier": METER, "Reference-Number": reference, "Action-Type": 5, "SM-RP-UI": tpdu}
        avps = {
            "Session-Id": f"{IWF};1;{reference}", "Auth-Application-Id": TSP, "Auth-Session-State": 1,
            "Origin-Host": IWF, "Origin-Realm": "core.example", "Destination-Host": "scs.customer.example",
            "Destination-Realm": "customer.example", "Device-Notification": told,
        }  # fmt: skip
        self.iwf.send(
            dictionary().request(
                "Device-Notification", avps, application="Tsp", hop_by_hop=reference, end_to_end=reference
            )
        )
        return self.iwf.hear().result

    def behind(self, number: int) -> list[tuple[int, int, bytes]]:
        """What an application gets that asks for messages."""
        url = f"http://{self.url}/v1/messages?after={number}"
        with urlopen(Request(url, headers={"authorization": f"Bearer {TOKEN}"}), timeout=300) as answer:
            form: dict[str, Any] = json.load(answer)
        assert_fits("scs-messages", form)
        return [(each["number"], each["reference"], bytes.fromhex(each["payload"])) for each in form["messages"]]

    def kill(self) -> None:
        self.started.process.kill()
        self.started.ended()
        self.iwf.close()


@pytest.fixture
def children(tmp_path: Path) -> Iterator[list[Started]]:
    """Processes of the test, which end with it."""
    (tmp_path / "scs.toml").write_text(SCS)
    (tmp_path / "scs.token").write_text(TOKEN + "\n")
    (tmp_path / "scs.token").chmod(0o600)
    children: list[Started] = []
    yield children
    for each in children:
        if each.process.poll() is None:
            each.process.kill()
            each.ended()


def test_what_an_scs_has_acknowledged_outlives_its_kill(tmp_path: Path, children: list[Started]) -> None:
    (hello,), (part, rest) = tpdus(b"hello"), tpdus(LONG)
    first = Scs(tmp_path, children)
    assert first.bring(6, hello) == (0, 2001)
    assert first.behind(0) == [(1, 6, b"hello")]
    assert first.behind(1) == []
    assert [first.bring(7, hello), first.bring(8, part)] == [(0, 2001)] * 2
    first.kill()
    second = Scs(tmp_path, children)
    assert [second.bring(*each) for each in ((6, hello), (7, hello), (8, part), (9, rest))] == [(0, 2001)] * 4
    assert second.behind(1) == [(2, 7, b"hello"), (3, 9, LONG)]
    second.iwf.close()
    code, errors = second.started.end()
    assert (code, "Traceback" in errors) == (0, False), errors
