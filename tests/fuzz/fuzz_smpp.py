"""SMPP: any octets in any pieces give PDUs or an error with a status, and what a session answers is PDUs."""

from __future__ import annotations

from typing import Any

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from nfs.sms_sc.smpp.convert import Rejected, read
    from nfs.sms_sc.smpp.pdu import Bind, PduError, Reader, Sms, Status, decode
    from nfs.sms_sc.smpp.session import Direction, Session


class Owner:
    """Lets everybody bind, converts what is submitted, and keeps nothing."""

    def bind(self, session: Session, bind: Bind, direction: Direction) -> tuple[Status, int]:
        """Yes."""
        return Status.OK, 5

    async def submit(self, session: Session, sms: Sms) -> tuple[Status, str]:
        """Read it as the SMS-SC would."""
        try:
            read(sms, 1_767_323_045.0)
        except Rejected as rejected:
            return rejected.status, ""
        return Status.OK, "00ff"

    def spawn(self, coroutine: Any) -> object:
        """Run it: it waits for nothing."""
        try:
            coroutine.send(None)
        except StopIteration:
            return None
        raise AssertionError("a submission waits")

    def freed(self, session: Session) -> None:
        """Nobody waits."""


def oracle(data: bytes) -> None:
    """The octets as a stream to a session, cut where the first octet says, and each PDU back to its octets."""
    written: list[bytes] = []
    session = Session(Owner(), written.append, lambda: None, system_id="sms-sc")
    cut = data[0] if data else 0
    for piece in (data[1 : cut + 1], data[cut + 1 :]):
        if not session.ended:
            session.received(piece)
    for octets in written:
        decode(octets)
    reader = Reader()
    reader.feed(data[1:])
    try:
        while (whole := reader.next()) is not None:
            assert decode(whole).encode() == whole
    except PduError:
        return


if __name__ == "__main__":
    drive(oracle, "-max_len=512")
