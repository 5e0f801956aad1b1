"""`mtc config check|schema`: is a configuration right, and what may stand in it."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from diameter.config import FunctionConfig, LinkTable

EXAMPLE = """
\b
Example: mtc config check iwf.toml
         mtc config schema mtc-iwf > mtc-iwf.schema.json
"""


@click.group(epilog=EXAMPLE)
def command() -> None:
    """Check a configuration, or print its schema."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--function", "name", help='The network function, when the file does not say: function = "mtc-iwf".')
@click.option("--json", "as_json", is_flag=True, help="Print {schema, file, function, ok, errors} instead.")
def check(file: Path, name: str | None, as_json: bool) -> None:
    """Read FILE whole and name every wrong key; keys, certificates and revocation lists are opened as well.

    Exit status: 0 when everything is right, 1 when something is wrong in FILE, 2 when there is no such file.

    \b
    Example: mtc config check iwf.toml
    """
    from diameter.config import load, top_level
    from diameter.errors import ConfigError

    if name and name not in models():
        raise click.UsageError(f"--function: no network function {name!r} (known: {', '.join(models())})")
    function = name or ""
    try:
        function = name or str(top_level(file).get("function", ""))
        config = load(file, model_of(function, str(file)))
        _open_keys(config, str(file))
        _find_sctp(config, str(file))
        notes = _find_ipsec(config, str(file))
    except ConfigError as error:
        lines, notes = error.lines, ()
    else:
        lines = ()
    if as_json:
        found = {"schema": 1, "file": str(file), "function": function, "ok": not lines, "errors": list(lines)}
        click.echo(json.dumps({**found, "warnings": list(notes)}, indent=2))
    else:
        for line in (*lines, *(f"warning: {note}" for note in notes)):
            click.echo(line, err=True)
        if not lines:
            click.echo(f"{file}: ok" + (f" ({function})" if function else ""))
    if lines:
        raise click.exceptions.Exit(1 if file.is_file() else 2)


@command.command()
@click.argument("name", metavar="FUNCTION|FILE")
def schema(name: str) -> None:
    """Print the JSON Schema of a network function's configuration; of a FILE, that of the function it names.

    \b
    Example: mtc config schema mtc-iwf
    """
    from diameter.config import top_level

    function = name
    if name.endswith(".toml"):
        function = str(top_level(name).get("function", ""))
    click.echo(json.dumps(schema_of(model_of(function, name)), indent=2))


def schema_of(model: type[FunctionConfig]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a model."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}


def model_of(function: str, source: str) -> type[FunctionConfig]:
    """Return the model of a network function's file; without a name, what all have in common.  Raises ConfigError.

    A function's model is the subclass of FunctionConfig that `nfs.<function>.config` defines.
    """
    from diameter.config import FunctionConfig
    from diameter.errors import ConfigError

    if not function:
        return FunctionConfig
    model = models().get(function)
    if model is None:
        raise ConfigError(f"{source}: function: no network function {function!r} (known: {', '.join(models())})")
    return model


def models() -> dict[str, type[FunctionConfig]]:
    """Return name and model of each network function that has a file of its own, by name."""
    import nfs
    from diameter.config import FunctionConfig

    found: dict[str, type[FunctionConfig]] = {}
    folders = sorted({path.parent.name for root in nfs.__path__ for path in Path(root).glob("*/config.py")} - {"cli"})
    for folder in folders:
        module = importlib.import_module(f"nfs.{folder}.config")
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, FunctionConfig) and each.__module__ == module.__name__:
                found[folder.replace("_", "-")] = each
    return found


def _find_sctp(config: FunctionConfig, source: str) -> None:
    """Is there an SCTP for each link that wants it?  Raises ConfigError that says what to do where there is none."""
    from diameter.config import ASSOCIATIONS
    from diameter.errors import ConfigError
    from diameter.transport.sctp_choice import choose

    links: list[tuple[str, LinkTable]] = [(f"node.listen.{at}", link) for at, link in enumerate(config.node.listen)]
    links += [(f"peer.{at}", peer) for at, peer in enumerate(config.peer) if peer.connect]
    wrong = []
    for place, link in links:
        try:
            if link.transport in ASSOCIATIONS:
                choose(link.sctp)
        except ConfigError as error:
            wrong += [f"{source}: {place}.sctp: {line}" for line in error.lines]
    if wrong:
        raise ConfigError(*wrong)


def _find_ipsec(config: FunctionConfig, source: str) -> tuple[str, ...]:
    """Can each link that wants IPsec have it here?  What it would be warned of.  Raises ConfigError."""
    from diameter.errors import ConfigError
    from diameter.transport.ipsec.shield import prove, warnings

    try:
        prove(config.node_config)
    except ConfigError as error:
        raise ConfigError(*(f"{source}: {line}" for line in error.lines)) from None
    return tuple(f"{source}: {line}" for line in warnings(config.node_config))


def _open_keys(config: FunctionConfig, source: str) -> None:
    """Read what `node.tls` names.  Raises ConfigError with the file of the configuration in front."""
    from diameter.errors import ConfigError
    from diameter.transport.keys import TlsKeys

    if config.node.tls is not None:
        try:
            TlsKeys(config.node.tls)
        except ConfigError as error:
            raise ConfigError(*(f"{source}: {line}" for line in error.lines)) from None
