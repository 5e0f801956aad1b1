"""freeDiameter over clear TCP: capabilities, watchdog, disconnection in both directions; refusals, its sudden end."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from diameter.errors import RequestError, Undeliverable
from diameter.peer.capabilities import RELAY, read
from diameter.peer.inputs import DisconnectCause
from diameter.security.pki import Pki
from diameter.trace import Point
from helpers.freediameter import TW_MINIMUM_S, configure, connect_to, started
from helpers.live import AT, CLEAR, LEFT, REALM, RIGHT, THEIRS, Ours, answer, dialled, peer, up
from helpers.loop import drive
from helpers.nodes import ACTION, Answering, Asking
from helpers.programs import Program, running, until

pytestmark = pytest.mark.interop


def test_capabilities_watchdogs_and_disconnection_in_both_directions(tmp_path: Path, pki: Pki) -> None:
    """Left dials freeDiameter, watches it and leaves; freeDiameter dials Right, watches it and leaves."""

    async def scenario() -> None:
        left = Ours(LEFT, [Asking()], [dialled(THEIRS, CLEAR)], tw_s=float(TW_MINIMUM_S))
        right = Ours(RIGHT, [Answering()], [peer(THEIRS, CLEAR)], listen=CLEAR)
        config = configure(tmp_path, pki, connect_to(RIGHT, clear=True, tw_s=TW_MINIMUM_S), clear=True)
        async with up(right), running(await started(config)) as daemon:
            async with up(left):
                await left.node.when_open(THEIRS)
                await right.node.when_open(THEIRS)
                await left.tape.until("<DWA")
                await right.tape.until(">DWA")
            await daemon.end(signal.SIGTERM)
            await until(lambda: right.said.of(Point.PEER_CLOSED), "Right has closed")
        assert left.tape.names() == [">CER", "<CEA", ">DWR", "<DWA", ">DPR", "<DPA"]
        assert right.tape.names() == ["<CER", ">CEA", "<DWR", ">DWA", "<DPR", ">DPA"]
        for message in (left.tape.of("<CEA")[0], right.tape.of("<CER")[0]):
            said = read(message)
            assert (said.origin_host, said.origin_realm) == (THEIRS, REALM)
            assert (said.product_name, said.vendor_id, said.supported_vendors) == ("freeDiameter", 0, frozenset())
            assert said.application_ids == frozenset({RELAY})
            assert [str(address) for address in said.addresses] == [AT[THEIRS]]
        assert {m.result for name in ("<CEA", "<DWA", "<DPA") for m in left.tape.of(name)} == {(0, 2001)}
        assert right.tape.of("<DPR")[0].number("Disconnect-Cause") == DisconnectCause.REBOOTING
        assert [fault for one in (left, right) for _, message in one.tape.passed for fault in message.faults] == []

    drive(scenario())


def test_a_killed_daemon_fails_what_waits_and_is_dialled_until_it_is_back(tmp_path: Path, pki: Pki) -> None:
    """A new link is in REOPEN until it has answered three watchdog requests (RFC 3539 section 3.4.1)."""

    async def scenario() -> None:
        client = Asking()
        left = Ours(LEFT, [client], [dialled(THEIRS, CLEAR)], tw_s=float(TW_MINIMUM_S))
        config = configure(tmp_path, pki, clear=True)
        async with up(left):
            async with running(await started(config)) as daemon:
                await left.node.when_open(THEIRS)
                daemon.process.send_signal(signal.SIGSTOP)
                waits = client.request("Device-Action", ACTION, to=RIGHT, realm=REALM)
                await left.tape.until(">DAR")
                await daemon.end(signal.SIGKILL)
            with pytest.raises(RequestError, match=THEIRS):
                await answer(waits)
            assert len(left.said.of(Point.PEER_CLOSED)) == 1
            await until(lambda: len(left.said.of(Point.CONNECTING_FAILED)) >= 2, "two attempts have failed")
            state = left.tape.of("<CEA")[0].number("Origin-State-Id")
            await until(lambda: time.time() >= state + 1, "another second, which is its Origin-State-Id")
            async with running(await started(config)):
                await until(lambda: len(left.said.of(Point.PEER_OPEN)) == 2, "Left is open again")
                await left.node.when_open(THEIRS, timeout_s=180)
                assert left.tape.names().count("<DWA") == 3
            assert len(left.said.of(Point.PEER_RESTARTED)) == 1

    drive(scenario())


def test_a_daemon_that_hangs_is_suspect_until_it_goes_on(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        client = Asking()
        left = Ours(LEFT, [client], [dialled(THEIRS, CLEAR)], tw_s=float(TW_MINIMUM_S))
        async with running(await started(configure(tmp_path, pki, clear=True))) as daemon, up(left):
            await left.node.when_open(THEIRS)
            daemon.process.send_signal(signal.SIGSTOP)
            await until(lambda: left.said.of(Point.PEER_SUSPECT), "Left suspects it")
            with pytest.raises(Undeliverable, match="SUSPECT"):
                await answer(client.request("Device-Action", ACTION, to=RIGHT, realm=REALM))
            daemon.process.send_signal(signal.SIGCONT)
            await until(lambda: len(left.said.of(Point.PEER_OKAY)) == 2, "Left trusts it again")
            assert left.said.of(Point.PEER_CLOSED) == []

    drive(scenario())


def test_mtc_ping(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with running(await started(configure(tmp_path, pki, clear=True))):
            words = ["ping", f"tcp:{AT[THEIRS]}:3868", "--origin-host", LEFT, "-n", "3", "--interval", "0.01", "--json"]
            ping = Program([sys.executable, "-m", "nfs.cli", *words], tmp_path / "ping")
            await until(lambda: ping.process.poll() is not None, "ping ends")
            ping.release()
            report = json.loads(ping.text)
            assert (ping.process.returncode, report["ok"], report["product_name"]) == (0, True, "freeDiameter")
            assert (report["origin_host"], len(report["watchdogs_ms"])) == (THEIRS, 3)

    drive(scenario())


def test_it_refuses_a_host_that_its_list_does_not_hold(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        left = Ours(LEFT, [Asking()], [dialled(THEIRS, CLEAR)])
        async with running(await started(configure(tmp_path, pki, clear=True, admits="other.example"))), up(left):
            cea = await left.tape.until("<CEA")
            assert (cea.result, cea.error) == ((0, 3010), True)
            assert "Host-IP-Address" not in cea
            await until(lambda: left.said.of(Point.PEER_REFUSED), "Left says so")
            refused = left.said.of(Point.PEER_REFUSED)[0]
            assert refused["reason"] == "refused by the peer with 3010: DIAMETER_UNKNOWN_PEER"

    drive(scenario())


def test_we_refuse_it_when_it_is_no_peer_of_ours(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        right = Ours(RIGHT, [Answering()], [peer(f"other.{REALM}", CLEAR)], listen=CLEAR)
        config = configure(tmp_path, pki, connect_to(RIGHT, clear=True), clear=True)
        async with up(right), running(await started(config)) as daemon:
            cea = await right.tape.until(">CEA")
            assert (cea.result, cea.error) == ((0, 3010), True)
            await daemon.said("failed: 'CEA with unexpected error code'")

    drive(scenario())
