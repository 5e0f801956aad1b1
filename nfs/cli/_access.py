"""`mtc subscriber access`: which SCEF may use which service of which device or group, in the HSS's database."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nfs.cli._hss import connected, options
from nfs.cli._via import WAY, remote, through

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from nfs.hss.monitoring.access import Row

SERVICES: Final = (
    "loss-of-connectivity", "ue-reachability", "location", "imei-change", "roaming-status", "communication-failure",
    "availability-after-ddn-failure", "pdn-connectivity-status", "communication-pattern", "network-parameters",
    "enhanced-coverage", "nidd", "group-id",
)  # fmt: skip
"""As `nfs.hss.monitoring.logic.Service` has them; a test holds the two together."""
service = click.option("--service", "services", multiple=True, type=click.Choice(SERVICES), help="What; repeatable.")


@click.group("access")
def access() -> None:
    """Rights of SCEFs on S6t: allow, forbid for everybody, withdraw, list and import.  What no row allows is refused.

    Example: mtc subscriber access allow meter-1@customer.example --scef scef.example --service imei-change -d hss.db
    """


@access.command("allow")
@click.argument("identity")
@click.option("--scef", help="Origin-Host of the SCEF.")
@service
@click.option("--provider", "providers", multiple=True, help="MTC provider that counts for the device; repeatable.")
@through
@options
def allow(identity: str, database: str | None, config: Path | None, as_json: bool, **given: Any) -> None:
    """Let a SCEF use services of the device or group IDENTITY.

    Example: mtc subscriber access allow fleet@customer.example --scef scef.example --service location -c hss.toml
    """
    row = _row(identity, given["scef"], services=given["services"], providers=given["providers"])
    changed, _ = _changed(database, config, given, row, take=False)
    _say(as_json, {"changed": changed}, f"{changed} rows for {identity}")


@access.command("never")
@click.argument("identity")
@service
@through
@options
def never(
    identity: str, services: tuple[str, ...], database: str | None, config: Path | None, as_json: bool, **way: Any
) -> None:
    """Forbid services of the device or group IDENTITY to every SCEF, whatever else is allowed; what runs ends.

    Example: mtc subscriber access never meter-1@customer.example --service location -d hss.db
    """
    row = _row(identity, None, never=services)
    changed, ended = _changed(database, config, way, row, take=False)
    _say(as_json, {"changed": changed, "ended": ended}, f"{changed} rows for {identity}, {ended} ended")


@access.command("withdraw")
@click.argument("identity")
@click.option("--scef", help="Origin-Host of the SCEF.")
@service
@click.option("--never", "never_", multiple=True, type=click.Choice(SERVICES), help="No longer forbid; repeatable.")
@click.option("--provider", "providers", multiple=True, help="MTC provider that no longer counts; repeatable.")
@through
@options
def withdraw(identity: str, database: str | None, config: Path | None, as_json: bool, **given: Any) -> None:
    """Take rows away again; what a SCEF has running by them ends, and it is told.  Exit status 1 if there is none.

    Example: mtc subscriber access withdraw meter-1@customer.example --scef scef.example --service nidd -d hss.db
    """
    row = _row(identity, given["scef"], services=given["services"], never=given["never_"], providers=given["providers"])
    changed, ended = _changed(database, config, given, row, take=True)
    if not changed:
        raise click.ClickException(f"no such row for {identity}")
    _say(as_json, {"changed": changed, "ended": ended}, f"{changed} rows of {identity} withdrawn, {ended} ended")


@access.command("list")
@click.argument("identity", required=False)
@through
@options
def list_(identity: str | None, database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """List the rows of every device and group, or of IDENTITY.

    Example: mtc subscriber access list -d hss.db
    """
    from nfs.cli import _via_more
    from nfs.hss.monitoring import access as rows

    hss = remote(database, config, way)
    if hss is not None:
        found = _via_more.of_identity(hss, "access", identity)["access"]
    else:
        found = _listed(database, config, identity)
    if as_json:
        click.echo(rows.written(found))
        return
    for each in found:
        said = ", ".join(each["services"]) if each["scef"] else ""
        said += "".join(f"  never {one}" for one in each["never"])
        said += "".join(f"  provider {one}" for one in each["providers"])
        click.echo(f"{each['device']:28}  {each['scef'] or '-'}  {said.strip()}")


def _listed(database: str | None, config: Path | None, identity: str | None) -> list[dict[str, Any]]:
    from nfs.hss.monitoring import access as rows

    with connected(database, config, make=False, writes=False) as connection:
        return rows.listed(connection, None if identity is None else subject(connection, identity))


@access.command("import")
@click.argument("file", type=click.File("rb"))
@through
@options
def import_(file: Any, database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """Import rows from FILE, CSV or JSON ("-" for standard input), beside those that are there.  All of it or nothing.

    CSV has the columns device, scef, services, never and providers.

    Example: mtc subscriber access import access.csv -d hss.db
    """
    from diameter.errors import ConfigError
    from nfs.cli import _via_more
    from nfs.hss.monitoring import access as rows
    from nfs.hss.monitoring import revoke

    hss = remote(database, config, way)
    if hss is not None:
        count = _via_more.import_file(hss, "access", file)["imported"]
        _say(as_json, {"imported": count}, f"{count} rows imported")
        return
    name = getattr(file, "name", "<stdin>").replace("<stdin>", "standard input")
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 at octet {error.start}") from None
    read = rows.read(text, name)
    with connected(database, config, make=False) as connection:
        names = set()
        for place, row in read:
            try:
                names.add(key := subject(connection, row.device))
            except (click.ClickException, click.UsageError) as error:
                raise ConfigError(f"{place}: {error.format_message()}") from None
            rows.change(connection, key, row)
        revoke.end(connection, names, int(time.time()))
    _say(as_json, {"imported": len(read)}, f"{len(read)} rows imported")


@access.command("imsi-group")
@click.argument("name")
@click.option("--service-id", type=click.IntRange(min=0, max=(1 << 32) - 1), required=True, help="Group-Service-Id.")
@click.option("--plmn", required=True, help="Group-PLMN-Id: 5 or 6 digits.")
@click.option("--local-id", required=True, help="Local-Group-Id: up to 10 octets in hexadecimal.")
@through
@options
def imsi_group(name: str, database: str | None, config: Path | None, as_json: bool, **given: Any) -> None:
    """Set the IMSI-Group-Id of the group NAME, which a SCEF with group-id may ask for.

    Example: mtc subscriber access imsi-group fleet@customer.example --service-id 1 --plmn 00101 --local-id 07 -d hss.db
    """
    from nfs.cli import _via_more
    from nfs.common import identities
    from nfs.hss.groups import tables as groups
    from nfs.hss.monitoring import tables

    try:
        local, plmn = bytes.fromhex(given["local_id"]), identities.plmn(given["plmn"])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if not 1 <= len(local) <= 10:
        raise click.UsageError("--local-id: 1 to 10 octets")
    hss = remote(database, config, {each: given[each] for each in WAY})
    if hss is not None:
        _via_more.set_imsi_group(hss, name, given["service_id"], plmn, local)
        _say(as_json, {"set": name}, f"{name} set")
        return
    with connected(database, config, make=False) as connection:
        if not groups.named(connection, [name]):
            raise click.ClickException(f"no group is named {name}")
        tables.set_imsi_group(connection, name, given["service_id"], plmn, local)
    _say(as_json, {"set": name}, f"{name} set")


def _row(identity: str, scef: str | None, **lists: tuple[str, ...]) -> Row:
    """A row of the options.  Raises UsageError."""
    from pydantic import ValidationError

    from nfs.hss.monitoring.access import Row

    if lists.get("services") and scef is None:
        raise click.UsageError("--service needs --scef: whose right is it")
    if not any(lists.values()):
        raise click.UsageError("nothing named: give a --service")
    try:
        return Row.model_validate({"device": identity, "scef": scef, **lists})
    except ValidationError as error:
        raise click.UsageError("; ".join(each["msg"] for each in error.errors())) from None


def _changed(
    database: str | None, config: Path | None, given: dict[str, Any], row: Row, *, take: bool
) -> tuple[int, int]:
    """How many rows were changed, and how many things ended by that, here or in a running HSS."""
    from nfs.cli import _via_more

    hss = remote(database, config, {each: given[each] for each in WAY})
    if hss is not None:
        return _via_more.change(hss, row, take=take)
    with connected(database, config, make=False) as connection:
        return _change(connection, row.device, row, take=take)


def subject(connection: Connection, identity: str) -> str:
    """The IMSI of a device, or the name of a group.  Raises ClickException."""
    from nfs.cli.subscriber import find
    from nfs.hss.groups import tables as groups

    return identity if groups.named(connection, [identity]) else find(connection, identity).imsi


def _change(connection: Connection, identity: str, row: Row, *, take: bool) -> tuple[int, int]:
    """How many rows were changed, and how many things ended by that."""
    from nfs.hss.monitoring import access as rows
    from nfs.hss.monitoring import revoke

    name = subject(connection, identity)
    changed = rows.change(connection, name, row, take=take)
    return changed, revoke.end(connection, {name}, int(time.time()))


def _say(as_json: bool, document: dict[str, Any], text: str) -> None:
    click.echo(json.dumps({"schema": 1, **document}) if as_json else text)
