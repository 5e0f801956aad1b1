"""`mtc pcap extract`: a session or a transaction of a capture as a scenario."""

from __future__ import annotations

from pathlib import Path

import click

from nfs.cli._pcap.decode import opened, said_truncated, source_options


@click.command(no_args_is_help=True)
@click.argument("source", metavar="FILE|-")
@click.option("--session", metavar="ID", help="The session with this Session-Id, or the only one that holds this text.")
@click.option(
    "--transaction", type=click.IntRange(min=1), metavar="N", help="Request and answer, one being in frame N."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Scenario to write, .toml; standard output if not given."
)
@click.option("--list", "listing", is_flag=True, help="List the sessions of FILE instead: messages and Session-Id.")
@source_options
def command(
    source: str,
    session: str | None,
    transaction: int | None,
    output: Path | None,
    listing: bool,
    ports: tuple[int, ...],
    keylog: Path | None,
    dictionaries: tuple[Path, ...],
) -> None:
    """Turn a session or a transaction of a capture into a scenario that people read, and mtc pcap replay plays.

    AVPs stand there by name; identities and Session-Ids are placeholders, with their values at the head of the file.

    \b
    Example: mtc pcap extract trigger.pcapng --list
             mtc pcap extract trigger.pcapng --session "mtc-iwf.operator.example;1;7" -o lookup.toml
             mtc pcap extract trigger.pcapng --transaction 42
    """
    from diameter import Dictionary
    from diameter.capture import NoDiameter, tomlform
    from diameter.capture.extract import extract, of_session, of_transaction, sessions

    if sum((session is not None, transaction is not None, listing)) != 1:
        raise click.UsageError("one of --session, --transaction and --list is wanted")
    if output is not None and output.suffix.lower() != ".toml":
        raise click.UsageError(f"-o {output}: scenarios are TOML: the name must end with .toml")
    dictionary = Dictionary.load(*dictionaries)
    reader = opened(source, ports, keylog)
    if listing:
        found = sessions(reader, dictionary)
        for name, count in found.items():
            click.echo(f"{count:6}  {name}")
        said_truncated(reader)
        if not found:
            raise NoDiameter(f"{reader.name}: {reader.no_diameter()}")
        return
    if session is not None:
        captured = of_session(reader, session, dictionary)
    else:
        assert transaction is not None
        captured = of_transaction(reader, transaction, dictionary)
    scenario = extract(captured, dictionary, Path(source).name)
    text = tomlform.write(scenario)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(f"{output}: {len(scenario.steps)} messages", err=True)
