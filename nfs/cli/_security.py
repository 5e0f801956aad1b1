"""The tables of `mtc security report`, and the page of a running node that it reads."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from diameter.errors import ConfigError

Record = dict[str, Any]
COLOURS: Final = {"clear": "bold red", "physical": "yellow", "protected": "cyan", "strong": "green", "modern": "green"}
TIMEOUT_S: Final = 10.0


def running(where: str) -> Record:
    """`/security` of the admin port at `where`.  Raises ConfigError with why there is none."""
    try:
        connection = _connection(where)
        try:
            connection.request("GET", "/security", headers={"Host": "localhost"})
            answer = connection.getresponse()
            page: Record = json.loads(answer.read())
        finally:
            connection.close()
    except (OSError, ValueError, HTTPException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or "no answer"
        raise ConfigError(f"{where}: no admin port: {reason}") from None
    if answer.status != 200:
        raise ConfigError(f"{where}: the node answers {answer.status}: {page.get('error', '')}")
    return page


def _connection(where: str) -> HTTPConnection:
    parts = urlsplit(where)
    if parts.scheme == "http" and parts.hostname:
        return HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)
    if parts.scheme:
        raise ConfigError(f"{where}: neither http://HOST:PORT nor the path of a Unix socket")
    near = socket.socket(socket.AF_UNIX)
    near.settimeout(TIMEOUT_S)
    try:
        near.connect(where)
    except OSError:
        near.close()
        raise
    connection = HTTPConnection("localhost", timeout=TIMEOUT_S)
    connection.sock = near
    return connection


def show(document: Record) -> None:
    """Print the report for people, without the blanks that fill tables."""
    console = Console(highlight=False)
    with console.capture() as captured:
        if document["configured"] is not None:
            _configured(console, document["configured"])
        if document["running"] is not None:
            _running(console, document["running"])
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _configured(console: Console, found: Record) -> None:
    table = _facts(f"{found['origin_host']} of {found['origin_realm']}")
    own = found["own"]
    if own is not None:
        _own(table, own)
    for place, profile in found["policy"].items():
        clear = "where declared protected" if profile["physical_protection"] else "never"
        keys = f"RSA {profile['rsa_bits']}, EC {profile['ec_bits']}"
        rule = "IPsec tunnels only" if profile["nds_ip"] else f"TLS {profile['minimum_tls']} or later"
        table.add_row(f"peers {place}", f"{rule}, {keys}" + ("" if profile["nds_ip"] else f"; clear text {clear}"))
    if found["redirects"]["connect"]:
        clear = found["redirects"]["physical_protection_reason"]
        table.add_row(
            "redirects", f"followed to new hosts, in clear too: {clear}" if clear else "followed to new hosts"
        )
    console.print(table)
    _links(console, found["links"])
    _offers(console, found["links"])


def _own(table: Table, own: Record) -> None:
    table.add_row("our certificate", f"{own['subject']}, {_key(own)}, {own['hash']}")
    table.add_row("", f"serial {own['serial']}, issued by {own['issuer']}")
    names = ", ".join(own["names"])
    table.add_row(
        "our names", names if own["carries_origin_host"] else Text(f"{names}: not our Origin-Host", "bold red")
    )
    for one in own["trust"]:
        table.add_row("trusted", f"{one['subject']}, {_key(one)}")
    for one in own["crls"]:
        table.add_row("revocation list", f"{one['issuer']}, {one['revoked']} revoked")
    if not own["crls"]:
        table.add_row("revocation", Text(own["revocation"], "yellow"))
    if own["key_log"]:
        table.add_row("key log", Text("session secrets are written to a file: for a lab only", "bold red"))
    for one in own["runs_out"]:
        words = f"{one['not_after'][:10]}, in {one['days_left']} days: {one['kind']} {one['name']}"
        table.add_row("runs out", Text(words, "bold yellow") if one["warning"] else words)


def _links(console: Console, links: list[Record]) -> None:
    table = Table(
        "link", "with", "protection", "keys", "level", title="Links", box=box.SIMPLE_HEAD, title_justify="left"
    )
    for one in links:
        whose = [f"[b]{one['peer']}[/b] ({one['placement']})"] if one["peer"] else ["whoever comes"]
        where = ", ".join(one["addresses"])
        whose += [f"{'at' if one['peer'] else 'on'} {where}, port {one['port']}"] if where else ["which connects to us"]
        whose += [f"accepted: {each}" for each in one["accepts"]] or ["accepted: nobody"]
        if one["mechanism"] == "none":
            protection = f"none: {one['transport']} in clear\n{one['physical_protection_reason']}"
            keys = ""
        else:
            protection = _versions(one)
            protection += f"\nSCTP-AUTH {one['sctp_auth']}" if one["sctp_auth"] else ""
            keys = "" if one["rsa_bits"] is None else f"RSA {one['rsa_bits']}\nEC {one['ec_bits']}"
        table.add_row(one["place"], "\n".join(whose), Text(protection), keys, _level(one["level"]))
    console.print(table)


def _offers(console: Console, links: list[Record]) -> None:
    """Suites and groups once for each mechanism and version."""
    seen: dict[tuple[str, ...], str] = {}
    for one in links:
        if one["suites"]:
            seen.setdefault((*one["suites"], "", *one["groups"]), _versions(one))
    for offer, title in seen.items():
        at = offer.index("")
        table = _facts(f"Offered and accepted for {title}")
        table.add_row("suites", ", ".join(offer[:at]))
        table.add_row("groups", ", ".join(offer[at + 1 :]))
        console.print(table)


def _running(console: Console, page: Record) -> None:
    table = _facts(f"{page['origin_host']}, as it runs")
    for one in page["papers"]:
        table.add_row(one["kind"], f"{one['name']}, until {one['not_after'][:10]}")
    counts = f"{page['links_refused']} links refused, {page['links_broken']} ended by their protection"
    table.add_row("counted", f"{counts}, {page['records_replayed']} records repeated")
    console.print(table)
    table = Table("peer", "link", "negotiated", "its certificate", "level", title="Open links", box=box.SIMPLE_HEAD,
                  title_justify="left")  # fmt: skip
    for one in page["links"]:
        whose = f"[b]{one['peer']}[/b]\n{one['placement']}" if one["peer"] else "nobody yet"
        way = f"{one['transport']} {'to' if one['dialled'] else 'from'}\n{one['remote']}"
        if one["mechanism"] == "none":
            agreed, papers = f"nothing: {one['physical_protection_reason']}", ""
        else:
            agreed = "\n".join(filter(None, (_named(one, one["version"]), one["cipher"], one["group"])))
            papers = f"{one['subject']}, {_key(one)}\nuntil {(one['not_after'] or '')[:10]}\n{', '.join(one['names'])}"
        table.add_row(whose, way, Text(agreed), Text(papers), _level(one["level"]))
    console.print(table)


def _facts(title: str) -> Table:
    table = Table(title=title, show_header=False, box=None, title_justify="left", padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    return table


def _versions(one: Record) -> str:
    lowest, highest = one["lowest_version"], one["highest_version"]
    return _named(one, lowest) if lowest == highest else f"{lowest} or later"


def _named(one: Record, version: str) -> str:
    """IPsec is named: a version of IKE alone, or "manual", says little."""
    if one["mechanism"] != "ipsec":
        return version
    return "IPsec, keys set by hand" if version == "manual" else f"IPsec, {version}"


def _level(name: str) -> Text:
    return Text(name, COLOURS.get(name, ""))


def _key(one: Record) -> str:
    return f"RSA {one['key_bits']}" if one["key_type"] == "RSA" else str(one["key_type"])
