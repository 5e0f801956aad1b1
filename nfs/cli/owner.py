"""`mtc owner`: for the operator, who owns which devices; for an owner, which SCSs may trigger, and who was refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

F = TypeVar("F", bound=Callable[..., Any])
TIMEOUT_S = 30.0
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(no_args_is_help=True)
def command() -> None:
    """Owners of devices.

    `add` and `remove` are for the operator: they change the database that [owners] of the MTC-IWF names (-d, or -c with
    its configuration).  The others are for the owner, with the token that `add` printed: they ask the MTC-IWF.

    \b
    Example: mtc owner add meters --device '*@customer.example' -c mtc-iwf.toml > token
             mtc owner allow 15550000100 --at https://iwf.operator.example:8443 --token token
             mtc owner refusals --at https://iwf.operator.example:8443 --token token
    """


def _of_operator(function: F) -> F:
    function = click.option(
        "-c", "--config", type=click.Path(path_type=Path), help="TOML file of the MTC-IWF that has the database."
    )(function)
    return click.option("-d", "--database", help="SQLite file or database URL.")(function)


def _of_owner(function: F) -> F:
    function = JSON(function)
    function = click.option(
        "--trust", type=click.Path(path_type=Path, exists=True), help="PEM: CAs that vouch for the MTC-IWF."
    )(function)
    function = click.option(
        "--token", required=True, type=click.Path(path_type=Path, exists=True), help="File with the owner's token."
    )(function)
    return click.option("--at", required=True, metavar="URL", help="Where the MTC-IWF listens for owners.")(function)


@command.command()
@click.argument("name")
@click.option("--device", "devices", multiple=True, help="local@domain, *@domain, or an MSISDN; all of its identities.")
@click.option("--new-token", is_flag=True, help="Make a new token for an owner who is there; the old one is void.")
@_of_operator
def add(name: str, devices: tuple[str, ...], new_token: bool, database: str | None, config: Path | None) -> None:
    """Add an owner NAME with devices, or devices to one who is there; prints the token of a new one, once.

    A device that has an External Identifier and an MSISDN needs both, so that its owner's word counts under each.

    Example: mtc owner add meters --device meter-1@customer.example --device 15550100001 -d owners.db
    """
    from nfs.mtc_sgw.owners import tables

    if not name.isprintable() or not 1 <= len(name) <= 64:
        raise click.UsageError("NAME: 1 to 64 printable characters expected")
    with _connection(database, config, make=True) as connection:
        token = tables.add(connection, name, devices, renew=new_token)
    click.echo(token or f"{len(devices)} devices added to {name}")


@command.command()
@click.argument("name")
@click.option("--device", "devices", multiple=True, help="Take this device from the owner, and leave the rest.")
@_of_operator
def remove(name: str, devices: tuple[str, ...], database: str | None, config: Path | None) -> None:
    """Remove the owner NAME with list and refusals, or some devices.  Exit status 1 if there is nothing to remove.

    Example: mtc owner remove meters -d owners.db
    """
    from nfs.mtc_sgw.owners import tables

    with _connection(database, config, make=False) as connection:
        if not tables.remove(connection, name, devices):
            raise click.ClickException(f"there is no such {'device' if devices else 'owner'}")
    click.echo(f"{name} removed" if not devices else f"devices of {name} removed")


@command.command()
@_of_owner
def devices(at: str, token: Path, trust: Path | None, as_json: bool) -> None:
    """List my devices.

    Example: mtc owner devices --at https://iwf.operator.example:8443 --token token
    """
    found = _ask(at, token, trust, "GET", "devices")
    _print(found, as_json, found["devices"])


@command.command()
@click.argument("scs", nargs=-1)
@click.option("--everybody", is_flag=True, help="Take the list away: the operator alone decides.")
@_of_owner
def allow(scs: tuple[str, ...], everybody: bool, at: str, token: Path, trust: Path | None, as_json: bool) -> None:
    """Let SCSs (E.164 numbers) trigger my devices; from the first one on no other may.  Without any, show the list.

    Example: mtc owner allow 15550000100 --at https://iwf.operator.example:8443 --token token
    """
    if everybody and scs:
        raise click.UsageError("--everybody, or numbers of SCSs, one of the two")
    if everybody:
        found = _ask(at, token, trust, "PUT", "authorised", {"scs": None})
    else:
        found = _ask(at, token, trust, "GET", "authorised")
    for each in scs:
        found = _ask(at, token, trust, "PUT", f"authorised/{quote(each, safe='')}")
    _print_list(found, as_json)


@command.command()
@click.argument("scs", nargs=-1, required=True)
@_of_owner
def deny(scs: tuple[str, ...], at: str, token: Path, trust: Path | None, as_json: bool) -> None:
    """Take SCSs (E.164 numbers) from the list of those that may trigger my devices.

    Example: mtc owner deny 15550000200 --at https://iwf.operator.example:8443 --token token
    """
    found: dict[str, Any] = {}
    for each in scs:
        found = _ask(at, token, trust, "DELETE", f"authorised/{quote(each, safe='')}")
    _print_list(found, as_json)


@command.command()
@click.option("--after", type=click.IntRange(min=0), default=0, help="Those behind this number.")
@click.option("--device", default="", help="Those about this device.")
@click.option("--since", default="", help="Those from this time on: 2026-01-31T12:00.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="So many at most.")
@_of_owner
def refusals(
    after: int, device: str, since: str, limit: int, at: str, token: Path, trust: Path | None, as_json: bool
) -> None:
    """List who was refused when asking for my devices, oldest first.

    Example: mtc owner refusals --since 2026-01-31 --at https://iwf.operator.example:8443 --token token
    """
    asked = urlencode({"after": after, "device": device, "since": since, "limit": limit})
    found = _ask(at, token, trust, "GET", f"refusals?{asked}")
    _print(found, as_json, [_line(each) for each in found["refusals"]])


@command.command()
@click.argument("url", required=False)
@click.option("--none", "nowhere", is_flag=True, help="Push nowhere.")
@_of_owner
def webhook(url: str | None, nowhere: bool, at: str, token: Path, trust: Path | None, as_json: bool) -> None:
    """Have refusals pushed to URL (https, a host that the operator lists).  Without URL, show where they go.

    Example: mtc owner webhook https://hooks.customer.example/mtc --at https://iwf.operator.example:8443 --token token
    """
    if url is None and not nowhere:
        found = _ask(at, token, trust, "GET", "webhook")
    else:
        found = _ask(at, token, trust, "PUT", "webhook", {"url": "" if nowhere else url})
    _print(found, as_json, [found["url"] or "nowhere"])


def _line(each: dict[str, Any]) -> str:
    """A refusal for a person."""
    origin = f" as {each['origin']}" if each["origin"] not in ("", each["peer"]) else ""
    from_ = f" from {each['address']}" if each["address"] else ""
    return (
        f"{each['id']}  {each['time']}  {each['device']}  {each['peer']}{from_}{origin}"
        f"  {each['check']}: {each['reason']} -> {each['result']}"
    )


def _print_list(found: dict[str, Any], as_json: bool) -> None:
    lines = ["no list: the operator alone decides"] if found["scs"] is None else found["scs"] or ["nobody"]
    _print(found, as_json, lines)


def _print(found: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    for line in [json.dumps(found)] if as_json else lines:
        click.echo(line)


def _ask(at: str, token: Path, trust: Path | None, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """What the MTC-IWF answers.  Raises ClickException with its words."""
    import ssl
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

    if not at.startswith(("https://", "http://")):
        raise click.UsageError("--at: http:// or https:// expected")
    secret = token.read_text(encoding="utf-8").partition("\n")[0].strip()
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    asked = Request(f"{at.rstrip('/')}/v1/{path}", data, headers, method=method)
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=ssl.create_default_context(cafile=trust)))
    try:
        with opener.open(asked, timeout=TIMEOUT_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except HTTPError as error:
        with error:
            octets = error.read()
        try:
            words = json.loads(octets)["error"]
        except (ValueError, KeyError, TypeError):
            words = error.reason
        raise click.ClickException(f"{error.code}: {words}") from None
    except (URLError, ValueError) as error:
        raise click.ClickException(f"{at}: {getattr(error, 'reason', error)}") from None


@contextmanager
def _connection(database: str | None, config: Path | None, *, make: bool) -> Iterator[Connection]:
    """A transaction on the owners' database.  Raises UsageError, ConfigError.  make: a missing file is made."""
    from sqlalchemy.exc import SQLAlchemyError

    from diameter.config import load
    from diameter.errors import ConfigError
    from nfs.common.database import database_url, one_line, open_engine
    from nfs.mtc_iwf.config import IwfConfig
    from nfs.mtc_sgw.owners.tables import MIGRATIONS

    if (database is None) == (config is None):
        raise click.UsageError("name the database with -d, or with -c the configuration of the MTC-IWF, one of the two")
    folder = Path()
    if config is not None:
        table = load(config, IwfConfig).owners
        if table is None:
            raise ConfigError(f"{config}: owners: the table is missing")
        folder, database = config.parent, table.database
    url = database_url(database or "", folder)
    if not make and url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise ConfigError(f"database {url.database}: there is none")
    engine = open_engine(url, migrations=MIGRATIONS, name="owners")
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise ConfigError(f"database: {one_line(error)}") from None
    finally:
        engine.dispose()
