"""`mtc subscriber watched` and `mtc subscriber bind`: what SCEFs have of devices, and which terminal is theirs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from nfs.cli._hss import connected, options


@click.command("watched")
@click.argument("identity", required=False)
@options
def watched(identity: str | None, database: str | None, config: Path | None, as_json: bool) -> None:
    """List what SCEFs have configured on S6t, for every device or for IDENTITY, and what waits to be said to them.

    Example: mtc subscriber watched meter-1@customer.example -d hss.db
    """
    from nfs.cli._access import subject
    from nfs.hss.monitoring import outbox_tables, tables

    with connected(database, config, make=False, writes=False) as connection:
        name = None if identity is None else subject(connection, identity)
        items = [each for each in tables.every(connection) if name in (None, each.imsi, each.grp)]
        notes = [each for each in outbox_tables.waiting(connection) if name in (None, each.imsi, each.grp)]
    rows = [_item(each) for each in items]
    waiting = [{"what": each.what, "scef": each.scef, "imsi": each.imsi, "tries": each.tries} for each in notes]
    if as_json:
        click.echo(json.dumps({"schema": 1, "items": rows, "waiting": waiting}))
        return
    for row in rows:
        last = f"until {row['until']}" if row["until"] else "without end"
        left = "" if row["left"] is None else f"  {row['left']} left"
        state = "  suspended" if row["suspended"] else ""
        click.echo(f"{row['imsi']}  {row['scef']}  {row['what']} {row['reference']}{left}  {last}{state}")
    for row in waiting:
        click.echo(f"{row['imsi']}  {row['scef']}  {row['what']} to be taken, tried {row['tries']} times")


def _item(item: Any) -> dict[str, Any]:
    from nfs.hss.monitoring.revoke import service_of

    until = None if item.until is None else datetime.fromtimestamp(item.until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "imsi": item.imsi,
        "scef": item.scef,
        "what": str(service_of(item)),
        "reference": item.apn if item.kind == "nidd" else item.reference,
        "group": item.grp or None,
        "left": item.remaining,
        "until": until,
        "suspended": item.suspended,
    }


@click.command("bind")
@click.argument("identity")
@click.argument("imei", required=False)
@click.option("--bar", is_flag=True, help="Do not let the subscription in with another terminal.")
@click.option("--release", is_flag=True, help="Any terminal will do again.")
@options
def bind(
    identity: str, imei: str | None, database: str | None, config: Path | None, as_json: bool, **given: Any
) -> None:
    """Bind the subscription IDENTITY to the terminal with IMEI; another one is an alarm in the audit log.

    Example: mtc subscriber bind meter-1@customer.example 35299708123456 --bar -d hss.db
    """
    from nfs.cli.subscriber import find
    from nfs.common.identities import IdentityError
    from nfs.hss import binding

    if (imei is None) != given["release"] or (given["bar"] and given["release"]):
        raise click.UsageError("an IMEI, or --release, one of the two")
    with connected(database, config, make=False) as connection:
        imsi = find(connection, identity).imsi
        if imei is None:
            if not binding.release(connection, imsi):
                raise click.ClickException(f"{identity} is bound to no terminal")
        else:
            try:
                binding.bind(connection, binding.Binding(imsi=imsi, imei=imei, bar=given["bar"]))
            except IdentityError as error:
                raise click.UsageError(str(error)) from None
    said = "released" if imei is None else f"bound to {imei[:14]}"
    click.echo(json.dumps({"schema": 1, "imsi": imsi, "imei": imei}) if as_json else f"{imsi} {said}")
