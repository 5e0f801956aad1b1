"""`mtc ping PEER`: is there a Diameter peer, does it take us, how fast does it answer."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from nfs.cli._target import advertised, capturing, identity, timeout, transport, who

if TYPE_CHECKING:
    from nfs.cli._ping import Report


@click.command(no_args_is_help=True)
@click.argument("peer", metavar="PEER")
@transport
@click.option("-n", "--count", type=click.IntRange(min=0), default=5, show_default=True, help="DWRs to send.")
@click.option("--interval", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Seconds between them.")
@timeout
@click.option("--app", "apps", multiple=True, help="Application to advertise (Tsp); as a relay, all, by default.")
@identity
@capturing
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end instead of lines.")
def command(**given: Any) -> int:
    """Connect to PEER, exchange capabilities, send watchdog requests, disconnect with DPR.

    PEER is HOST, HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT, sctp:HOST:PORT or dtls:HOST:PORT, or with -c the
    Origin-Host of a peer in that file.
    Exit status: 0 when all was answered, 1 when not, 2 for wrong usage.

    \b
    Example: mtc ping tcp:127.0.0.1:3868 -n 3
             mtc ping --transport sctp 127.0.0.1
             mtc ping tls:iwf.example.org --certificate scs.pem --key scs.key --trust ca.pem --app Tsp
             mtc ping iwf.example.org -c scs.toml --json
    """
    from diameter import Dictionary
    from nfs.cli._ping import ping
    from nfs.cli._react import run
    from nfs.common.capturing import asked_for, open_capture

    dictionary = Dictionary.load(*given["dictionaries"])
    config, peer = who(given, "ping")
    tap = open_capture(asked_for(given), dictionary)
    applications = advertised(given["apps"], dictionary)
    quiet = given["as_json"]
    report = run(
        lambda reactor: ping(
            reactor,
            config,
            peer,
            dictionary,
            applications=applications,
            count=given["count"],
            interval_s=given["interval"],
            timeout_s=given["timeout"],
            tell=(lambda text: None) if quiet else click.echo,
            tap=tap,
        )
    )
    if quiet:
        click.echo(json.dumps({"schema": 1, "ok": _is_well(report), **dataclasses.asdict(report)}, indent=2))
    else:
        _summarise(report)
    return 0 if _is_well(report) else 1


def _is_well(report: Report) -> bool:
    return not report.trouble and None not in report.watchdogs_ms


def _summarise(report: Report) -> None:
    """The last lines for people."""
    if report.trouble:
        click.echo(f"{report.peer}: {report.trouble}", err=True)
    times = [one for one in report.watchdogs_ms if one is not None]
    if report.watchdogs_ms:
        lost = len(report.watchdogs_ms) - len(times)
        spread = f"; min/avg/max {min(times):.1f}/{sum(times) / len(times):.1f}/{max(times):.1f} ms" if times else ""
        click.echo(f"{report.origin_host}: {len(report.watchdogs_ms)} DWR, {len(times)} DWA, {lost} lost{spread}")
