"""`mtc subscriber`: the subscribers of an HSS, straight in its database; a running HSS sees changes within a second."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nfs.cli._access import access
from nfs.cli._groups import group
from nfs.cli._hss import connected, opened, options
from nfs.cli._ordered import detach, locate, reset, update, withdraw
from nfs.cli._via import remote, through, through_with
from nfs.cli._watched import bind, watched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from nfs.common.aka import Seal
    from nfs.hss.logic import ExternalId, Subscriber

EXAMPLE = """
\b
Example: mtc subscriber import meters.csv --database hss.db
         mtc subscriber add --imsi 001010000000001 --external-id meter-1@customer.example \\
             --scs 15550001 --database hss.db
"""


@click.group(epilog=EXAMPLE)
def command() -> None:
    """Import, list, add and remove subscribers of the HSS.

    The database is named by --database (a file of SQLite, or a URL), or by the configuration of the HSS with -c.
    Every verb but new-key also goes through the HTTP interface of a running HSS, with --via and --token.
    """


@command.command("import")
@click.argument("file", type=click.File("rb"))
@through_with(
    click.option(
        "--key",
        "own_key",
        type=click.Path(path_type=Path),
        help="Key file that seals K, OPc and TOPc; else that of -c.  With --via: PEM file of our certificate's key.",
    )
)
@options
def import_(file: Any, database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """Import subscribers from FILE, CSV, JSON or JSON Lines ("-" for standard input), in the place of those with the
    same IMSI.

    All of the file or nothing: bad rows are named by file, line and column, a hundred of them at most.  Keys (columns
    k and opc, op, topc or top) are sealed before they reach the database, and no verb ever shows them.

    With --via the file is sent as it is read, and a running HSS imports it beside its work, under its own key_file.

    Example: mtc subscriber import meters.csv -d hss.db
    """
    from nfs.cli._importing import Reading
    from nfs.cli._via_more import import_subscribers
    from nfs.hss import importing

    key = None if way["via"] else way.pop("own_key")
    hss = remote(database, config, {"own_key": None, **way})
    if hss is not None:
        count = import_subscribers(hss, file, quiet=as_json)
        _say(as_json, {"imported": count}, f"{count} subscribers imported")
        return
    with Reading(file, quiet=as_json) as reading:
        records = importing.Records(reading.records(), lambda: _seal(key, config))
        with opened(database, config) as engine:
            count = importing.load(engine, records, reading.name, reading.written)
    _say(as_json, {"imported": count}, f"{count} subscribers imported")


def _seal(key: Path | None, config: Path | None) -> Seal:
    """The seal of a key file, of that of the HSS's configuration when none is named.  Raises ConfigError."""
    from diameter.config import load
    from diameter.errors import ConfigError
    from nfs.hss.config import HssConfig
    from nfs.hss.keyfile import read_seal

    if key is None and config is not None:
        key = load(config, HssConfig).hss.key_file
    if key is None:
        raise ConfigError("keys are kept under seal only: name a key file with --key, or hss.key_file with -c")
    return read_seal(key)


@command.command("new-key")
@click.argument("file", type=click.Path(path_type=Path))
def new_key(file: Path) -> None:
    """Make FILE with a new key, under which the database keeps the keys of subscribers.

    Without it they are lost: keep a copy where the database is not.

    Example: mtc subscriber new-key hss.key
    """
    from nfs.hss.keyfile import new_key

    new_key(file)
    click.echo(f"{file} written")


@command.command()
@click.argument("file", type=click.File("w", encoding="utf-8"), default="-")
@click.option(
    "--format", "form", type=click.Choice(["csv", "json", "jsonl"]), default="csv", help="csv when not given."
)
@through
@options
def export(file: Any, form: str, database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """Write every subscriber to FILE, or to standard output.

    Example: mtc subscriber export meters.csv -d hss.db
    """
    from nfs.hss import provisioning

    writers = {"csv": provisioning.write_csv, "json": provisioning.write_json, "jsonl": provisioning.write_lines}
    with _every(database, config, way) as found:
        for piece in writers["json" if as_json else form](found):
            file.write(piece)


@command.command("list")
@through
@options
def list_(database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """List subscribers, one a line.

    Example: mtc subscriber list -c hss.toml
    """
    from nfs.hss import provisioning

    with _every(database, config, way) as found:
        if as_json:
            for piece in provisioning.write_json(found):
                click.echo(piece, nl=False)
            return
        for each in found:
            names = ", ".join(one.identifier for one in each.external_ids)
            click.echo(f"{each.imsi}  {each.msisdn or '-':15}  {names or '-'}")


@contextmanager
def _every(database: str | None, config: Path | None, way: dict[str, Any]) -> Iterator[Iterable[Subscriber]]:
    """All subscribers, of the database or of a running HSS."""
    from nfs.hss import tables

    hss = remote(database, config, way)
    if hss is not None:
        yield hss.every()
        return
    with connected(database, config, make=False, writes=False) as connection:
        yield tables.every(connection)


@command.command()
@click.argument("identity")
@through
@options
def show(identity: str, database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """Show the subscriber with IDENTITY: an IMSI, an MSISDN, or an External Identifier.  Exit status 1 if nobody.

    Example: mtc subscriber show meter-1@customer.example -d hss.db
    """
    from nfs.hss import cards, provisioning

    hss = remote(database, config, way)
    if hss is not None:
        row, more = provisioning.to_row(hss.find(identity)), {}  # nothing is said of keys there
    else:
        with connected(database, config, make=False, writes=False) as connection:
            row = provisioning.to_row(find(connection, identity))
            more = {"keys": cards.algorithm_of(connection, row["imsi"])}
    if as_json:
        click.echo(json.dumps({"schema": provisioning.SCHEMA, **row}))
        return
    row |= more
    for key, value in row.items():
        for one in value if isinstance(value, list) else [value]:
            click.echo(f"{key:14}{_shown(one)}")


def _shown(value: object) -> str:
    """A value of the JSON form for humans."""
    if isinstance(value, dict):
        return "  ".join(f"{key} {_shown(one)}" for key, one in value.items() if one not in (None, ""))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if value is None:
        return "-"
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


@command.command()
@click.option("--imsi", required=True, help="Its IMSI.")
@click.option("--msisdn", help="Its MSISDN.")
@click.option("--external-id", "external_ids", multiple=True, help="local@domain[:PORT]; the first is the default.")
@click.option("--profile", help="Name of its profile in EPS; without one it cannot attach.")
@click.option("--service", "services", multiple=True, help="device-trigger (the default) or sms-mo.")
@click.option("--scs", "rights", multiple=True, help="NUMBER[:SERVICE] of an SCS that may ask; all services without.")
@click.option(
    "--node", "nodes", multiple=True, help="KIND:NUMBER[:NAME:REALM] of a node; KIND: mme, msc, sgsn, ip-sm-gw."
)
@through
@options
def add(
    imsi: str,
    msisdn: str | None,
    external_ids: tuple[str, ...],
    profile: str | None,
    services: tuple[str, ...],
    rights: tuple[str, ...],
    nodes: tuple[str, ...],
    database: str | None,
    config: Path | None,
    as_json: bool,
    **way: Any,
) -> None:
    """Add a subscriber, or replace the one with the same IMSI.

    \b
    Example: mtc subscriber add --imsi 001010000000001 --scs 15550001 -d hss.db \\
                 --external-id meter-1@customer.example
    """
    from sqlalchemy.exc import IntegrityError

    from diameter.errors import ConfigError
    from nfs.hss import csvform, importing, provisioning, tables

    cells = {
        "imsi": imsi,
        "msisdn": msisdn or "",
        "external_ids": ";".join(external_ids),
        "services": ";".join(services or ("device-trigger",)),
        "scs": ";".join(rights),
        "nodes": ";".join(nodes),
        "profile": profile or "",
    }
    try:
        (placed,) = provisioning.read(csvform.table([cells]), "add")
    except ConfigError as error:
        raise ConfigError(*(line.removeprefix("add:2: ") for line in error.lines)) from None
    hss = remote(database, config, way)
    if hss is not None:
        hss.save(placed.subscriber)
    else:
        with connected(database, config) as connection:
            try:
                tables.save(connection, placed.subscriber)
            except IntegrityError:
                raise ConfigError(importing.TAKEN) from None
            _no_group_has(connection, placed.subscriber.external_ids)
    _say(as_json, {"added": imsi}, f"{imsi} added")


@command.command()
@click.argument("identity")
@through
@options
def remove(identity: str, database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """Remove the subscriber with IDENTITY and all that belongs to it.  Exit status 1 if there is none.

    An HSS with orders_s, or with [provisioning], has the nodes that serve it let go of it (CLR).

    Example: mtc subscriber remove 001010000000001 -d hss.db
    """
    from nfs.hss import ordered

    hss = remote(database, config, way)
    if hss is not None:
        imsi = hss.find(identity).imsi
        hss.remove(imsi)
    else:
        with connected(database, config, make=False) as connection:
            imsi = find(connection, identity).imsi
            ordered.remove(connection, imsi, time.time())
    _say(as_json, {"removed": imsi}, f"{imsi} removed")


def _no_group_has(connection: Connection, names: Iterable[ExternalId]) -> None:
    """Raises ConfigError where the External Identifier of a device is that of a group."""
    from diameter.errors import ConfigError
    from nfs.hss.groups import tables as groups

    taken = groups.named(connection, (each.identifier for each in names))
    if taken:
        raise ConfigError(*(f"{name} is the name of a group" for name in taken))


def find(connection: Connection, identity: str) -> Subscriber:
    """The subscriber with an identity of whatever kind.  Raises ClickException."""
    from nfs.common.identities import ExternalIdentifier, IdentityError
    from nfs.hss import tables
    from nfs.hss.logic import UserId

    if "@" in identity:
        try:
            users = [UserId(external_id=str(ExternalIdentifier.parse(identity)))]
        except IdentityError as error:
            raise click.UsageError(str(error)) from None
    else:
        users = [UserId(imsi=identity), UserId(msisdn=identity.removeprefix("+"))]
    for user in users:
        found = tables.find(connection, user)
        if found is not None:
            return found
    raise click.ClickException(f"no subscriber has {identity}")


def _say(as_json: bool, document: dict[str, Any], text: str) -> None:
    click.echo(json.dumps({"schema": 1, **document}) if as_json else text)


command.add_command(group)
for each in (access, bind, watched, update, withdraw, locate, detach, reset):
    command.add_command(each)
