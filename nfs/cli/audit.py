"""`mtc audit`: whether an audit log is as it was written, and what it says."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
KEY = click.option(
    "--key", "key_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File of audit_key."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.group(no_args_is_help=True)
def command() -> None:
    """Check and read audit logs.

    \b
    Example: mtc audit verify mtc-iwf.audit.1 mtc-iwf.audit
             mtc audit show mtc-iwf.audit --check association --since 2h
    """


@command.command()
@FILES
@KEY
@JSON
@click.option("--head", "head", metavar="NUMBER:HASH", help="Newest line, as `mtc audit head` said at some time.")
@click.pass_context
def verify(ctx: click.Context, files: tuple[Path, ...], key_file: Path | None, as_json: bool, head: str | None) -> None:
    """Check that FILES, oldest first, are one log of which nothing was changed.  Exit status 1 if not.

    The first line that does not fit is named: changed, removed, inserted, out of order, or cut off at the end, which
    shows against the .head beside the last file, or against --head.

    Example: mtc audit verify mtc-iwf.audit
    """
    from nfs.common import audit_check

    anchor = _anchor(head) if head is not None else _head_of(files[-1])
    verdict = audit_check.verify(files, _chain_key(key_file), anchor)
    if as_json:
        document = {"schema": 1, "ok": not verdict.fault, "fault": verdict.fault, "first": verdict.first}
        document |= {"last": verdict.last, "hash": verdict.head, "notes": list(verdict.notes)}
        click.echo(json.dumps(document))
    elif verdict.fault:
        click.echo(verdict.fault)
    else:
        click.echo(f"lines {verdict.first} to {verdict.last} fit" if verdict.last else "no lines")
        for note in verdict.notes:
            click.echo(f"note: {note}")
    ctx.exit(1 if verdict.fault else 0)


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
def head(file: Path) -> None:
    """Print number and hash of the newest line of FILE, to be kept where nobody can change it.

    Example: mtc audit head mtc-iwf.audit | ssh vault 'cat >> heads'
    """
    found = _head_of(file)
    if found is None:
        raise click.ClickException(f"{file}.head: there is no number and hash")
    click.echo(f"{found[0]}:{found[1]}")


@command.command()
@FILES
@KEY
@JSON
@click.option("--check", help="Lines of this check.")
@click.option("--peer", help="Lines about this peer, or Origin-Host.")
@click.option("--target", help="Lines about this device; with --key by its pseudonym, else by what the mask shows.")
@click.option("--since", help="Lines from this time on: 2026-01-31, 2026-01-31T12:00, or 30s, 15m, 2h, 7d ago.")
def show(
    files: tuple[Path, ...],
    key_file: Path | None,
    as_json: bool,
    check: str | None,
    peer: str | None,
    target: str | None,
    since: str | None,
) -> None:
    """Print the lines of FILES, all or those asked for, without checking them.

    Example: mtc audit show mtc-iwf.audit --target meter-1@customer.example --key audit.key
    """
    from nfs.common.audit import names_device

    begin = "" if since is None else _time(since)
    key = _key(key_file)
    for text, line in _records(files):
        wanted = (
            (check is None or line.get("check") == check)
            and (peer is None or peer.lower() in (line.get("peer", ""), line.get("origin", "")))
            and (target is None or names_device(line, target, key))
            and line.get("time", "") >= begin
        )
        if wanted:
            click.echo(text if as_json else _words(line))


def _words(line: dict[str, Any]) -> str:
    if line.get("event") == "member":
        return f"{line['time']}  member: {line.get('target', '-')} by a rule of {line.get('group', '-')}"
    if line.get("event") != "refusal":
        return f"{line.get('time', '')}  {line.get('event', '')}  {line.get('reason', '')}"
    about = f" {line['target']}" if "target" in line else ""
    return (
        f"{line['time']}  {line['check']}: {line.get('peer', '-')} {line.get('command', '-')}{about}"
        f" -> {line.get('result') or '-'}: {line.get('reason', '')}"
    )


def _records(files: tuple[Path, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in files:
        with path.open("rb") as file:
            for number, octets in enumerate(file, 1):
                text = octets.decode(errors="replace").rstrip("\n")
                try:
                    line = json.loads(text)
                except ValueError:
                    line = None
                if isinstance(line, dict) and isinstance(line.get("time"), str):
                    yield text, line
                else:
                    click.echo(f"{path}:{number}: no line of an audit log", err=True)


def _time(text: str) -> str:
    """The beginning that --since means, as lines have it."""
    ago = re.fullmatch(r"(\d{1,9})([smhd])", text)
    try:
        if ago:
            found = datetime.now(UTC) - timedelta(seconds=int(ago[1]) * UNITS[ago[2]])
        else:
            found = datetime.fromisoformat(text)
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.UsageError(f"--since: a time (2026-01-31T12:00) or 30s, 15m, 2h, 7d expected, not {text}") from None
    return found.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _anchor(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"(\d{1,20}):([0-9a-f]{64})", text.strip())
    if found is None:
        raise click.UsageError("--head: NUMBER:HASH expected, as `mtc audit head` prints it")
    return int(found[1]), found[2]


def _head_of(path: Path) -> tuple[int, str] | None:
    from nfs.common.chain import beside, read_head

    try:
        return read_head(beside(path, "head").read_bytes())
    except FileNotFoundError:
        return None


def _key(path: Path | None) -> bytes | None:
    from nfs.common.audited import read_key

    return None if path is None else read_key(path)


def _chain_key(path: Path | None) -> bytes | None:
    from nfs.common.audit import chain_key

    key = _key(path)
    return None if key is None else chain_key(key)
