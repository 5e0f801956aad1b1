"""`mtc run NF -c FILE`: one network function in the foreground."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from nfs.cli._target import capturing

EXAMPLE = """
\b
Example: mtc run mtc-iwf -c iwf.toml
         mtc run relay -c relay.toml --workers 4
         mtc run hss -c hss.toml --capture hss.pcapng --capture-size 100000000 --capture-files 20
"""


@click.command(epilog=EXAMPLE)
@click.argument("function", metavar="NF")
@click.option("-c", "--config", "path", required=True, type=click.Path(path_type=Path), help="Its TOML file.")
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Processes that are this node; else as its file says, or one."
)
@capturing
@click.option("--worker", hidden=True, help="Which of them this one is; its parent says so.")
def command(function: str, path: Path, workers: int | None, worker: str | None, **given: Any) -> int:
    """Run the network function NF until SIGTERM or Ctrl-C.

    NF is one of those that this version has: see the error for a name that it has not.  When it listens it prints one
    line ("mtc-iwf ready on tls 127.0.0.1:5868").  SIGHUP reads keys, certificates and configuration again; SIGTERM
    finishes what is in work, sends DPR and ends.  With --workers several processes share the listening port, the peers
    and the admin port; relay and hss can do that.  --capture writes what is sent and received as pcapng, instead of
    what [node.capture] says.  Exit status 0, or 2 when it cannot start, with a line for each reason.
    """
    module = importlib.import_module(f"{package(function)}.__main__")
    from diameter.workers.member import Place
    from nfs.common.capturing import asked_for
    from nfs.common.function import Processes

    try:
        place = None if worker is None else Place.of(worker)
    except (ValueError, KeyError, TypeError):
        raise click.UsageError("--worker is for a process that --workers has started") from None
    status: int = module.run(str(path), Processes(count=workers, place=place, capture=asked_for(given)))
    return status


def package(function: str) -> str:
    """The package of a network function ("mtc-iwf": "nfs.mtc_iwf").  Raises UsageError that lists the ones there
    are.
    """
    name = f"nfs.{function.replace('-', '_')}"
    if function not in available():
        raise click.UsageError(f"no network function {function!r}; there are: {', '.join(available())}")
    return name


def available() -> tuple[str, ...]:
    """The network functions of this version: packages of `nfs` that are programs."""
    import nfs

    folders = {path.parent.name for root in nfs.__path__ for path in Path(root).glob("*/__main__.py")} - {"cli"}
    return tuple(sorted(folder.replace("_", "-") for folder in folders))
