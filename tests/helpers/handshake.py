"""Two protectors joined in memory."""

from __future__ import annotations

from collections.abc import Callable

from diameter.security.link import ProtectionFailed, Protector


def shake(client: Protector, server: Protector, change: Callable[[bytes], bytes] = lambda octets: octets) -> list[str]:
    """Carry octets between both ends until neither has any; return why they failed, the server's reason first.

    `change` sees what the client sends.
    """
    client.start()
    server.start()
    reasons: dict[str, str] = {}
    moved = True
    while moved:
        moved = False
        for name, here, there in (("server", client, server), ("client", server, client)):
            octets = here.outgoing()
            if not octets:
                continue
            moved = True
            try:
                there.receive(change(octets) if name == "server" else octets)
            except ProtectionFailed as failed:
                reasons.setdefault(name, str(failed))
    return [reasons[name] for name in ("server", "client") if name in reasons]
