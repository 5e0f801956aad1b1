"""`mtc keys`: keys of groups and of SCSs, made and renewed in files for their owner alone, and never shown."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nfs.common.group_keys import Ring

FILE = click.argument("file", type=click.Path(path_type=Path))
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
DAY_S = 86_400.0


@click.group(no_args_is_help=True)
def command() -> None:
    """Keys of groups, and the key an SCS signs with.

    \b
    Example: mtc keys group fleet.key fleet@customer.example
             mtc keys renew fleet.key
             mtc keys signer scs.secret scs.public
    """


@command.command()
@FILE
@click.argument("name")
@JSON
def group(file: Path, name: str, as_json: bool) -> None:
    """Make FILE with the first key of the group NAME: 256 random bits, under number 1.

    Example: mtc keys group fleet.key fleet@customer.example
    """
    from nfs.common import group_keys

    ring = group_keys.first(name)
    group_keys.write(file, ring, new=True)
    _say(ring, as_json)


@command.command()
@FILE
@click.option(
    "--overlap",
    type=click.FloatRange(0, 31_536_000),
    default=DAY_S,
    show_default=True,
    help="Seconds that the keys before stay good; 0 after a member has left.",
)
@JSON
def renew(file: Path, overlap: float, as_json: bool) -> None:
    """Put a new key into FILE, under the next number; what is over goes.

    Example: mtc keys renew fleet.key --overlap 3600
    """
    from nfs.common import group_keys

    ring = group_keys.renewed(_of_group(file), time.time(), overlap)
    group_keys.write(file, ring, new=False)
    _say(ring, as_json)


@command.command()
@FILE
@JSON
def show(file: Path, as_json: bool) -> None:
    """Show whose keys are in FILE, and until when they are good; no key.

    Example: mtc keys show fleet.key
    """
    _say(_of_group(file), as_json)


@command.command()
@click.argument("secret", type=click.Path(path_type=Path))
@click.argument("public", type=click.Path(path_type=Path))
def signer(secret: Path, public: Path) -> None:
    """Make a key to sign with: SECRET for the SCS alone, PUBLIC for everybody who verifies.

    Example: mtc keys signer scs.secret scs.public
    """
    import secrets

    from nfs.common.cose import public_of
    from nfs.common.group_keys import KEY_OCTETS, put

    key = secrets.token_bytes(KEY_OCTETS)
    put(secret, key.hex())
    put(public, public_of(key).hex(), mode=0o644)
    click.echo(f"{secret} and {public} written")


def _of_group(file: Path) -> Ring:
    """The keys of a file that says whose they are.  Raises ConfigError."""
    from diameter.errors import ConfigError
    from nfs.common import group_keys

    ring = group_keys.read(file)
    if not ring.group:
        raise ConfigError(f"{file}: a key without a number: make one with `mtc keys group`")
    return ring


def _say(ring: Ring, as_json: bool) -> None:
    rows: list[dict[str, Any]] = [{"number": each.number, "until": each.until} for each in ring.keys]
    if as_json:
        click.echo(json.dumps({"schema": 1, "group": ring.group, "current": ring.current.number, "keys": rows}))
        return
    click.echo(f"{'group':10}{ring.group}")
    for row in rows:
        end = "" if row["until"] is None else time.strftime("  until %Y-%m-%d %H:%M:%S UTC", time.gmtime(row["until"]))
        click.echo(f"{'key':10}{row['number']}{end or '  in use'}")
