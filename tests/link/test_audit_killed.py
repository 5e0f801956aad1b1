"""kill -9 of a process that writes its audit log: the chain goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from nfs.common.audit_check import verify
from nfs.common.chain import Chain, beside, read_head

pytestmark = pytest.mark.link
WRITER: Final = """
import sys
from pathlib import Path
from nfs.common.audit import Area, AuditLog, Refusal, Stage
audit = AuditLog(Path(sys.argv[1]), "iwf.example")
refusal = Refusal(check="link", stage=Stage.AUTHENTICATION, area=Area.B1, peer="127.0.0.1:1", reason="x" * 900)
while True:
    audit.refuse(refusal)
    print(flush=True)
"""


def test_killed_at_any_moment_the_chain_holds(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    acknowledged = 0
    for count in (1, 7, 50, 333, 1000):
        pair = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for process in pair:
            assert process.stdout is not None
            for _ in range(count):
                process.stdout.readline()
        for process in pair:
            process.kill()
        for process in pair:
            rest, _ = process.communicate(timeout=300)
            assert process.returncode == -signal.SIGKILL
            acknowledged += count + rest.count("\n")
    chain = Chain(path)  # the next start: whatever was torn is moved aside
    chain.append({"schema": 1, "time": "", "node": "", "event": "refusal"})
    chain.close()
    found = verify([path], None, read_head(beside(path, "head").read_bytes()))
    assert found.fault == ""
    assert found.last > acknowledged
