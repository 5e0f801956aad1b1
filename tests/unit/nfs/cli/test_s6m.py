"""What `mtc s6m` and `mtc s6n` refuse before they dial."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from nfs.cli import s6m, s6n

IMSI, SCS = ("--imsi", "001010000000001"), ("--scs-number", "15550001")
MO = ("--service", "sms-mo")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (SCS, "exactly one of --external-id, --msisdn, --imsi expected"),
        ((*IMSI, "--msisdn", "15560000001", *SCS), "exactly one of"),
        (("--external-id", "no-domain", *SCS), "External-Identifier"),
        (("--msisdn", "12ab", *SCS), "--msisdn"),
        (("--msisdn", "15560000001", "--scs-number", "x"), "--scs-number"),
        (("--msisdn", "15560000001", *SCS, "--port", "7"), "--port: of sms-mo only"),
        ((*IMSI, *SCS, *MO, "--priority"), "--priority: of a trigger only"),
        (IMSI, "Missing option '--scs-number'"),
    ],
)
def test_wrong_usage_of_s6m(options: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(s6m.command, ["tcp:127.0.0.1:1", *options])
    assert (done.exit_code, said in done.output) == (2, True), done.output


def test_wrong_usage_of_s6n() -> None:
    done = CliRunner().invoke(s6n.command, ["tcp:127.0.0.1:1", "--imsi", "12ab"])
    assert (done.exit_code, "--imsi: " in done.output) == (2, True)
