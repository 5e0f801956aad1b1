"""`mtc pcap anonymise`: a capture that can be shown to others."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from nfs.cli._pcap.decode import said_truncated, source_options

KEY_OCTETS = 16


@click.command(no_args_is_help=True)
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="pcapng file to write.")
@click.option(
    "--key-file", type=click.Path(path_type=Path),
    help="Octets that decide the new names, 16 at least: the same file gives the same names.  Else random.",
)  # fmt: skip
@source_options
def command(
    source: Path,
    output: Path,
    key_file: Path | None,
    ports: tuple[int, ...],
    keylog: Path | None,
    dictionaries: tuple[Path, ...],
) -> None:
    """Replace everybody in a capture by somebody else.

    That is IMSI, MSISDN, External-Identifier, hosts, addresses, keys and payloads.  The same name becomes the same
    other name everywhere, of the same length and kind.  Only Diameter messages go into the new file; packets of other
    protocols, comments and name resolution are left out.  Exit status 1 when there is no Diameter in FILE.

    \b
    Example: mtc pcap anonymise trigger.pcapng -o shown.pcapng
             mtc pcap anonymise trigger.pcapng -o shown.pcapng --key-file names.key
    """
    from diameter import Dictionary
    from diameter.capture.anonymise import anonymise
    from diameter.capture.shape import PORTS
    from diameter.errors import LocalError

    key = secrets.token_bytes(32)
    if key_file is not None:
        key = key_file.read_bytes()
        if len(key) < KEY_OCTETS:
            raise LocalError(f"{key_file}: {len(key)} octets are too few for a key; {KEY_OCTETS} at least")
    if output.exists() and output.samefile(source):
        raise click.UsageError("-o: the capture itself cannot be written over")
    if str(source) == "-":
        raise click.UsageError("a file is needed: it is read twice, which a pipe cannot be")
    messages, left_out = anonymise(
        source, output, key, Dictionary.load(*dictionaries), keylog, PORTS | set(ports), said_truncated
    )
    packets = f"; {left_out} packets without Diameter are left out" if left_out else ""
    click.echo(f"{output}: {messages} messages{packets}")
