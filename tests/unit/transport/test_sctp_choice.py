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
