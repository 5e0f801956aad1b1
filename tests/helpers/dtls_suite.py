"""One suite for DTLS over every SCTP: what a protected link promises, tried over a real association."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import deferLater

from diameter.config import ListenConfig, PeerConfig, SctpConfig, TlsConfig
from diameter.transport import dtls_endpoints, sctp_endpoints
from diameter.transport.association import Received
from diameter.transport.dtls import NO_GOODBYE, DtlsLink, ProtectedAssociation
from diameter.transport.endpoints import Links
from diameter.transport.link import ConnectFailed, Link
from helpers.certificates import Ca, Leaf
from helpers.dtls import CLIENT, SERVER
from helpers.loop import drive, reactor
from helpers.sctp import Ends, association_of, table
from helpers.sctp_ways import Way, back, numbered

STRANGER = Ca("Other CA").issue("client.example")


def files(folder: Path, leaf: Leaf, trust: Leaf = SERVER) -> TlsConfig:
    """The keys of one end, as files."""
    written = leaf.write(folder, leaf.certificate.subject.rfc4514_string().partition("=")[2])
    trust.write(folder, "trusted")
    return TlsConfig.model_validate({**written, "trust": [str(folder / "trusted-ca.pem")]}, strict=False)


class DtlsEnds(Ends):
    """Both ends, with certificates."""

    def __init__(
        self,
        listener: ListenConfig,
        folder: Path,
        *,
        client: Leaf = CLIENT,
        react: Any = None,
        handshake_s: float = 8,
        **limits: Any,
    ) -> None:
        super().__init__(listener, react=react, **limits)
        for name, leaf in (("client", client), ("server", SERVER)):
            owner = self.client_owner if name == "client" else self.server_owner
            listen = (listener,) if name == "server" else ()
            node = table(f"{name}.example", *listen, **limits).model_copy(
                update={"tls": files(folder, leaf), "handshake_timeout_s": handshake_s}
            )
            setattr(self, name, Links(reactor, node, owner))


def protected(link: Link) -> ProtectedAssociation:
    """What protects a link."""
    found = association_of(link)
    assert isinstance(found, ProtectedAssociation)
    return found


@contextmanager
def on_the_wire() -> Iterator[list[Received]]:
    """Within: every record that arrives at any end."""
    found: list[Received] = []
    real = ProtectedAssociation.received

    def received(self: ProtectedAssociation, messages: Any) -> None:
        found.extend(messages)
        real(self, messages)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProtectedAssociation, "received", received)
        yield found


@contextmanager
def without_auth(streams: int) -> Iterator[None]:
    """Within: a socket with so many outbound streams knows nothing of SCTP-AUTH."""
    real = dtls_endpoints.demanding

    def demanding(config: SctpConfig) -> SctpConfig:
        return config.model_copy(update={"auth": None}) if config.outbound_streams == streams else real(config)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sctp_endpoints, "demanding", demanding)
        yield


class Protected:
    """How to reach DTLS over the implementation under test."""

    way: Way = Way()

    def listening(self, **options: Any) -> ListenConfig:
        """A listener."""
        return self.way.listening(**{"transport": "dtls", **options})

    def dialling(self, **options: Any) -> PeerConfig:
        """The peer that listens there."""
        return self.way.dialling(**{"transport": "dtls", **options})


class DtlsSuite(Protected):
    """What DTLS over any SCTP must do."""

    def ends(self, folder: Path, listener: ListenConfig | None = None, **more: Any) -> DtlsEnds:
        """Both ends."""
        return DtlsEnds(listener or self.listening(), folder, **more)

    @pytest.mark.requirement("R-TSP-32")
    def test_both_ends_know_each_other_before_the_first_octet(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.ends(tmp_path, react=back) as ends:
                with on_the_wire() as records:
                    ours, theirs = await ends.connect(self.dialling(outbound_streams=6))
                    for link, name in ((ours, "server.example"), (theirs, "client.example")):
                        assert isinstance(link, DtlsLink)
                        assert (link.transport, link.secure, link.peer_names) == ("dtls", True, (name,))
                        assert link.security.version == "DTLSv1.2"
                        assert link.largest == 16_384
                        assert protected(link).authenticated
                    shaken = len(records)
                    assert {(each.stream, each.ppid) for each in records} == {(0, 47)}
                    for data in numbered(100):
                        ours.write(data, ordered=False)
                    await ends.client_owner.until(lambda: len(ends.client_owner.pieces) == 100)
                    assert sorted(ends.client_owner.pieces) == numbered(100)
                    after = records[shaken:]
                    assert {each.ppid for each in after} == {47}
                    assert {each.stream for each in after} >= set(range(2, 6))
                    assert 0 not in {each.stream for each in after}
                    assert not [each for each in records if b"000042" in each.data]
                    assert {len(each.data) for each in after} == {6 + 37}

        drive(scenario())

    def test_nothing_is_lost_in_any_order(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.ends(tmp_path, react=back) as ends:
                ours, _ = await ends.connect(self.dialling(outbound_streams=11))
                for data in numbered(2000):
                    ours.write(data + b"x" * (int(data) * 37 % 3000), ordered=int(data) % 3 == 0)
                await ends.client_owner.until(lambda: len(ends.client_owner.pieces) == 2000)
                assert sorted(each[:6] for each in ends.client_owner.pieces) == numbered(2000)
                assert ends.client_owner.lost == []

        drive(scenario())

    @pytest.mark.parametrize("length", [1, 1400, 16_383, 16_384])
    def test_a_message_arrives_whole(self, tmp_path: Path, length: int) -> None:
        async def scenario() -> None:
            async with self.ends(tmp_path, react=back) as ends:
                ours, _ = await ends.connect(self.dialling())
                ours.write(bytes(range(256)) * 64 + b"!" if length > 16_384 else (bytes(range(256)) * 64)[:length])
                await ends.client_owner.until(lambda: bool(ends.client_owner.pieces))
                assert [len(each) for each in ends.client_owner.pieces] == [length]

        drive(scenario())

    def test_what_is_longer_than_a_record_comes_back(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.ends(tmp_path) as ends:
                ours, _ = await ends.connect(self.dialling())
                ours.write(b"x" * 16_385)
                ours.write(b"next")
                await ends.server_owner.until(lambda: bool(ends.server_owner.pieces))
                await ends.client_owner.until(lambda: bool(ends.client_owner.unsent))
                assert ends.server_owner.pieces == [b"next"]
                assert ends.client_owner.notes == ["a message of 16385 octets is longer than 16384"]

        drive(scenario())

    def test_what_was_written_goes_before_goodbye(self, tmp_path: Path) -> None:
        """RFC 6083 4.9: everything acknowledged, close_notify, SHUTDOWN; both ends end in order."""

        async def scenario() -> None:
            for closer in (0, 1):
                async with self.ends(tmp_path) as ends:
                    both = await ends.connect(self.dialling())
                    with on_the_wire() as records:
                        owners = ends.client_owner, ends.server_owner
                        for data in numbered(300):
                            both[closer].write(data, ordered=False)
                        both[closer].close()
                        for owner in owners:
                            await owner.until(lambda owner=owner: bool(owner.lost))  # type: ignore[misc]
                        assert [owner.lost for owner in owners] == [[""], [""]]
                        assert sorted(owners[1 - closer].pieces) == numbered(300)
                        kinds = [each.data[0] for each in records]
                        assert kinds in ([23] * 300 + [21], [23] * 300 + [21, 21])  # the other end may still answer it
                        assert records[-1].stream == 0

        drive(scenario())

    def test_both_close_at_once(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.ends(tmp_path) as ends:
                ours, theirs = await ends.connect(self.dialling())
                ours.close()
                theirs.close()
                for owner in (ends.client_owner, ends.server_owner):
                    await owner.until(lambda owner=owner: bool(owner.lost))  # type: ignore[misc]
                    assert owner.lost == [""]

        drive(scenario())

    def test_an_end_without_goodbye_is_told(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.ends(tmp_path) as ends:
                ours, _ = await ends.connect(self.dialling())
                protected(ours).below.finish()
                await ends.server_owner.until(lambda: bool(ends.server_owner.lost))
                assert ends.server_owner.lost == [NO_GOODBYE]

        drive(scenario())

    @pytest.mark.requirement("R-TSP-32")
    def test_a_stranger_never_becomes_a_link(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.ends(tmp_path, client=STRANGER) as ends:
                with pytest.raises(ConnectFailed, match=r"^dtls .*: refused by the peer: .*alert"):
                    await ends.connect(self.dialling())
                await ends.server_owner.until(lambda: bool(ends.server_owner.refused))
                ((transport, reason),) = ends.server_owner.refused
                assert transport == "dtls"
                assert reason.startswith("certificate of CN=client.example: ")
                assert (ends.server_owner.links, ends.client_owner.links) == ([], [])

        drive(scenario())

    def test_who_is_trusted_no_more_is_cut_off(self, tmp_path: Path) -> None:
        """Keys, trust and lists are read again while links are up."""

        async def scenario() -> None:
            async with self.ends(tmp_path) as ends:
                await ends.connect(self.dialling())
                ends.server.reload()
                await pause(0.05)
                assert len(ends.server_owner.lost) == 0
                STRANGER.write(tmp_path, "other")
                (tmp_path / "trusted-ca.pem").write_bytes((tmp_path / "other-ca.pem").read_bytes())
                ends.server.reload()
                await ends.server_owner.until(lambda: bool(ends.server_owner.lost))
                assert ends.server_owner.lost[0].startswith("certificate of CN=client.example: ")

        drive(scenario())

    @pytest.mark.requirement("R-TSP-08", "E-TSP-21")
    def test_clear_text_meets_a_closed_door(self, tmp_path: Path) -> None:
        """A peer in clear at a DTLS listener, and the other way round."""

        async def scenario() -> None:
            async with self.ends(tmp_path) as ends:
                with suppress(ConnectFailed):  # or it is up for a moment
                    ours = await ends.client.connect(self.dialling(transport="sctp"))
                    ours.write(b"CER in clear")
                    await ends.client_owner.until(lambda: bool(ends.client_owner.lost))
                await ends.server_owner.until(lambda: bool(ends.server_owner.refused))
                assert "SCTP-AUTH" in ends.server_owner.refused[0][1]
                assert (ends.server_owner.links, ends.server_owner.pieces) == ([], [])
            async with self.ends(tmp_path, self.listening(transport="sctp")) as ends:
                with pytest.raises(ConnectFailed, match="SCTP-AUTH"):
                    await ends.client.connect(self.dialling())
                await ends.server_owner.until(lambda: len(ends.server_owner.lost) == len(ends.server_owner.links))
                assert ends.server_owner.pieces == []

        drive(scenario())

    def test_without_sctp_auth_only_where_that_is_wanted(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            with without_auth(streams=3):
                async with self.ends(tmp_path) as ends:
                    with pytest.raises(ConnectFailed, match=r"^dtls 127\.0\.0\.1:3868: "):  # one end is quicker
                        await ends.client.connect(self.dialling(outbound_streams=3))
                    await ends.server_owner.until(lambda: bool(ends.server_owner.refused))
                    assert ends.server_owner.links == []
                async with self.ends(tmp_path, self.listening(auth="wanted", outbound_streams=3)) as ends:
                    with pytest.raises(ConnectFailed, match=r"^dtls 127\.0\.0\.1:3868: .*does not authenticate"):
                        await ends.connect(self.dialling())

        drive(scenario())

    def test_one_end_without_sctp_auth_where_that_is_wanted(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            with without_auth(streams=3):
                async with self.ends(tmp_path, self.listening(auth="wanted", outbound_streams=3), react=back) as ends:
                    ours, theirs = await ends.connect(self.dialling(auth="wanted"))
                    assert not protected(ours).authenticated
                    assert not protected(theirs).authenticated
                    ours.write(b"hello")
                    await ends.client_owner.until(lambda: ends.client_owner.pieces == [b"hello"])

        drive(scenario())

    @pytest.mark.requirement("R-TSP-08")
    def test_a_message_in_clear_ends_a_protected_association(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.ends(tmp_path) as ends:
                ours, _ = await ends.connect(self.dialling())
                assert protected(ours).below.send(b"DWR in clear", stream=1, ppid=46, ordered=True)
                await ends.server_owner.until(lambda: bool(ends.server_owner.lost))
                assert ends.server_owner.lost == ["a message in clear (payload protocol identifier 46) under DTLS"]
                assert ends.server_owner.pieces == []

        drive(scenario())

    @pytest.mark.requirement("R-TSP-08")
    def test_a_forged_record_ends_the_association_and_a_replayed_one_does_nothing(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with self.ends(tmp_path) as ends:
                with on_the_wire() as records:
                    ours, theirs = await ends.connect(self.dialling())
                    ours.write(b"pay once")
                    await ends.server_owner.until(lambda: bool(ends.server_owner.pieces))
                    below = protected(ours).below
                    assert below.send(records[-1].data, stream=5, ppid=47, ordered=False)
                    ours.write(b"next")
                    await ends.server_owner.until(lambda: len(ends.server_owner.pieces) > 1)
                    assert ends.server_owner.pieces == [b"pay once", b"next"]
                    forged = records[-1].data[:5] + (9).to_bytes(6) + records[-1].data[11:]
                    assert below.send(forged, stream=5, ppid=47, ordered=False)
                    await ends.server_owner.until(lambda: bool(ends.server_owner.lost))
                    assert ends.server_owner.lost == ["DTLS record 9 is forged or damaged"]
                    assert len(ends.server_owner.pieces) == 2
                    assert protected(theirs).protector.replayed == 1

        drive(scenario())

    @pytest.mark.requirement("R-TSP-08")
    def test_under_the_wrong_key_nothing_arrives(self, tmp_path: Path) -> None:
        """SCTP-AUTH refuses what does not know the exported key; under the right one it arrives."""

        async def scenario() -> None:
            async with self.ends(tmp_path) as ends:
                ours, _ = await ends.connect(self.dialling(rto_min_ms=200, rto_initial_ms=200, rto_max_ms=400))
                keys = protected(ours).below.auth
                assert keys is not None
                ours.write(b"first")
                await ends.server_owner.until(lambda: ends.server_owner.pieces == [b"first"])
                keys.install(7, b"wrong" * 12)
                keys.activate(7)
                ours.write(b"second")
                await pause(1.0)
                assert ends.server_owner.pieces == [b"first"]
                assert ours.local_addresses
                assert protected(ours).outstanding == 1

        drive(scenario())


async def pause(seconds: float) -> None:
    """Let the reactor run."""
    await deferLater(reactor, seconds)
