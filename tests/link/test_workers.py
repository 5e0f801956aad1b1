"""`mtc run relay --workers N`: several processes that are one node, over loopback TCP and TLS."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diameter import Message
from diameter.admin.drawn import PICTURED
from helpers.certificates import Ca, pem
from helpers.processes import Started
from helpers.schemas import assert_fits
from helpers.workers import CER, CLEAR, DPR, DWR, NODE, Node, RawPeer, RawServer, dialled, peer_table, relay_table

pytestmark = pytest.mark.link

A, B, C, D = (f"{name}.clients.example" for name in "abcd")
ELECTION_LOST = (0, 4003)


def until(found: Callable[[], Any], what: Callable[[Any], bool]) -> Any:
    """Ask until the answer is as wanted; the test's time limit ends it otherwise."""
    while not what(one := found()):
        pass
    return one


def test_the_same_peer_connects_twice_under_four_workers(tmp_path: Path) -> None:
    """Section 5.6.4: the second connection of an open peer is refused, the first one stays and is probed."""
    with Node(tmp_path, relay_table(peer_table(A), peer_table(B)), 4) as node:
        first = RawPeer.opened(A, node.port)
        refused = [RawPeer.to(A, node.port) for _ in range(4)]  # each at another worker, one of them at the owner
        for second in refused:
            assert second.exchange().result == ELECTION_LOST
            assert second.ended()
        assert first.hear(silent=False).command_code == DWR
        assert node.worker_of(A) == 0
        other = RawPeer.opened(B, node.port)
        assert node.worker_of(B) not in (None, 0)
        first.close()
        until(lambda: node.worker_of(A), lambda worker: worker is None)
        again = RawPeer.opened(A, node.port)
        health = node.page("health")
        assert [one["state"] for one in health["workers"]] == ["ready"] * 4
        assert health["peers_usable"] == 1  # the one that was lost is on probation (RFC 3539)
        for page in ("health", "peers", "pending", "routes", "standing"):
            assert_fits(f"admin-{page}", node.page(page))
        for one in (other, again):
            one.close()


@pytest.mark.parametrize(("ours", "wins"), [(NODE, True), ("a.hub.example", False)])
def test_connections_that_cross_are_decided_by_the_election(tmp_path: Path, ours: str, wins: bool) -> None:
    """We dial the peer by one worker, it connects to another one before its CEA: the greater Origin-Host decides."""
    server = RawServer("peer.clients.example")
    table = relay_table(peer_table(server.host, dialled(server.port)), name=ours)
    with Node(tmp_path, table, 2) as node:
        outward, cer = server.accept()
        assert (cer.command_code, cer["Origin-Host"]) == (CER, ours)
        inward = RawPeer.to(server.host, node.port)
        inward.say_cer()
        if wins:
            assert outward.ended()
            assert inward.hear().result == (0, 2001)
            assert node.worker_of(server.host) == 1
            inward.close()
        else:
            outward.say_cea(cer)
            assert inward.hear().result == ELECTION_LOST
            assert inward.ended()
            assert node.worker_of(server.host) == 0
            outward.close()
        server.close()


def serve(server: RawPeer, count: int) -> list[Message]:
    """Answer so many requests."""
    seen = []
    for _ in range(count):
        request = server.hear()
        action = request["Device-Action"]
        done = {"Reference-Number": action["Reference-Number"], "Action-Type": action["Action-Type"]}
        origin = {"Origin-Host": server.host, "Origin-Realm": "home.example"}
        server.send(request.answer(2001, {**origin, "Device-Notification": done}))
        seen.append(request)
    return seen


def test_requests_cross_from_worker_to_worker(tmp_path: Path) -> None:
    server = RawServer("server.home.example")
    clients = "agent = true\n"
    table = relay_table(peer_table(server.host, dialled(server.port)), peer_table(A, clients), peer_table(B, clients))
    with Node(tmp_path, table, 2) as node:
        far, cer = server.accept()
        far.say_cea(cer)
        one, two = RawPeer.opened(A, node.port), RawPeer.opened(B, node.port)
        until(lambda: node.page("health"), lambda health: health["peers_usable"] == 3)
        assert {node.worker_of(host) for host in (server.host, A, B)} == {0, 1}
        for number in range(1, 41):
            one.ask("home.example", number)
            two.ask("home.example", number)
        seen = serve(far, 80)
        assert {request.all("Route-Record") for request in seen} == {(A,), (B,)}
        assert len({request.hop_by_hop for request in seen}) == 80
        for client in (one, two):
            answers = [client.hear() for _ in range(40)]
            assert sorted(answer.hop_by_hop for answer in answers) == list(range(1, 41))
            assert {answer.result for answer in answers} == {(0, 2001)}
            assert {answer["Origin-Host"] for answer in answers} == {server.host}
        metrics = node.page("metrics")
        assert "diameter_requests_in_total 80.0" in metrics
        assert "diameter_requests_out_total 80.0" in metrics
        assert "diameter_answers_in_total 80.0" in metrics
        assert "diameter_relayed_total 80.0" in metrics
        assert "diameter_crossed_total 40.0" in metrics
        assert f'diameter_peer_usable{{peer="{server.host}",state="I-Open"}} 1.0' in metrics
        assert 'diameter_worker_up{worker="1"} 1.0' in metrics
        traffic, picture = node.page("standing")["traffic"], node.page("ladder.svg")
        assert (traffic["requests_out"], traffic["relayed"]) == (80, 80)
        assert picture.count('class="arrow"') == PICTURED  # of what both workers saw
        one.ask("home.example", 99)
        assert far.hear().request
        assert node.page("pending")["pending"][0]["peer"] == server.host
        far.close()  # its worker gives the request back, and there is nobody else
        assert one.hear().result == (0, 3002)
        one.close()
        two.close()
        server.close()


def test_a_worker_that_is_killed_frees_its_peers_and_is_started_again(tmp_path: Path) -> None:
    server = RawServer("server.home.example")
    table = relay_table(peer_table(server.host, dialled(server.port)), peer_table(A), peer_table(B))
    with Node(tmp_path, table, 2) as node:
        far, cer = server.accept()
        far.say_cea(cer)
        peers = {host: RawPeer.opened(host, node.port) for host in (A, B)}
        victim = node.worker_of(A)
        assert victim is not None
        pid = node.page("health")["workers"][victim]["pid"]
        os.kill(pid, signal.SIGKILL)
        assert peers[A].ended()
        again = RawPeer.opened(A, node.port)  # at once, because the other worker is there
        health = until(
            lambda: node.page("health"), lambda health: [one["state"] for one in health["workers"]] == ["ready"] * 2
        )
        assert health["workers"][victim]["starts"] == 2
        assert health["workers"][victim]["pid"] != pid
        assert node.worker_of(A) == 1 - victim
        dialler = node.worker_of(server.host)
        assert dialler is not None
        os.kill(node.page("health")["workers"][dialler]["pid"], signal.SIGKILL)
        assert far.ended()
        far, cer = server.accept()
        far.say_cea(cer)
        until(lambda: node.worker_of(server.host), lambda worker: worker is not None)
        assert node.worker_of(server.host) != dialler or node.page("health")["workers"][dialler]["starts"] > 1
        for one in (again, far, peers[B]):
            one.close()
        server.close()


def test_signals_reach_every_worker(tmp_path: Path) -> None:
    """SIGHUP: a peer that is new is dialled, by one worker only; SIGTERM: DPR to everybody, exit status 0."""
    server = RawServer("server.home.example")
    with Node(tmp_path, relay_table(peer_table(A), peer_table(B)), 2) as node:
        peers = [RawPeer.opened(host, node.port) for host in (A, B)]
        assert {node.worker_of(host) for host in (A, B)} == {0, 1}
        text = node.path.read_text()
        node.path.write_text(text + "[[peer]]\n")
        node.started.process.send_signal(signal.SIGHUP)
        node.started.until("peer.2.host")
        node.path.write_text(text + peer_table(server.host, dialled(server.port)))
        node.started.process.send_signal(signal.SIGHUP)
        far, cer = server.accept()
        far.say_cea(cer)
        until(lambda: node.worker_of(server.host), lambda worker: worker is not None)
        workers = [worker["pid"] for worker in node.page("health")["workers"]]
        for pid in (node.started.process.pid, *workers):  # as a service manager does
            os.kill(pid, signal.SIGTERM)
        for one in (*peers, far):
            request = one.hear()
            assert request.command_code == DPR
            one.answer(request)
            assert one.ended()
        code, errors = node.started.ended()
        assert (code, "Traceback" in errors) == (0, False)
        server.close()


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    node = Node(tmp_path, relay_table(peer_table(A)), 2)
    peer = RawPeer.opened(A, node.port)
    node.started.process.kill()
    request = peer.hear()
    assert request.command_code == DPR
    peer.answer(request)
    assert peer.ended()
    _, errors = node.started.ended()  # read to the end of the last worker
    assert "Traceback" not in errors


def test_tls_begins_in_the_worker(tmp_path: Path) -> None:
    ca, ca_path, files = Ca(), tmp_path / "ca.pem", {}
    ca_path.write_bytes(pem(ca.certificate))
    for stem, host in (("node", NODE), ("a", A), ("b", B)):
        files[stem] = ca.issue(host).write(tmp_path, stem)
    keys = "".join(f'{name} = "{files["node"][name]}"\n' for name in ("certificate", "key"))
    link, tls = 'transport = "tls"\n', f'[node.tls]\n{keys}trust = ["{ca_path}"]\n'
    peer_tables = [peer_table(host, link=link) for host in (A, B)]
    with Node(tmp_path, relay_table(*peer_tables, more=tls, link=link), 2) as node:
        peers, contexts = [], {}
        for stem, host in (("a", A), ("b", B)):
            contexts[host] = ssl.create_default_context(cafile=str(ca_path))
            contexts[host].load_cert_chain(files[stem]["certificate"], files[stem]["key"])
            peers.append(RawPeer.opened(host, node.port, contexts[host]))
        for host in (A, B):
            second = RawPeer.to(host, node.port, contexts[host])
            assert second.exchange().result == ELECTION_LOST
            second.close()
        assert {node.worker_of(host) for host in (A, B)} == {0, 1}
        for peer in peers:
            peer.close()


@pytest.mark.parametrize("function", ["mme", "mtc-iwf"])
def test_functions_that_keep_state_in_one_process_say_so(function: str) -> None:
    path = Path(__file__).parent.parent / "corpus" / "config" / f"{function}.toml"
    code, errors = Started(function, path, "--workers", "2").ended()
    assert code == 2
    assert errors.startswith(f"{function}: 2 workers: {function} is one process: ")
    assert errors.count("\n") == 1


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = tmp_path / "relay.toml"
        path.write_text(relay_table().replace("[[node.listen]]\nport = 0", f"[[node.listen]]\nport = {port}"))
        code, errors = Started("relay", path, "--workers", "2").ended()
        assert code == 2
        assert (
            errors == f"relay: {path}: node.listen.0: cannot listen on tcp 127.0.0.1:{port}: Address already in use\n"
        )


def test_an_admin_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = tmp_path / "relay.toml"
        path.write_text(
            relay_table().replace("[node.admin]\nport = 0", f"[node.admin]\nport = {taken.getsockname()[1]}")
        )
        code, errors = Started("relay", path, "--workers", "2").ended()
        assert (code, errors.count("\n")) == (2, 1)
        assert errors.startswith("relay: Couldn't listen on")


@pytest.mark.parametrize("transport", ["sctp", "dtls"])
def test_associations_are_refused_by_the_name_of_their_key(tmp_path: Path, transport: str) -> None:
    """A connection of TCP is handed over; an association, or a socket of user space, is not."""
    path = tmp_path / "relay.toml"
    link, tls = CLEAR.replace('"tcp"', '"sctp"'), ""
    if transport == "dtls":
        ca, ca_path = Ca(), tmp_path / "ca.pem"
        ca_path.write_bytes(pem(ca.certificate))
        files = ca.issue(NODE).write(tmp_path, "node")
        keys = "".join(f'{name} = "{files[name]}"\n' for name in ("certificate", "key"))
        link, tls = 'transport = "dtls"\n', f'[node.tls]\n{keys}trust = ["{ca_path}"]\n'
    path.write_text(relay_table(link=link, more=tls))
    code, errors = Started("relay", path, "--workers", "2").ended()
    assert code == 2
    assert errors == (
        f"relay: {path}: node.listen.0.transport: {transport} is for one process; with workers listen on tcp or tls\n"
    )


def test_listeners_wait_for_the_next_start(tmp_path: Path) -> None:
    with Node(tmp_path, relay_table(peer_table(A)), 2) as node:
        text = node.path.read_text()
        before = "[[node.listen]]\nport = 0\n"
        node.path.write_text(text.replace(before, f'[[node.listen]]\nport = 0\nhost = "127.0.0.2"\n{CLEAR}{before}'))
        node.started.process.send_signal(signal.SIGHUP)
        assert "node.listen" in node.started.until("for the next start")
        RawPeer.opened(A, node.port).close()
