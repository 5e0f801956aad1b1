"""Which SCTP, and what to do where there is none."""

from __future__ import annotations

import pytest

from diameter.errors import ConfigError
from diameter.transport.sctp_choice import choose


def test_the_kernel_where_it_has_it() -> None:
    assert choose("auto", lambda: "") == ("kernel", "SCTP of the kernel, which has it")
    assert choose("kernel", lambda: "").kind == "kernel"


def test_a_kernel_without_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"no SCTP \(not supported\).*modprobe sctp.*container.*usrsctp-udp"):
        choose("kernel", lambda: "not supported")


def test_user_space_where_the_kernel_has_none() -> None:
    def none() -> str:
        return "not supported"

    choice = choose("auto", none, lambda: "")
    assert choice.kind == "usrsctp-udp"
    assert choice.why == (
        "SCTP in user space, over UDP, because the kernel has no SCTP (not supported); the peer must do the same "
        "(RFC 6951)"
    )
    with pytest.raises(ConfigError, match=r"modprobe sctp.*; for that, install it"):
        choose("auto", none, lambda: "install it")


def test_user_space_as_configured() -> None:
    def never() -> str:
        raise AssertionError

    assert choose("usrsctp-udp", never, lambda: "", never).why == "SCTP in user space, over UDP, as configured"
    assert choose("usrsctp-raw", never, lambda: "", lambda: "") == (
        "usrsctp-raw", "SCTP in user space, IP protocol 132, as configured",
    )  # fmt: skip
    with pytest.raises(ConfigError, match='sctp = "usrsctp-raw" cannot be had: install it'):
        choose("usrsctp-raw", never, lambda: "install it", never)
    with pytest.raises(ConfigError, match="CAP_NET_RAW.*: Operation not permitted"):
        choose("usrsctp-raw", never, lambda: "", lambda: "Operation not permitted")
