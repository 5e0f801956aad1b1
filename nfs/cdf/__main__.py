"""`mtc run cdf`: a charging data function as a process."""

from __future__ import annotations

import sys
from typing import Any, Final

from twisted.internet import reactor

from nfs.cdf.config import CdfConfig
from nfs.cdf.rf import Rf
from nfs.common.audited import open_audit
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.common.standing import counted, standing

RECORDS: Final = "mtc_cdf_records", "Accounting-Requests by what became of them", "outcome"


def build(config: CdfConfig, around: Surroundings) -> Parts[CdfConfig]:
    """The parts of the node; opens database and audit log (ConfigError when that fails)."""
    audit = open_audit(config)
    store = around.open_store(config.cdf.database, migrations="nfs.cdf:migrations", name="cdf")
    rf = Rf(store, around.reactor.seconds)

    def stopped() -> Any:
        return store.close().addCallback(lambda _: audit.close())

    return Parts(
        applications=(rf,),
        audit=audit.node_refused,
        standing=standing(audit, counts=lambda: counted(*RECORDS, rf.counted)),
        stopped=stopped,
    )


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("cdf", CdfConfig, build, config_path, reactor, processes, alone="its store has one writer")


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
