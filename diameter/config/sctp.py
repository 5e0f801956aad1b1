"""The options of an SCTP association: streams, order, timers, addresses, and which implementation of SCTP carries it.

What is not given stays as the system has it.  Times are milliseconds, as in every SCTP interface.
"""

from __future__ import annotations

from ipaddress import ip_address
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config.base import Octets, Port, Seconds, Table
from diameter.config.load import Complaints

SctpKind = Literal["auto", "kernel", "usrsctp-udp", "usrsctp-raw"]
SctpAuth = Literal["required", "wanted"]
SctpOrder = Literal["unordered", "ordered", "session"]
Milliseconds = Annotated[int, Field(ge=1, le=3_600_000)]
Retransmissions = Annotated[int, Field(ge=1, le=100)]


def _address(text: str) -> str:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        raise ValueError("not an IPv4 or IPv6 address") from None
    return text


IpAddress = Annotated[str, AfterValidator(_address)]


class SctpConfig(Table):
    """One association, or every one of a listener (RFC 9260; options of RFC 6458)."""

    outbound_streams: int = Field(default=16, ge=1, le=65535, description="streams to send on, if the peer takes them")
    inbound_streams: int = Field(default=64, ge=1, le=65535, description="streams the peer may send on, at most")
    order: SctpOrder = Field(
        default="unordered",
        description="once the peer is open: unordered, all on one stream, or a stream for each session",
    )
    nodelay: bool = Field(default=True, description="send at once instead of waiting for more (Nagle)")
    rto_initial_ms: Milliseconds | None = Field(default=None, description="first retransmission time")
    rto_min_ms: Milliseconds | None = Field(default=None, description="shortest retransmission time")
    rto_max_ms: Milliseconds | None = Field(default=None, description="longest retransmission time")
    heartbeat_ms: int | None = Field(
        default=None, ge=0, le=3_600_000, description="between heartbeats on an idle path; 0 turns them off"
    )
    path_max_retrans: Retransmissions | None = Field(default=None, description="losses until a path is unreachable")
    association_max_retrans: Retransmissions | None = Field(default=None, description="losses until the peer is gone")
    init_attempts: Retransmissions | None = Field(default=None, description="INITs sent until the peer is given up")
    init_timeout_ms: Milliseconds | None = Field(default=None, description="longest time between two INITs")
    send_buffer: Octets | None = Field(default=None, description="octets the system holds for one association")
    receive_buffer: Octets | None = Field(default=None, description="octets received and not yet read")
    local_addresses: tuple[IpAddress, ...] = Field(
        default=(), strict=False, description="further addresses of ours, IPv4 and IPv6"
    )
    local_port: Port = Field(default=0, description="port to dial from; 0 for any")
    primary: IpAddress | None = Field(default=None, description="address of the peer to send to while it is reachable")
    auth: SctpAuth | None = Field(
        default=None,
        description="dtls: required refuses a peer without SCTP-AUTH (RFC 4895), wanted lets it in; required if absent",
    )
    label_with_nul: bool = Field(
        default=False, description="dtls: derive keys as OpenSSL before 1.1.1b does, for peers that run on it"
    )
    rekey_after_s: Seconds | None = Field(
        default=None, description="dtls: who dialled renews the keys, with the association, after so long"
    )
    udp_port: Port = Field(default=9899, description="our UDP port where SCTP goes over UDP (RFC 6951)")
    remote_udp_port: Port = Field(default=9899, description="and that of the peer")

    @model_validator(mode="after")
    def _times_are_in_order(self) -> Self:
        rising = [
            (name, value)
            for name in ("rto_min_ms", "rto_initial_ms", "rto_max_ms")
            if (value := getattr(self, name)) is not None
        ]
        for (lower, low), (higher, high) in pairwise(rising):
            if low > high:
                raise Complaints([(higher, f"less than {lower}")])
        return self
