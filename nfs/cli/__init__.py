"""The command `mtc`: one verb a file, imported only when it is called.

A verb lives in `nfs/cli/<verb>.py` and exposes a click command named `command`; heavy imports belong inside its
function.  `VERBS` holds the one-line helps, so that `mtc --help` imports no verb.  Exit status: 0 ok, 1 the thing
checked is wrong, 2 usage or configuration.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import click

from diameter._version import VERSION
from diameter.errors import DiameterError, LocalError
from nfs.cli._verbs import Verbs

VERBS: Final[Mapping[str, str]] = {
    "audit": "Check and read audit logs.",
    "bench": "Measure the codec and request/answer traffic.",
    "cdr": "Read and check charging records.",
    "config": "Check a configuration, or print its schema.",
    "decode": "Show octets as a message tree or JSON, with faults and clauses.",
    "demo": "Run the main job: 1,000 device triggers on loopback, with pictures.",
    "dict": "List, show, check, import and export dictionaries.",
    "encode": "Turn a message written as JSON into octets.",
    "keys": "Keys of groups and of SCSs: make, renew and show.",
    "lab": "Functions on several machines, from one file; kills and cut links.",
    "owner": "Owners of devices: which SCSs may trigger, and who was refused.",
    "pcap": "Read packet captures.",
    "ping": "CER, watchdog requests with times, and DPR to a peer.",
    "pki": "A lab PKI: create, issue, revoke and show certificates.",
    "run": "Run one network function in the foreground.",
    "s6a": "Ask an HSS as an MME would, and check each answer.",
    "s6m": "Ask an HSS about a device as an MTC-IWF would, and check the answer.",
    "s6n": "Ask an HSS for the names of a device as an MTC-AAA would, and check the answer.",
    "security": "How each link is protected, by file and as negotiated.",
    "send": "Send messages written as JSON to a peer, one by one or as load.",
    "subscriber": "Import, list, add and remove subscribers of the HSS.",
    "trigger": "Act as an SCS: trigger devices and wait for the reports.",
}


class Mtc(Verbs):
    """The verbs of `mtc`."""

    package = "nfs.cli"
    verbs = VERBS


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print version and core, then end."""
    if wanted and not ctx.resilient_parsing:
        from diameter.wire import core  # deferred: `mtc --help` needs no codec

        click.echo(f"mtc-diameter {VERSION}, core: {core.NAME}")
        ctx.exit()


@click.group(cls=Mtc, context_settings={"help_option_names": ["-h", "--help"]}, subcommand_metavar="VERB ...")
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Version and core, then end.",
)
def mtc() -> None:
    """Diameter for machine-type communication: network functions, captures and checks.

    \b
    Example: mtc demo
             mtc decode message.hex
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `mtc`; every declared error is one line (or one a line) on stderr and exit status 2, never a traceback."""
    try:
        status = mtc.main(
            args=list(arguments) if arguments is not None else None, prog_name="mtc", standalone_mode=False
        )
        sys.stdout.flush()
    except click.exceptions.Abort:
        click.echo("mtc: interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2 if isinstance(error, click.FileError) else error.exit_code)
    except BrokenPipeError:
        _close_quietly()
        sys.exit(141)
    except (LocalError, OSError) as error:
        for line in _words(error).splitlines() or [type(error).__name__]:
            click.echo(f"mtc: {line}", err=True)
        sys.exit(2)
    except DiameterError as error:
        click.echo(f"mtc: {error}", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _words(error: Exception) -> str:
    """What it says; of the operating system's errors the file and the reason, without a number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _close_quietly() -> None:
    """Point stdout at nothing, so that the interpreter's own flush at exit does not complain about the closed pipe."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
