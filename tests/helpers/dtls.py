"""Two ends of DTLS over SCTP joined in memory: a network that carries out their steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from diameter.security.credentials import Credentials
from diameter.security.dtls import DtlsContext, DtlsProtector
from diameter.security.link import ProtectionFailed
from diameter.security.protector import Send, Step
from helpers.certificates import Ca, Leaf

CA: Final = Ca()
CLIENT, SERVER = CA.issue("client.example"), CA.issue("server.example")


def pair(
    client: Leaf | Credentials = CLIENT, server: Leaf | Credentials = SERVER, *, nul: tuple[bool, bool] = (False, False)
) -> tuple[DtlsProtector, DtlsProtector]:
    """Both ends; `nul`: which of them, client first, puts the octet behind the exporter's label."""
    here, there = (DtlsContext(each.credentials() if isinstance(each, Leaf) else each) for each in (client, server))
    return (
        here.messages(server=False, label_with_nul=nul[0]),
        there.messages(server=True, label_with_nul=nul[1]),
    )


class Wire:
    """Carries records between both ends; `log`: (end, step) in the order in which they were carried out."""

    def __init__(
        self,
        client: DtlsProtector,
        server: DtlsProtector,
        change: Callable[[str, bytes], bytes] = lambda _end, record: record,
    ) -> None:
        self.ends = {"client": client, "server": server}
        self.log: list[tuple[str, Step]] = []
        self.reasons: dict[str, str] = {}
        self.clear: dict[str, list[bytes]] = {"client": [], "server": []}
        self._change = change

    def move(self, *names: str) -> bool:
        """Carry out what both ends, or these, want now; False when there was nothing."""
        moved = False
        for name in names or ("client", "server"):
            other = "server" if name == "client" else "client"
            for step in self.ends[name].steps():
                moved = True
                self.log.append((name, step))
                if isinstance(step, Send):
                    try:
                        self.clear[other] += self.ends[other].receive(self._change(name, step.record), 0)
                    except ProtectionFailed as failed:
                        self.reasons.setdefault(other, str(failed))
        return moved

    def shake(self) -> list[str]:
        """Begin, and go on until nothing moves; why it failed, the server's reason first."""
        for end in self.ends.values():
            end.start()
        while self.move():
            pass
        return [self.reasons[name] for name in ("server", "client") if name in self.reasons]


def joined(client: Leaf | Credentials = CLIENT, server: Leaf | Credentials = SERVER) -> Wire:
    """Both ends, with their handshake done."""
    wire = Wire(*pair(client, server))
    assert wire.shake() == []
    return wire
