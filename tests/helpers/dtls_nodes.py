"""One suite for nodes whose links are DTLS over any SCTP: CER to DPR, `mtc ping`, `mtc send`, identities, new keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diameter.config import NodeConfig, PeerConfig
from diameter.errors import Undeliverable
from diameter.node import Node, as_deferred
from diameter.peer.capabilities import RELAY, Advertised
from diameter.trace import Point
from helpers.dtls import CA
from helpers.dtls_suite import Protected, files, pause
from helpers.loop import drive, reactor, settle
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, TSP, Answering, Asking, Said, dictionary
from nfs.cli._ping import ping
from nfs.cli._send import Pace, send


class DtlsNodes(Protected):
    """What nodes do over DTLS on any SCTP."""

    def test_nodes_ask_and_answer(self, tmp_path: Path) -> None:
        """CER to DPR between two nodes; 500 requests on all streams; then `mtc ping` and its report."""
        keys = {name: files(tmp_path, CA.issue(name)) for name in (LEFT, RIGHT)}
        listener, peer = self.listening(), self.dialling(outbound_streams=11)

        async def scenario() -> None:
            said, asking = Said(), Asking()
            right = _node(RIGHT, Answering(), said, tls=keys[RIGHT], listen=(listener,), peer=(_row(LEFT),))
            dialled = peer.model_copy(update={"host": RIGHT, "realm": REALM})
            left = _node(LEFT, asking, Said(), tls=keys[LEFT], peer=(dialled,))
            await right.start()
            await left.start()
            neighbour = await left.when_open(RIGHT)
            assert (neighbour.transport, neighbour.secure) == ("dtls", True)
            asked = [as_deferred(asking.request("Device-Action", ACTION, realm=REALM)) for _ in range(500)]
            assert [(await each)["Result-Code"] for each in asked] == [2001] * 500
            long = {"Device-Action": {**ACTION["Device-Action"], "Trigger-Data": {"Payload": b"x" * 16_384}}}
            with pytest.raises(Undeliverable, match="octets, and the link to right.example.org takes 16384"):
                await as_deferred(asking.request("Device-Action", long, realm=REALM))
            await left.stop()
            config = NodeConfig.model_validate(
                {"origin_host": LEFT, "origin_realm": REALM, "tls": keys[LEFT], "peer": [dialled]}
            )
            report = await ping(
                reactor, config, dialled, dictionary(), applications=[Advertised(id=RELAY)], count=3, interval_s=0.0,
                timeout_s=60.0, tell=lambda _: None,
            )  # fmt: skip
            assert (report.trouble, report.result_code, len(report.watchdogs_ms)) == ("", 2001, 3)
            assert report.security.startswith("DTLSv1.2, ECDHE-ECDSA-AES128-GCM-SHA256")
            letter = {
                "command": "Device-Action-Request",
                "application": "Tsp",
                "avps": {**ACTION, "Destination-Realm": REALM},
            }
            pace = Pace(count=3, rate_per_s=None, concurrency=1, duration_s=None, timeout_s=60.0)
            report, sent = await send(
                reactor, config, dialled, dictionary(), [letter], applications=[Advertised(id=TSP)], pace=pace,
                keep=True, tell=lambda _: None,
            )  # fmt: skip
            assert (report.trouble, sent.outcomes) == ("", {"2001": 3})
            await right.stop()
            settle()

        drive(scenario())

    def test_keys_are_renewed_by_a_new_association(self, tmp_path: Path) -> None:
        """Whoever dialled says DPR, and dials anew as soon as the old association has ended; requests that come
        meanwhile wait, and nobody is asked twice.
        """
        keys = {name: files(tmp_path, CA.issue(name)) for name in (LEFT, RIGHT)}
        listener, peer = self.listening(), self.dialling(rekey_after_s=0.3)

        async def scenario() -> None:
            said, asking, answering = Said(), Asking(), Answering()
            right = _node(RIGHT, answering, Said(), tls=keys[RIGHT], listen=(listener,), peer=(_row(LEFT),))
            dialled = peer.model_copy(update={"host": RIGHT, "realm": REALM})
            left = _node(LEFT, asking, said, tls=keys[LEFT], peer=(dialled,))
            await right.start()
            await left.start()
            links = {(await left.when_open(RIGHT)).link}
            asked = []
            while len(links) < 4:  # a request every few milliseconds, whatever happens below
                asked.append(as_deferred(asking.request("Device-Action", ACTION, realm=REALM)))
                await pause(0.003)
                links |= {entry.link for entry in left.peers if entry.link}
            assert {(await each)["Result-Code"] for each in asked} == {2001}
            assert (len(answering.seen), left.stats.undeliverable, left.stats.failed_over) == (len(asked), 0, 0)
            reasons = [fields["reason"] for fields in said.of(Point.LINK_NOTE)]
            assert reasons[:2] == ["keys are renewed by a new association"] * 2
            assert {fields["reason"] for fields in said.of(Point.LINK_LOST)} == {"closed"}
            await left.stop()
            await right.stop()
            settle()

        drive(scenario())

    @pytest.mark.requirement("R-TSP-06")
    def test_a_node_with_the_certificate_of_another_is_not_let_in(self, tmp_path: Path) -> None:
        keys = {name: files(tmp_path, CA.issue(name)) for name in ("mallory.example.org", RIGHT)}
        listener, peer = self.listening(), self.dialling()

        async def scenario() -> None:
            said = Said()
            right = _node(RIGHT, Answering(), said, tls=keys[RIGHT], listen=(listener,), peer=(_row(LEFT),))
            dialled = peer.model_copy(update={"host": RIGHT, "realm": REALM})
            mallory = _node(LEFT, Asking(), Said(), tls=keys["mallory.example.org"], peer=(dialled,))
            await right.start()
            await mallory.start()
            while not said.refused:
                await pause(0.01)
            assert f"the certificate does not carry {LEFT}" in said.refused[0].text
            assert not any(entry.usable for entry in right.peers)
            await mallory.stop()
            await right.stop()
            settle()

        drive(scenario())


def _row(host: str) -> PeerConfig:
    return PeerConfig.model_validate({"host": host, "realm": REALM, "transport": "dtls"})


def _node(host: str, application: Any, said: Said, **tables: Any) -> Node:
    config = NodeConfig.model_validate({"origin_host": host, "origin_realm": REALM, **tables})
    return Node(config, [application], dictionary(), reactor=reactor, observe=said.observe, audit=said.refused.append)
