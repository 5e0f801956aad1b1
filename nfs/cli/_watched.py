"""`mtc subscriber watched` and `mtc subscriber bind`: what SCEFs have of devices, and which terminal is theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from nfs.cli._hss import connected, options
from nfs.cli._via import WAY, remote, through


@click.command("watched")
@click.argument("identity", required=False)
@through
@options
def watched(identity: str | None, database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """List what SCEFs have configured on S6t, for every device or for IDENTITY, and what waits to be said to them.

    Example: mtc subscriber watched meter-1@customer.example -d hss.db
    """
    from nfs.cli import _via_more
    from nfs.cli._access import subject
    from nfs.hss.monitoring import shown

    hss = remote(database, config, way)
    if hss is not None:
        found = _via_more.of_identity(hss, "watched", identity)
    else:
        with connected(database, config, make=False, writes=False) as connection:
            found = shown.watched(connection, None if identity is None else subject(connection, identity))
    rows, waiting = found["items"], found["waiting"]
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


@click.command("bind")
@click.argument("identity")
@click.argument("imei", required=False)
@click.option("--bar", is_flag=True, help="Do not let the subscription in with another terminal.")
@click.option("--release", is_flag=True, help="Any terminal will do again.")
@through
@options
def bind(
    identity: str, imei: str | None, database: str | None, config: Path | None, as_json: bool, **given: Any
) -> None:
    """Bind the subscription IDENTITY to the terminal with IMEI; another one is an alarm in the audit log.

    Example: mtc subscriber bind meter-1@customer.example 35299708123456 --bar -d hss.db
    """
    from nfs.cli import _via_more

    if (imei is None) != given["release"] or (given["bar"] and given["release"]):
        raise click.UsageError("an IMEI, or --release, one of the two")
    hss = remote(database, config, {each: given[each] for each in WAY})
    if hss is not None:
        imsi = _via_more.bind(hss, identity, imei, bar=given["bar"])
    else:
        imsi = _bound(database, config, identity, imei, bar=given["bar"])
    said = "released" if imei is None else f"bound to {imei[:14]}"
    click.echo(json.dumps({"schema": 1, "imsi": imsi, "imei": imei}) if as_json else f"{imsi} {said}")


def _bound(database: str | None, config: Path | None, identity: str, imei: str | None, *, bar: bool) -> str:
    """Bind in the database; the IMSI.  Raises ClickException, UsageError."""
    from nfs.cli.subscriber import find
    from nfs.common.identities import IdentityError
    from nfs.hss import binding

    with connected(database, config, make=False) as connection:
        imsi = find(connection, identity).imsi
        if imei is None:
            if not binding.release(connection, imsi):
                raise click.ClickException(f"{identity} is bound to no terminal")
            return imsi
        try:
            binding.bind(connection, binding.Binding(imsi=imsi, imei=imei, bar=bar))
        except IdentityError as error:
            raise click.UsageError(str(error)) from None
        return imsi
