"""The server of `mtc bench e2e`: our node, answering Update-Location-Requests on a loopback port until it is killed."""

from __future__ import annotations

import sys

from diameter import Message
from diameter.app import Application, answers
from diameter.node import run
from nfs.cli._bench_messages import ANSWER, CLIENT, REALM, SERVER


class S6a(Application):
    """Answers every Update-Location-Request with success (TS 29.272)."""

    dictionary = "ts29272_s6a"

    @answers("Update-Location-Request")
    def update_location(self, request: Message) -> Message:
        """Read what an HSS would read, and answer."""
        request.text("User-Name")
        request.number("ULR-Flags")
        return request.answer(2001, ANSWER)


if __name__ == "__main__":
    run(
        S6a(),
        identity=SERVER,
        realm=REALM,
        listen=f"tcp:127.0.0.1:{int(sys.argv[1])}",
        peers=[CLIENT],
        physical_protection="loopback, for a measurement",
    )
