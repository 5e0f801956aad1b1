"""`mtc cdr`: files of charging records, shown and checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from diameter.errors import LocalError

if TYPE_CHECKING:
    from nfs.common.charging.headers import FileHeader
    from nfs.common.charging.reader import Found

FILES = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
LOOK_S = 0.5
"""Time between two looks at a file that is being written."""


@click.group(no_args_is_help=True)
def command() -> None:
    """Read charging records: files of TS 32.297 with records of TS 32.298, and what a CDF was told.

    \b
    Example: mtc cdr decode sms-sc.example.org-00000001.cdr
             mtc cdr check cdr/*.cdr
    """


@command.command()
@FILES
@JSON
@click.option("--follow", is_flag=True, help="Go on with the last file while it is being written.")
@click.pass_context
def decode(ctx: click.Context, files: tuple[Path, ...], as_json: bool, follow: bool) -> None:
    """Show FILES: the header, and each record as a tree, or one JSON object a line.  Exit status 1 for a bad file.

    Example: mtc cdr decode --json cdr/mtc-iwf.example.org-00000001.cdr
    """
    good = True
    for path in files:
        try:
            _file(path, as_json, follow and path == files[-1])
        except LocalError as error:
            click.echo(f"mtc: {path}: {error}", err=True)
            good = False
    ctx.exit(0 if good else 1)


@command.command()
@FILES
@JSON
@click.pass_context
def check(ctx: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Check FILES of one node, in order: headers, lengths, records, and that no number is missing or comes twice.

    Example: mtc cdr check cdr/*.cdr
    """
    from nfs.common.charging.reader import Check

    found = Check([])
    for path in files:
        found.file(str(path), path.read_bytes())
    if as_json:
        document = {"schema": 1, "ok": not found.faults, "files": len(files), "records": found.seen}
        click.echo(json.dumps({**document, "faults": found.faults}))
    else:
        for fault in found.faults:
            click.echo(fault)
        click.echo(f"{len(files)} files, {found.seen} records: {'all fits' if not found.faults else 'bad'}")
    ctx.exit(1 if found.faults else 0)


@command.command()
@click.option(
    "-c", "--config", required=True, type=click.Path(path_type=Path), help="TOML file of the CDF that has them."
)
@JSON
def received(config: Path, as_json: bool) -> None:
    """Show what a CDF was told (`mtc run cdf`): each accounting record as a tree, or one JSON object a line.

    Example: mtc cdr received -c cdf.toml
    """
    from diameter import Dictionary, Message
    from diameter.capture.text import tree
    from diameter.config import load
    from diameter.errors import ConfigError
    from nfs.cdf import tables
    from nfs.cdf.config import CdfConfig
    from nfs.common.database import database_url, open_engine, snapshot

    url = database_url(load(config, CdfConfig).cdf.database, config.parent)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise ConfigError(f"database {url.database}: there is none")
    engine, dictionary = open_engine(url, migrations="nfs.cdf:migrations", name="cdf"), Dictionary.load()
    with snapshot(engine) as connection:
        for row in tables.every(connection):
            text = row.pop("request")
            if as_json:
                click.echo(json.dumps({"schema": 1, **row, "request": json.loads(text)}))
            else:
                click.echo(tree(Message.from_json(text, dictionary)))
    engine.dispose()


def _pause(seconds: float) -> None:
    """Let time go by."""
    Event().wait(seconds)


def _file(path: Path, as_json: bool, follow: bool) -> None:
    """Print one file.  Raises LocalError."""
    from nfs.common.charging import shown
    from nfs.common.charging.headers import read_file_header

    header = read_file_header(path.read_bytes())
    click.echo(json.dumps(shown.header_json(path.name, header)) if as_json else shown.header_text(path.name, header))
    wrong: list[str] = []
    for found in _records(path, header, follow):
        try:
            click.echo(json.dumps(shown.record_json(found)) if as_json else shown.record_text(found))
        except LocalError as error:
            wrong.append(str(error))
            click.echo(f"mtc: {path}: {error}", err=True)
    if wrong:
        raise LocalError(f"{len(wrong)} records cannot be read")


def _records(path: Path, header: FileHeader, follow: bool) -> Iterator[Found]:
    """The records of a file; with `follow` those that are added too, until it is closed."""
    from nfs.common.charging.headers import OPEN, read_file_header
    from nfs.common.charging.reader import records

    at = header.header_length
    with path.open("rb") as file:
        while True:
            file.seek(0)
            octets = file.read()
            writing = read_file_header(octets).length == OPEN
            for found in records(octets, at, strict=not writing):
                at = found.end
                yield found
            if not follow or not writing:
                return
            _pause(LOOK_S)
