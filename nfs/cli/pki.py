"""`mtc pki`: a lab PKI in the certificate profile of TS 33.310 6.1.3a."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from diameter.security.pki import Issued, Pki

FOLDER = click.option(
    "-d",
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("pki"),
    show_default=True,
    help="Folder of the PKI.",
)
KEY = click.option(
    "--key",
    "key_kind",
    type=click.Choice(["p256", "rsa3072"]),
    default="p256",
    show_default=True,
    help="Kind of key to make.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(no_args_is_help=True)
def command() -> None:
    """A lab PKI: one CA, certificates for Diameter nodes, a revocation list.

    \b
    Example: mtc pki init
             mtc pki issue iwf.example.org aaa://iwf.example.org 127.0.0.1
             mtc pki revoke iwf.example.org
    """


@command.command()
@FOLDER
@KEY
@JSON
@click.option("--name", default="MTC lab CA", show_default=True, help="Common name of the CA.")
@click.option(
    "--days", type=click.IntRange(1, 36500), default=1825, show_default=True, help="How long the CA is valid."
)
@click.option("--crl-url", help="Distribution point that certificates name.")
def init(
    folder: Path, key_kind: Literal["p256", "rsa3072"], as_json: bool, name: str, days: int, crl_url: str | None
) -> None:
    """Make a CA and an empty revocation list.

    Example: mtc pki init -d lab --key rsa3072
    """
    from diameter.security.pki import CRL_URL, Pki

    _print(Pki.init(folder, name=name, key_kind=key_kind, days=days, crl_url=crl_url or CRL_URL), [], as_json)


@command.command()
@click.argument("names", nargs=-1, required=True)
@FOLDER
@KEY
@JSON
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is valid.")
def issue(names: tuple[str, ...], folder: Path, key_kind: Literal["p256", "rsa3072"], as_json: bool, days: int) -> None:
    """Make a key and a certificate for a node.

    NAMES: its Origin-Host first, then further host names, aaa:// URIs and IP addresses.

    Example: mtc pki issue iwf.example.org aaa://iwf.example.org
    """
    from diameter.security.pki import Pki

    pki = Pki(folder)
    _print(pki, [pki.issue(*names, days=days, key_kind=key_kind)], as_json)


@command.command()
@click.argument("which", nargs=-1)
@FOLDER
@JSON
def revoke(which: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Put certificates on the revocation list.

    WHICH: host names or serial numbers; with none, the list is only signed anew for another year.

    Example: mtc pki revoke iwf.example.org
    """
    from diameter.security.pki import Pki

    pki = Pki(folder)
    revoked = {issued.serial for issued in pki.revoke(*which)}
    _print(pki, [issued for issued in pki.show() if issued.serial in revoked], as_json)


@command.command()
@FOLDER
@JSON
def show(folder: Path, as_json: bool) -> None:
    """List the certificates of the CA.

    Example: mtc pki show --json
    """
    from diameter.security.pki import Pki

    pki = Pki(folder)
    _print(pki, pki.show(), as_json)


def _print(pki: Pki, certificates: list[Issued], as_json: bool) -> None:
    """The CA, the revocation list and `certificates`, for a person or as JSON."""
    crl = pki.crl()
    if as_json:
        document = {
            "schema": 1,
            "ca": str(pki.ca_path),
            "ca_valid_until": pki.ca.not_valid_after_utc.isoformat(),
            "crl": str(pki.crl_path),
            "crl_next_update": crl.next_update_utc.isoformat() if crl.next_update_utc else None,
            "certificates": [_record(issued) for issued in certificates],
        }
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"CA   {pki.ca_path}  valid until {pki.ca.not_valid_after_utc:%Y-%m-%d}")
    click.echo(f"CRL  {pki.crl_path}  {len(crl)} revoked, next update {crl.next_update_utc:%Y-%m-%d}")
    for issued in certificates:
        state = "revoked" if issued.revoked else f"valid until {issued.not_after:%Y-%m-%d}"
        click.echo(f"{issued.certificate}  {issued.key_kind}  {state}  {issued.serial}\n     {', '.join(issued.names)}")


def _record(issued: Issued) -> dict[str, object]:
    return {
        "name": issued.name,
        "names": list(issued.names),
        "serial": issued.serial,
        "key_kind": issued.key_kind,
        "not_before": issued.not_before.isoformat(),
        "not_after": issued.not_after.isoformat(),
        "revoked": issued.revoked,
        "certificate": str(issued.certificate),
        "key": str(issued.key),
    }
