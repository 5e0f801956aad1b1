"""The security gateway as processes see it: MTC-IWF and HSS over sockets, SCSs by `mtc trigger` over mutual TLS."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.processes import Started

pytestmark = [pytest.mark.link]

CLEAR = 'transport = "tcp"\nphysical_protection = true\nphysical_protection_reason = "test on loopback"\n'
TLS = '[node.tls]\ncertificate = "pki/{0}.pem"\nkey = "pki/{0}.key"\ntrust = ["pki/ca.pem"]\ncrl = ["pki/crl.pem"]\n'
IWF, SCS, STRANGER = "iwf.core.example", "scs1.customer.example", "scs9.customer.example"
HSS_TOML = f"""
audit = "hss.audit"
[node]
origin_host = "hss.core.example"
origin_realm = "core.example"
[[node.listen]]
port = 0
{CLEAR}
[[peer]]
host = "{IWF}"
realm = "core.example"
placement = "inside"
{CLEAR}
"""
IWF_TOML = f"""
audit = "iwf.audit"
[node]
origin_host = "{IWF}"
origin_realm = "core.example"
tc_s = 0.2
{TLS.format(IWF)}
[[node.listen]]
port = 0
[[peer]]
host = "{SCS}"
realm = "customer.example"
[[peer]]
host = "hss.core.example"
realm = "core.example"
placement = "inside"
connect = true
addresses = ["127.0.0.1"]
port = HSS_PORT
{CLEAR}
[hss]
realm = "core.example"
[sms_sc]
realm = "core.example"
[sgw]
home_plmns = ["00101"]
[[scs]]
name = "customer"
hosts = ["{SCS}"]
isdn = "15550001"
domains = ["customer.example"]
commands = ["trigger"]
"""
SUBSCRIBERS = """imsi,external_ids,services,scs
001010000000001,meter-1@customer.example,device-trigger,15550001
001010000000002,theirs@customer.example,device-trigger,15550002
"""


def mtc(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `mtc` and check how it ended."""
    command = [sys.executable, "-m", "nfs.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done


class Site:
    """A running MTC-IWF with its HSS, and a lab PKI."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        mtc(folder, "pki", "init")
        for host in (IWF, SCS, STRANGER):
            mtc(folder, "pki", "issue", host)
        (folder / "subscribers.csv").write_text(SUBSCRIBERS)
        (folder / "hss.toml").write_text(HSS_TOML)
        mtc(folder, "subscriber", "import", "subscribers.csv", "-c", "hss.toml")
        self.hss = Started("hss", folder / "hss.toml")
        port = self.hss.ready().rpartition(":")[2]
        (folder / "iwf.toml").write_text(IWF_TOML.replace("HSS_PORT", port))
        self.iwf = Started("mtc-iwf", folder / "iwf.toml")
        ready = re.fullmatch(r"mtc-iwf ready on tls 127\.0\.0\.1:(\d+)", self.iwf.ready())
        assert ready is not None
        self.port = ready[1]

    def trigger(self, device: str, *, host: str = SCS, number: str = "15550001", code: int = 1) -> str:
        """`mtc trigger`; what it prints."""
        done = mtc(
            self.folder,
            *("trigger", "--external-id", device, "--payload", "x", "--json", "--wait", "5", "--no-wait"),
            *("--origin-host", host, "--scs-number", number, "--mtc-iwf", IWF, "--peer", f"tls:127.0.0.1:{self.port}"),
            *("--certificate", f"pki/{host}.pem", "--key", f"pki/{host}.key"),
            *("--trust", "pki/ca.pem", "--crl", "pki/crl.pem"),
            code=code,
        )
        return done.stdout + done.stderr

    def audit(self, name: str) -> list[dict[str, Any]]:
        """The lines of an audit log."""
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    for each in (site.iwf, site.hss):
        code, errors = each.end()
        assert (code, "Traceback" in errors) == (0, False), errors


@pytest.mark.requirement("R-TSP-07", "R-TSP-15", "R-TSP-25", "S-TSP-34", "R-ID-01", "R-TRIG-14")
def test_who_may_not_gets_an_answer_that_says_so_and_nothing_more(site: Site) -> None:
    assert "INVEXTID" in site.trigger("001010000000001@customer.example")
    assert "INVEXTID" in site.trigger("meter-1@other.example")
    assert "INVSCSID" in site.trigger("meter-1@customer.example", number="15550002")
    assert site.audit("hss.audit") == []

    unknown, foreign = site.trigger("nobody@customer.example"), site.trigger("theirs@customer.example")
    assert "INVEXTID" in unknown
    assert "INVEXTID" in foreign
    assert [line["result"] for line in site.audit("hss.audit")] == ["USER_UNKNOWN", "UNAUTHORIZED_REQUESTING_ENTITY"]
    assert "TEMPORARYERROR" in site.trigger("meter-1@customer.example")  # passes every check, and there is no SMS-SC

    lines = site.audit("iwf.audit")
    assert [line["check"] for line in lines] == [
        "inbound-imsi",
        "external-identifier",
        "scs-identity",
        "association",
        "association",
    ]
    assert {line["peer"] for line in lines} == {SCS}
    assert "001010000000001" not in (site.folder / "iwf.audit").read_text()

    site.trigger("meter-1@customer.example", host=STRANGER)  # its certificate is good, and nobody knows it
    last = site.audit("iwf.audit")[-1]
    assert (last["stage"], last["check"], last["area"]) == ("authentication", "capabilities", "B1")
