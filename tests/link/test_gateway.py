"""The security gateway as processes see it: MTC-IWF and HSS over sockets, SCSs by `mtc trigger` over mutual TLS.

Embedded in the MTC-IWF, and as a process of its own in front of it.
"""

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

pytestmark = [pytest.mark.link, pytest.mark.timeout(600)]  # a dozen programs, one after the other

CLEAR = 'transport = "tcp"\nphysical_protection = true\nphysical_protection_reason = "test on loopback"\n'
TLS = '[node.tls]\ncertificate = "pki/{0}.pem"\nkey = "pki/{0}.key"\ntrust = ["pki/ca.pem"]\ncrl = ["pki/crl.pem"]\n'
IWF, SGW, SCS, STRANGER = "iwf.core.example", "sgw.core.example", "scs1.customer.example", "scs9.customer.example"
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
FRONT = """
[[node.listen]]
port = 0
[[peer]]
host = "scs1.customer.example"
realm = "customer.example"
"""
CORE = f"""
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
"""
SCSS = f"""
[[scs]]
name = "customer"
hosts = ["{SCS}"]
isdn = "15550001"
domains = ["customer.example"]
commands = ["trigger"]
"""


def own(host: str, name: str) -> str:
    return f"""
audit = "{name}.audit"
[node]
origin_host = "{host}"
origin_realm = "core.example"
tc_s = 0.2
{TLS.format(host)}
"""


EMBEDDED = f"""{own(IWF, "iwf")}{FRONT}{CORE}{SCSS}
[sgw]
home_plmns = ["00101"]
"""
BEHIND = f"""{own(IWF, "iwf")}
[[node.listen]]
port = 0
[[peer]]
host = "{SGW}"
realm = "core.example"
placement = "inside"
agent = true
agent_realms = ["customer.example"]
{CORE}{SCSS}
[sgw]
home_plmns = ["00101"]
gateways = ["{SGW}"]
"""
SEPARATE = f"""{own(SGW, "sgw")}{FRONT}
[[peer]]
host = "{IWF}"
realm = "core.example"
placement = "inside"
connect = true
addresses = ["127.0.0.1"]
port = IWF_PORT
{SCSS}
[mtc_iwf]
realm = "core.example"
hosts = ["{IWF}"]
[sgw]
home_plmns = ["00101"]
"""
SUBSCRIBERS = """imsi,external_ids,services,scs
001010000000001,meter-1@customer.example,device-trigger,15550001
001010000000002,theirs@customer.example,device-trigger,15550002
"""


def mtc(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `mtc` and check how it ended."""
    command = [sys.executable, "-m", "nfs.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done


class Site:
    """A running MTC-IWF with its HSS, a gateway in front of it unless it has one in itself, and a lab PKI."""

    def __init__(self, folder: Path, form: str) -> None:
        self.folder = folder
        self.running: list[Started] = []
        self.front = IWF if form == "embedded" else SGW
        mtc(folder, "pki", "init")
        for host in (IWF, SGW, SCS, STRANGER):
            mtc(folder, "pki", "issue", host)
        (folder / "subscribers.csv").write_text(SUBSCRIBERS)
        (folder / "hss.toml").write_text(HSS_TOML)
        mtc(folder, "subscriber", "import", "subscribers.csv", "-c", "hss.toml")
        self.port = self._start("hss", "hss", HSS_TOML)
        iwf = EMBEDDED if form == "embedded" else BEHIND
        self.port = self._start("mtc-iwf", "iwf", iwf.replace("HSS_PORT", self.port))
        if form == "separate":
            self.port = self._start("mtc-sgw", "sgw", SEPARATE.replace("IWF_PORT", self.port))

    def _start(self, function: str, name: str, text: str) -> str:
        (self.folder / f"{name}.toml").write_text(text)
        started = Started(function, self.folder / f"{name}.toml")
        self.running.append(started)
        ready = re.fullmatch(rf"{function} ready on (?:tcp|tls) 127\.0\.0\.1:(\d+)", started.ready())
        assert ready is not None
        return ready[1]

    def trigger(self, device: str, *, host: str = SCS, number: str = "15550001", code: int = 1) -> str:
        """`mtc trigger`; what it prints."""
        done = mtc(
            self.folder,
            *("trigger", "--external-id", device, "--payload", "x", "--json", "--wait", "60", "--no-wait"),
            *(
                "--origin-host",
                host,
                "--scs-number",
                number,
                "--mtc-iwf",
                self.front,
                "--peer",
                f"tls:127.0.0.1:{self.port}",
            ),
            *("--certificate", f"pki/{host}.pem", "--key", f"pki/{host}.key"),
            *("--trust", "pki/ca.pem", "--crl", "pki/crl.pem"),
            code=code,
        )
        return done.stdout + done.stderr

    def audit(self, *names: str) -> list[dict[str, Any]]:
        """The lines of audit logs, by their times."""
        files = [self.folder / name for name in names if (self.folder / name).exists()]
        lines = (json.loads(line) for file in files for line in file.read_text().splitlines())
        return sorted(lines, key=lambda line: str(line["time"]))


@pytest.fixture(params=["embedded", "separate"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, request.param)
    yield site
    for each in reversed(site.running):
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

    lines = site.audit("iwf.audit", "sgw.audit")
    assert [line["check"] for line in lines] == [
        "inbound-imsi",
        "external-identifier",
        "scs-identity",
        "association",
        "association",
    ]
    assert {line["peer"] for line in lines} == {SCS}
    assert "001010000000001" not in json.dumps(lines)

    site.trigger("meter-1@customer.example", host=STRANGER)  # its certificate is good, and nobody knows it
    last = site.audit("iwf.audit", "sgw.audit")[-1]
    assert (last["stage"], last["check"], last["area"]) == ("authentication", "capabilities", "B1")
