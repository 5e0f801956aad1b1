"""`mtc ping PEER`: is there a Diameter peer, does it take us, how fast does it answer."""

from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from diameter import Dictionary
    from diameter.config import NodeConfig, PeerConfig
    from diameter.peer.capabilities import Advertised
    from nfs.cli._ping import Report


@click.command(no_args_is_help=True)
@click.argument("peer", metavar="PEER")
@click.option("--transport", type=click.Choice(["tcp", "tls"]), help="tls unless PEER says tcp:.")
@click.option("-n", "--count", type=click.IntRange(min=0), default=5, show_default=True, help="DWRs to send.")
@click.option("--interval", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Seconds between them.")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="Seconds an answer may take."
)
@click.option("--app", "apps", multiple=True, help="Application to advertise (Tsp); as a relay, all, by default.")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="Be the node of this TOML file; PEER may be one of its peers.",
)
@click.option("--origin-host", help="Our Origin-Host; ping.<this host> by default.")
@click.option("--origin-realm", help="Our Origin-Realm; what follows the first dot of our Origin-Host by default.")
@click.option("--certificate", type=click.Path(path_type=Path), help="PEM file of our certificate.")
@click.option("--key", type=click.Path(path_type=Path), help="PEM file of its key.")
@click.option("--trust", type=click.Path(path_type=Path), multiple=True, help="PEM file of a CA that we trust.")
@click.option("--crl", type=click.Path(path_type=Path), multiple=True, help="Revocation list.")
@click.option(
    "--dict", "dictionaries", multiple=True, type=click.Path(path_type=Path), help="A further dictionary file."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end instead of lines.")
def command(**given: Any) -> int:
    """Connect to PEER, exchange capabilities, send watchdog requests, disconnect with DPR.

    PEER is HOST, HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT, or with -c the Origin-Host of a peer in that file.
    Exit status: 0 when all was answered, 1 when not, 2 for wrong usage.

    \b
    Example: mtc ping tcp:127.0.0.1:3868 -n 3
             mtc ping tls:iwf.example.org --certificate scs.pem --key scs.key --trust ca.pem --app Tsp
             mtc ping iwf.example.org -c scs.toml --json
    """
    from diameter import Dictionary
    from nfs.cli._ping import ping
    from nfs.cli._react import run

    dictionary = Dictionary.load(*given["dictionaries"])
    config, peer = _who(given)
    advertised = _advertised(given["apps"], dictionary)
    quiet = given["as_json"]
    report = run(
        lambda reactor: ping(
            reactor,
            config,
            peer,
            dictionary,
            applications=advertised,
            count=given["count"],
            interval_s=given["interval"],
            timeout_s=given["timeout"],
            tell=(lambda text: None) if quiet else click.echo,
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


def _who(given: dict[str, Any]) -> tuple[NodeConfig, PeerConfig]:
    """Who we are and whom we ping.  Raises ConfigError."""
    from diameter._node.setup import endpoint, quick_config
    from diameter.config import TlsConfig
    from diameter.config.load import validate
    from diameter.errors import ConfigError

    text = given["peer"]
    known = _from_file(given["config"]) if given["config"] is not None else None
    if known is not None:
        found = known.peer_named(text)
        if found is not None:
            return known, found
    transport, host, port = endpoint(
        text if text.startswith(("tcp:", "tls:")) else f"{given['transport'] or 'tls'}:{text}"
    )
    if given["transport"] not in (None, transport):
        raise ConfigError(f"{text!r} is not --transport {given['transport']}")
    tls = known.tls if known is not None else None
    if given["certificate"] is not None or given["key"] is not None or given["trust"]:
        files = {name: given[name] for name in ("certificate", "key") if given[name] is not None}
        tables = {**files, "trust": list(given["trust"]), "crl": list(given["crl"])}
        tls = validate(tables, TlsConfig, source="options", base=Path())
    if transport == "tls" and tls is None:
        raise ConfigError("tls needs --certificate, --key and --trust, or -c; for clear text write tcp:HOST:PORT")
    identity = given["origin_host"] or (known.origin_host if known is not None else f"ping.{socket.getfqdn()}")
    realm = given["origin_realm"] or (known.origin_realm if known is not None else identity.partition(".")[2])
    at = f"{transport}:[{host}]" + (f":{port}" if port else "")
    name = host if ":" not in host else "peer.invalid"
    config = quick_config(
        identity, realm, connect={name: at}, tls=tls, physical_protection="asked for at the command line"
    )
    return config, config.peer[0]


def _from_file(path: Path) -> NodeConfig:
    from diameter.config import load, top_level
    from nfs.cli.config import model_of

    return load(path, model_of(str(top_level(path).get("function", "")), str(path))).node_config


def _advertised(names: tuple[str, ...], dictionary: Dictionary) -> list[Advertised]:
    from diameter.peer.capabilities import RELAY, Advertised

    if not names:
        return [Advertised(id=RELAY)]
    found = [dictionary.application(int(name) if name.isdigit() else name) for name in names]
    return [Advertised(id=one.id, vendor=one.vendor, accounting=one.accounting) for one in found]
