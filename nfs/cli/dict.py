"""`mtc dict`: the dictionaries, listed, shown, checked, imported and exported."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nfs.cli._describe import described, number_or_name, text_of

if TYPE_CHECKING:
    from diameter.dictionary import Definitions

DICT = click.option(
    "--dict",
    "extra",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    help="One more dictionary: .dia, Wireshark or go-diameter XML, freeDiameter JSON.  May be repeated.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
APPLICATION = click.option("-a", "--application", help="Only what this application uses: name, file stem or id.")


@click.group(no_args_is_help=True)
def command() -> None:
    """The dictionaries: what the specifications say about AVPs and commands.

    \b
    Example: mtc dict list Trigger
             mtc dict show Device-Action -a Tsp
             mtc dict check my.dia
             mtc dict export -o dictionary.xml
    """


@command.command("list")
@click.argument("words", nargs=-1)
@APPLICATION
@DICT
@JSON
def list_avps(words: tuple[str, ...], application: str | None, extra: tuple[Path, ...], as_json: bool) -> None:
    """List AVPs: all, or those whose name holds one of WORDS or whose code is one.

    Ends with status 1 when WORDS find none.

    Example: mtc dict list Monitoring -a T6a
    """
    definitions = _load(extra)
    rows = [row for row in _rows(definitions) if _fits(row, words)]
    if application is not None:
        name = definitions.application(number_or_name(application)).name
        rows = [row for row in rows if name in row["applications"]]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    for row in () if as_json else rows:
        rules = " ".join(f"{name}:{rule}" for name, rule in row["mandatory"].items())
        click.echo(
            f"{row['name']:<48} {row['code']:>5} {row['vendor']:>6} {row['type']:<16} {row['reference']:<22} {rules}"
        )
    if not as_json:
        click.echo(f"{len(rows)} AVP{'s' if len(rows) != 1 else ''}", err=True)
    if words and not rows:
        sys.exit(1)


@command.command()
@click.argument("names", nargs=-1, required=True)
@APPLICATION
@DICT
@JSON
def show(names: tuple[str, ...], application: str | None, extra: tuple[Path, ...], as_json: bool) -> None:
    """Show AVPs, commands and applications.

    NAMES: an AVP's name, code or vendor:code; a command's name or short name (DAR); an application's name or id.
    Ends with status 1 when nothing has one of these names.

    Example: mtc dict show DAR Device-Action 10415:3122
    """
    from diameter.errors import DictionaryError

    definitions = _load(extra)
    if application is not None:
        definitions.application(number_or_name(application))
    try:
        shown = [one for name in names for one in described(definitions, name, application)]
    except DictionaryError as error:
        click.echo(f"mtc: {error}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(shown, indent=1))
        return
    click.echo("\n\n".join(text_of(one) for one in shown))


@command.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@JSON
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Read all dictionaries anew, with FILES beside them, and check every reference.

    Ends with status 1 and FILE:LINE when a file is wrong.

    Example: mtc dict check my.dia
    """
    from diameter.dictionary import Definitions
    from diameter.errors import DictionaryError

    try:
        definitions = Definitions.load(*files, cache=False)
    except DictionaryError as error:
        click.echo(
            json.dumps({"schema": 1, "ok": False, "error": str(error)}) if as_json else f"mtc: {error}", err=not as_json
        )
        sys.exit(1)
    avps, commands = sum(1 for _ in definitions.avps()), sum(1 for _ in definitions.commands())
    counts = {
        "files": len(definitions.sources),
        "applications": len(definitions.applications),
        "avps": avps,
        "commands": commands,
    }
    if as_json:
        click.echo(json.dumps({"schema": 1, "ok": True, **counts}))
    else:
        click.echo("ok: " + ", ".join(f"{number} {what}" for what, number in counts.items()))


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="the current folder",
    help="Folder to write to.",
)
@click.option("--force", is_flag=True, help="Write over files that are there.")
@JSON
def import_file(file: Path, output: Path, force: bool, as_json: bool) -> None:
    """Turn a dictionary of another program into .dia files, one for each vendor and application.

    FILE: Wireshark or go-diameter XML, or freeDiameter JSON.  AVPs and applications that are known here already are
    left out, so that the result loads beside the rest.

    Example: mtc dict import dictionary.xml -o more
    """
    from diameter.dictionary.write import dia_text
    from diameter.errors import LocalError

    definitions = _load((file,))
    own = [f for f in definitions.files() if f.path == str(file) and (f.names or f.id is not None)]
    written: list[dict[str, Any]] = []
    output.mkdir(parents=True, exist_ok=True)
    for one in own:
        path = output / f"{one.stem}.dia"
        if path.exists() and not force:
            raise LocalError(f"{path} is there already; --force writes over it")
        path.write_text(dia_text(definitions, one.stem), encoding="utf-8")
        written.append({"file": str(path), "avps": len(one.names), "application": one.name or None})
    if as_json:
        click.echo(json.dumps({"schema": 1, "written": written}, indent=1))
        return
    for row in written:
        click.echo(
            f"{row['file']}: {row['avps']} AVPs{', application ' + row['application'] if row['application'] else ''}"
        )


@command.command()
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; else the output.")
@DICT
def export(output: Path | None, extra: tuple[Path, ...]) -> None:
    """Write all dictionaries as Wireshark XML.

    Example: mtc dict export -o dictionary.xml
    """
    from diameter.dictionary.write import wireshark_xml

    text = wireshark_xml(_load(extra))
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def _load(extra: Iterable[Path]) -> Definitions:
    from diameter.dictionary import Definitions  # deferred: `mtc --help` needs no dictionary

    return Definitions.load(*extra)


def _rows(definitions: Definitions) -> Iterator[dict[str, Any]]:
    """The objects of `mtc dict list --json`."""
    from diameter.dictionary.survey import uses

    rules = uses(definitions)
    for avp in definitions.avps():
        yield {
            "name": avp.name,
            "code": avp.code,
            "vendor": avp.vendor,
            "type": avp.type,
            "mandatory": rules[avp.key],
            "applications": list(rules[avp.key]),
            "reference": avp.reference,
        }


def _fits(row: dict[str, Any], words: tuple[str, ...]) -> bool:
    return not words or any(word.lower() in row["name"].lower() or word == str(row["code"]) for word in words)
