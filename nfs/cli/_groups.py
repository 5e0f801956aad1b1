"""`mtc subscriber group`: groups of devices in the HSS's database, and what devices have by which groups find them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nfs.cli._hss import connected, options
from nfs.cli._via import remote, through

if TYPE_CHECKING:
    from sqlalchemy import Connection


@click.group("group")
def group() -> None:
    """Groups of devices: import, list, show and remove.

    Example: mtc subscriber group import groups.csv -d hss.db
    """


@group.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="In the place of groups of the same name; refused otherwise.")
@through
@options
def import_(file: Any, replace: bool, database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """Import groups, or what devices have, from FILE, CSV or JSON ("-" for standard input).  All of it or nothing.

    Example: mtc subscriber group import groups.csv -d hss.db
    """
    from nfs.cli import _via_more

    hss = remote(database, config, way)
    if hss is not None:
        done = _via_more.import_file(hss, "groups", file, **({"replace": "true"} if replace else {}))
        groups, devices = done["groups"], done["devices"]
    else:
        with connected(database, config) as connection:
            groups, devices = _import(connection, file, replace=replace)
    said = [f"{groups} groups"] * bool(groups) + [f"what {devices} devices have"] * bool(devices)
    document = {"schema": 1, "groups": groups, "devices": devices}
    click.echo(json.dumps(document) if as_json else f"{' and '.join(said) or 'nothing'} imported")


@group.command("export")
@through
@options
def export(database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """Write every group, and what devices have, as JSON.

    Example: mtc subscriber group export -d hss.db > groups.json
    """
    from nfs.cli import _via_more
    from nfs.hss.groups import form, tables

    hss = remote(database, config, way)
    if hss is not None:
        click.echo(json.dumps(_via_more.groups(hss)))
        return
    with connected(database, config, make=False) as connection:
        click.echo(form.write(tables.every(connection), tables.traits(connection)), nl=False)


@group.command("list")
@through
@options
def list_(database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """List groups, one a line.

    Example: mtc subscriber group list -d hss.db
    """
    from nfs.cli import _via_more
    from nfs.hss.groups import form, tables

    hss = remote(database, config, way)
    if hss is not None:
        rows = _via_more.groups(hss)["groups"]
        found = [form.GroupRow.model_validate(each).to_group() for each in rows]
    else:
        with connected(database, config, make=False) as connection:
            found = list(tables.every(connection))
    if as_json:
        click.echo(form.write(found, {}), nl=False)
        return
    for each in found:
        rules = ", ".join(str(rule) for rule in sorted(each.rules))
        click.echo(f"{each.external_id:30}  {len(each.members)} listed  {rules or '-'}")


@group.command("show")
@click.argument("name")
@through
@options
def show(name: str, database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """Show a group with the members that it has at this moment.  Exit status 1 if there is none.

    Example: mtc subscriber group show fleet@customer.example -d hss.db
    """
    from nfs.cli import _via_more

    hss = remote(database, config, way)
    if hss is not None:
        row = _via_more.group(hss, name)
    else:
        with connected(database, config, make=False) as connection:
            row = _show(connection, name)
    if as_json:
        click.echo(json.dumps({"schema": 1, **row}))
        return
    for line in _lines(row):
        click.echo(line)


@group.command("remove")
@click.argument("name")
@through
@options
def remove(name: str, database: str | None, config: Path | None, as_json: bool, **way: Any) -> None:
    """Remove a group; its members stay subscribers.  Exit status 1 if there is none.

    Example: mtc subscriber group remove fleet@customer.example -d hss.db
    """
    from nfs.cli import _via_more
    from nfs.hss.groups import tables

    hss = remote(database, config, way)
    if hss is not None:
        _via_more.remove_group(hss, name)
    else:
        with connected(database, config, make=False) as connection:
            if not tables.remove(connection, name):
                raise click.ClickException(f"no group is named {name}")
    click.echo(json.dumps({"schema": 1, "removed": name}) if as_json else f"{name} removed")


def _import(connection: Connection, file: Any, *, replace: bool) -> tuple[int, int]:
    """How many groups and how many devices came in.  Raises ConfigError."""
    from diameter.errors import ConfigError
    from nfs.hss.groups import form

    name = getattr(file, "name", "<stdin>").replace("<stdin>", "standard input")
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 at octet {error.start}") from None
    return form.bring(connection, form.read(text, name), replace=replace)


def _show(connection: Connection, name: str) -> dict[str, Any]:
    from nfs.hss.groups import form, tables
    from nfs.hss.groups.logic import resolve
    from nfs.hss.logic import Service

    group = tables.find(connection, name)
    if group is None:
        raise click.ClickException(f"no group is named {name}")
    found = resolve(tables.candidates(connection, group, Service.DEVICE_TRIGGER))
    now = [{"device": each.external_id, "by_rule": each.by_rule, "left_out": each.left_out or None} for each in found]
    return {**form.to_row(group), "now": now}


def _lines(row: dict[str, Any]) -> list[str]:
    """A group for humans: whom it reaches, and whom not."""
    lines = [f"{'group':14}{row['group']}", f"{'local_id':14}{row['local_id'] or '-'}"]
    lines += [f"{'rule':14}{kind}: {', '.join(values)}" for kind, values in row["rules"].items()]
    lines += [f"{'rights':14}scs {each['scs']}  services {', '.join(each['services'])}" for each in row["rights"]]
    for each in row["now"]:
        how = f"left out: {each['left_out']}" if each["left_out"] else "by a rule" if each["by_rule"] else "listed"
        lines.append(f"{'member':14}{each['device']}  {how}")
    return lines
