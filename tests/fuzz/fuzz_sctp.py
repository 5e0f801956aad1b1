"""Notifications and addresses of SCTP: any octets give an event, and what is told of addresses has the form of them."""

from __future__ import annotations

from ipaddress import ip_address

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from diameter.transport import sctp_events, sctp_socket
    from diameter.transport.association import Assembler


def oracle(data: bytes) -> None:
    """Octet 0 chooses the kind, octet 1 the number of addresses and pieces; the rest is the notification."""
    choices = Choices(data)
    kind, count = choices.octet(), choices.below(8)
    rest = choices.rest()
    for octets in (rest, bytes((kind, 0x80)) + rest):
        event = sctp_events.parse(octets)
        assert isinstance(event, sctp_events.Event)
        if isinstance(event, sctp_events.PathChanged):
            ip_address(event.address.host)
        if isinstance(event, sctp_events.SendFailed):
            assert octets.endswith(event.data)
    for address in sctp_socket.unpack_addresses(rest, count):
        ip_address(address.host)
        assert 0 <= address.port < 65536
    _pieces(rest, count + 1)


def _pieces(octets: bytes, size: int) -> None:
    """In pieces or whole, a message within the limit is the same."""
    assembler = Assembler(len(octets))
    cut = [octets[at : at + size] for at in range(0, len(octets), size)]
    found = [assembler.piece(each, last=at == len(cut) - 1) for at, each in enumerate(cut)]
    assert [each for each in found if each is not None] == ([octets] if octets else [])


if __name__ == "__main__":
    drive(oracle)
