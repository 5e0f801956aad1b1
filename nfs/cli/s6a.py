"""`mtc s6a PEER [STEP...]`: an MME with one UE that asks an HSS, and says of each answer what was checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nfs.cli._target import capturing, identity, timeout, transport

if TYPE_CHECKING:
    from nfs.common.aka import Algorithm
    from nfs.mme.proving import Step

STEPS: Final = ("air", "resync", "forged", "ulr", "nor", "wait", "pur")
USUAL: Final = ("air", "resync", "ulr", "nor", "pur")
RATS: Final = {"eutran": 1004, "nb-iot": 1005, "lte-m": 1007}
MARKS: Final = {"ok": "ok   ", "wrong": "WRONG", "note": "note "}


@click.command(no_args_is_help=True)
@click.argument("peer", metavar="PEER")
@click.argument("steps", metavar="[STEP]...", nargs=-1, type=click.Choice(STEPS))
@transport
@click.option("--imsi", required=True, help="The subscriber.")
@click.option(
    "--cards", type=click.Path(path_type=Path), help="CSV file with its keys: columns imsi, k, opc and others."
)
@click.option("--k", help="Its K, in hexadecimal; others on this machine can see it: for keys of a laboratory.")
@click.option("--opc", help="Its OPc; or")
@click.option("--op", help="the operator's OP.")
@click.option("--topc", help="With TUAK: its TOPc; or")
@click.option("--top", help="the operator's TOP.")
@click.option("--sqn", metavar="HEX", help="The highest SQN its USIM has taken; the first one that comes by default.")
@click.option("--vectors", type=click.IntRange(1, 5), default=1, show_default=True, help="Vectors to ask for at once.")
@click.option("--plmn", default="00101", show_default=True, help="The visited network, digits of MCC and MNC.")
@click.option("--rat", type=click.Choice(list(RATS)), default="eutran", show_default=True, help="Radio access.")
@click.option("--number", help="E.164 number of the MME: register for short messages, too.")
@click.option("--orders", type=click.IntRange(min=1), default=1, show_default=True,
              help="wait: so many requests of the HSS.")  # fmt: skip
@click.option("--wait", "wait_s", type=click.FloatRange(min=0.1), default=60.0, show_default=True,
              help="wait: for so many seconds at most.")  # fmt: skip
@timeout
@identity
@capturing
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end instead of lines.")
def command(**given: Any) -> int:
    """Ask the HSS at PEER as an MME would, step by step, and check each answer.

    \b
    air     a vector; the USIM checks AUTN, SQN and XRES, the MME checks KASME
    resync  the USIM says by AUTS that it is ahead; the next vector has to follow it
    forged  an AUTS that is not of these keys; it has to be refused
    ulr     registration; Subscription-Data by its ABNF, and what an MME cannot do without
    nor     the UE is reachable again
    wait    until the HSS has asked something itself (CLR, IDR, DSR, RSR); everything is answered
    pur     the UE is gone

    Without STEP: air resync ulr nor pur.  PEER is HOST, HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT, sctp:HOST:PORT or
    dtls:HOST:PORT, or with -c the Origin-Host of a peer in that file.  The HSS has to know our Origin-Host as an MME.
    Exit status: 0 when nothing was wrong, 1 when something was, 2 for wrong usage.

    \b
    Example: mtc s6a tcp:127.0.0.1:3868 --imsi 001010000000001 --cards usims.csv --origin-host mme.example.org
             mtc s6a sctp:192.0.2.7 air ulr wait pur --imsi 001010000000001 --cards usims.csv --orders 2
             mtc s6a hss.example.org -c mme.toml --imsi 001010000000001 --cards usims.csv --json
    """
    from diameter import Dictionary
    from nfs.cli._react import talk
    from nfs.cli._s6a import Session
    from nfs.common.capturing import asked_for, open_capture

    functions = _prepare(given)
    dictionary = Dictionary.load(*given["dictionaries"])
    tap = open_capture(asked_for(given), dictionary)
    quiet, steps = given["as_json"], []

    def told(step: Step) -> None:
        steps.append(step)
        if not quiet:
            _show(step)

    session = Session(given, functions, dictionary, told, lambda text: click.echo(text, err=True), tap)
    trouble = talk(session.run, tap)
    well = not trouble and all(step.good for step in steps)
    if quiet:
        form = {"schema": 1, "ok": well, "peer": session.peer, "imsi": given["imsi"], "trouble": trouble}
        click.echo(json.dumps({**form, "steps": [step.form() for step in steps]}, indent=2))
    else:
        _summarise(steps, trouble)
    return 0 if well else 1


def _prepare(given: dict[str, Any]) -> Algorithm:
    """Values of the options in the form that they are used in; the functions of the card.  Raises UsageError."""
    from nfs.common.identities import IdentityError, e164, imsi, plmn

    given["steps"] = given["steps"] or USUAL
    given["rat"] = RATS[given["rat"]]
    try:
        given["imsi"] = imsi(given["imsi"])
        given["plmn"] = plmn(given["plmn"])
        given["number"] = None if given["number"] is None else e164(given["number"])
        given["sqn"] = None if given["sqn"] is None else _sqn(given["sqn"])
        return _functions(given)
    except IdentityError as error:
        raise click.UsageError(str(error)) from None


def _sqn(text: str) -> int:
    if not (0 < len(text) <= 12 and set(text) <= set("0123456789abcdefABCDEF")):
        raise click.UsageError("--sqn: up to 12 hexadecimal digits expected")
    return int(text, 16)


def _functions(given: dict[str, Any]) -> Algorithm:
    """f1 to f5* of the card.  Raises UsageError, ConfigError and IdentityError; none of them shows a key."""
    from pydantic import ValidationError

    from nfs.common.cards import KeysRow
    from nfs.mme.cards import read_keys

    keys = {name: given[name] for name in ("k", "opc", "op", "topc", "top") if given[name] is not None}
    if bool(keys) == (given["cards"] is not None):
        raise click.UsageError("keys: --cards, or --k with --opc or --op, or with --topc or --top")
    if given["cards"] is not None:
        found = read_keys(given["cards"], given["imsi"])
        if found is None:
            raise click.UsageError(f"{given['cards']}: no row for this IMSI")
        return found
    if {"topc", "top"} & set(keys):
        keys["algorithm"] = "tuak"
    try:
        return KeysRow.model_validate(keys).to_card().functions()
    except ValidationError as error:
        complaints = [f"--{one['loc'][0]}: {one['msg']}" for one in error.errors()]
        raise click.UsageError("; ".join(complaints)) from None


def _show(step: Step) -> None:
    """One exchange for people."""
    if step.result is None:
        came = "no answer"
    else:
        vendor, code = step.result
        came = f"{vendor}:{code}" if vendor else str(code)
    took = "" if step.took_ms is None else f", {step.took_ms:.1f} ms"
    if step.command:
        click.echo(f"{step.step}: {step.command}: {'answered with ' if step.step == 'order' else ''}{came}{took}")
    else:
        click.echo(f"{step.step}:")
    for check in step.checks:
        detail = f": {check.detail}" if check.detail else ""
        click.echo(f"  {MARKS[check.verdict]} {check.what}{detail}")


def _summarise(steps: list[Step], trouble: str) -> None:
    if trouble:
        click.echo(trouble, err=True)
        return
    checks = [check for step in steps for check in step.checks]
    wrong = sum(check.verdict == "wrong" for check in checks)
    click.echo(f"{len(steps)} exchanges, {len(checks)} checks, {wrong} wrong" if wrong else
               f"{len(steps)} exchanges, {len(checks)} checks, nothing wrong")  # fmt: skip
