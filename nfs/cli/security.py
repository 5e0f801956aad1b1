"""`mtc security report`: what protects each link, in numbers, and what the links of a running node negotiated."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from nfs.cli.config import model_of, models

EXAMPLE = """
\b
Example: mtc security report -c iwf.toml
         mtc security report --admin http://127.0.0.1:9868
"""


@click.group(epilog=EXAMPLE)
def command() -> None:
    """How each link is protected."""


@command.command()
@click.option("-c", "--config", type=click.Path(path_type=Path), help="TOML file of a node.")
@click.option("--admin", help="Admin port of a running node, http://HOST:PORT or the path of its Unix socket.")
@click.option("--function", "name", help='The network function, when the file does not say: function = "mtc-iwf".')
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def report(config: Path | None, admin: str | None, name: str | None, as_json: bool) -> None:
    """Print the security in force: of each listener and peer of a file, of each open link of a running node.

    Of a file: placement, mechanism, lowest version, suites, groups, key sizes, names, trust anchors, revocation lists,
    reasons for links in clear, level, and what is accepted from whom.  The file is checked whole, its keys opened.
    Exit status: 0, 1 for a file with mistakes or a node that does not answer, 2 for wrong usage or no such file.

    \b
    Example: mtc security report -c iwf.toml
             mtc security report -c iwf.toml --admin http://127.0.0.1:9868 --json
    """
    from diameter.errors import ConfigError
    from nfs.cli import _security

    if config is None and admin is None:
        raise click.UsageError("say which: a file (-c FILE), a running node (--admin URL), or both")
    if name and name not in models():
        raise click.UsageError(f"--function: no network function {name!r} (known: {', '.join(models())})")
    document: dict[str, Any] = {"schema": 1, "file": None, "configured": None, "running": None}
    try:
        if config is not None:
            document |= {"file": str(config), "configured": _configured(config, name)}
        if admin is not None:
            document["running"] = _security.running(admin)
    except ConfigError as error:
        for line in error.lines:
            click.echo(line, err=True)
        raise click.exceptions.Exit(2 if config is not None and not config.is_file() else 1) from None
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        _security.show(document)


def _configured(path: Path, name: str | None) -> dict[str, Any]:
    """The report of a file.  Raises ConfigError."""
    from diameter.config import load, top_level
    from diameter.errors import ConfigError
    from diameter.security.report import Report
    from diameter.transport.keys import TlsKeys

    function = name or str(top_level(path).get("function", ""))
    config = load(path, model_of(function, str(path))).node_config
    try:
        context = None if config.tls is None else TlsKeys(config.tls).context
    except ConfigError as error:
        raise ConfigError(*(f"{path}: {line}" for line in error.lines)) from None
    return Report(config, context, datetime.now(UTC)).document()
