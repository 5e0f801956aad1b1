"""`mtc run relay`: a Diameter agent as a process."""

from __future__ import annotations

import sys

from twisted.internet import reactor

from nfs.common.audited import open_audit
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.common.standing import standing
from nfs.mtc_sgw.firewall.screen import of_config, outside
from nfs.relay.config import RelayConfig
from nfs.relay.rewrite import Rewriting


def build(config: RelayConfig, around: Surroundings) -> Parts[RelayConfig]:
    """The parts of the node: no application, only the agent.  Raises ConfigError."""
    audit = open_audit(config)
    rewriting = Rewriting(config.rewrite, around.dictionary, config.redirect)
    wall = of_config(config, config.firewall, around, audit)

    def reload(new: RelayConfig) -> None:
        rewriting.load(new.rewrite, around.dictionary, new.redirect)
        if wall is not None and new.firewall is not None:
            wall.load(new.firewall, outside(new))

    return Parts(
        applications=(),
        agent=rewriting,
        screens=() if wall is None else (wall,),
        audit=audit.node_refused,
        standing=standing(audit, counts=lambda: () if wall is None else wall.standing()),
        stopped=audit.close,
        reload=reload,
        live=("rewrite", "redirect", "firewall"),
    )


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("relay", RelayConfig, build, config_path, reactor, processes)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
