"""`mtc run hss --workers 2`: two processes of one HSS on one SQLite file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from diameter import Message, encode
from helpers.nodes import dictionary
from helpers.workers import Node, RawPeer, peer_table, relay_table
from nfs.common.database import database_url, open_engine
from nfs.common.identities import encode_number
from nfs.hss import tables
from nfs.hss.logic import ExternalId, Service, Subscriber

A, B = (f"iwf-{name}.clients.example" for name in "ab")
HOME: Final = "hub.example"
SCS: Final = "15550001"
COUNT: Final = 60
UNKNOWN: Final = (10415, 5001)  # DIAMETER_ERROR_USER_UNKNOWN (TS 29.336 section 6.3)


def subscriber(number: int) -> Subscriber:
    return Subscriber(
        imsi=f"00101{number:010}",
        msisdn=f"1555010{number:04}",
        external_ids=(ExternalId(identifier=f"meter-{number}@customer.example"),),
        services=frozenset(Service),
        rights=frozenset({(SCS, Service.DEVICE_TRIGGER)}),
    )


def question(peer: RawPeer, number: int, hop_by_hop: int) -> Message:
    """The Subscriber-Information-Request for a trigger to one meter."""
    avps = {
        "Session-Id": f"{peer.host};1;{hop_by_hop}", "Auth-Session-State": 1, "Origin-Host": peer.host,
        "Origin-Realm": "clients.example", "Destination-Realm": HOME,
        "User-Identifier": {"External-Identifier": f"meter-{number}@customer.example"}, "Service-ID": 0,
        "SCS-Identity": encode_number(SCS), "SIR-Flags": 1,
    }  # fmt: skip
    return dictionary().request(
        "Subscriber-Information", avps, application="S6m", hop_by_hop=hop_by_hop, end_to_end=hop_by_hop
    )


def test_both_workers_read_one_database(tmp_path: Path) -> None:
    """Peers of both workers ask at once, about subscribers known and unknown, and about one that came meanwhile."""
    engine = open_engine(database_url("hss.db", tmp_path), migrations="nfs.hss:migrations", name="hss")
    with engine.begin() as connection:
        for number in range(1, COUNT + 1):
            tables.save(connection, subscriber(number))
    table = relay_table(peer_table(A, 'placement = "inside"'), peer_table(B, 'placement = "inside"'))
    table = table.replace('function = "relay"\naudit = "relay.audit"', 'function = "hss"\naudit = "hss.audit"')
    more = f'[hss]\ndatabase = "{tmp_path / "hss.db"}"\n'
    with Node(tmp_path, table + more, 2, function="hss") as node:
        peers = [RawPeer.opened(host, node.port) for host in (A, B)]
        assert {node.worker_of(host) for host in (A, B)} == {0, 1}
        for peer in peers:
            for number in range(1, COUNT + 1):
                peer.send(question(peer, number, number))
            peer.send(question(peer, COUNT + 1, COUNT + 1))
        for peer in peers:
            answers = {one.hop_by_hop: one for one in (peer.hear() for _ in range(COUNT + 1))}
            assert answers.pop(COUNT + 1).result == UNKNOWN
            for number, answer in answers.items():
                assert (answer.result, answer["Session-Id"]) == ((0, 2001), f"{peer.host};1;{number}")
                assert answer["User-Identifier"]["User-Name"] == subscriber(number).imsi
        with engine.begin() as connection:
            tables.save(connection, subscriber(COUNT + 2))
        for peer in peers:
            peer.connection.sendall(encode(question(peer, COUNT + 2, 999)))
            assert peer.hear().result == (0, 2001)
        assert f"diameter_requests_in_total {2 * COUNT + 4}.0" in node.page("metrics")
        for peer in peers:
            peer.close()
    engine.dispose()
    lines = [json.loads(line) for line in (tmp_path / "hss.audit").read_text().splitlines()]
    assert sorted(line["peer"] for line in lines if line["event"] == "refusal") == [A, B]
