"""`mtc subscriber update`, `withdraw`, `locate`, `detach`, `reset`: orders that a running HSS carries out on S6a."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from nfs.cli._hss import opened, options
from nfs.cli._via import WAY, remote, through

if TYPE_CHECKING:
    from nfs.hss.ordered import Verb

F = TypeVar("F", bound=Callable[..., Any])
LOOK_S: Final = 0.2
STATES: Final = {0: "detached", 4: "connected"}


def wait(function: F) -> F:
    """How long the verb waits."""
    least = click.FloatRange(min=0, min_open=True)
    return click.option("--timeout", default=30.0, show_default=True, type=least, help="Seconds to wait.")(function)


@click.command("update")
@click.argument("identity")
@wait
@through
@options
def update(identity: str, **given: Any) -> None:
    """Have the HSS give the nodes that serve IDENTITY its subscription data anew (IDR), after they were changed.

    Example: mtc subscriber update meter-1@customer.example -c hss.toml
    """
    _order("update", identity, {}, given)


@click.command("withdraw")
@click.argument("identity")
@click.argument("what", nargs=-1)
@click.option("--apn", "apns", multiple=True, help="An APN of its profile that goes.")
@click.option("--scef", default="", help="The monitoring events of this SCEF go, here too.")
@wait
@through
@options
def withdraw(identity: str, what: tuple[str, ...], apns: tuple[str, ...], scef: str, **given: Any) -> None:
    """Have the HSS take data of IDENTITY away from the nodes that serve it (DSR); the next location update brings back
    what its profile still has.

    WHAT: sms, regional, apns (all of them), charging, stn-sr, roaming-restriction, csg, apn-oi, periodic-tau, vsrvcc,
    a-msisdn, prose, buffered-packets, imsi-groups, msisdn, usage-type, external-id, paging-window, active-time, edrx,
    service-gap.

    Example: mtc subscriber withdraw meter-1@customer.example regional active-time -c hss.toml
    """
    from nfs.hss.withdrawing import NAMES

    if wrong := [each for each in what if each not in NAMES]:
        raise click.UsageError(f"{wrong[0]}: one of {', '.join(NAMES)} expected")
    if not (what or apns or scef):
        raise click.UsageError("say what goes: WHAT, --apn or --scef")
    detail = {"what": list(what), "apns": list(apns), "scef": scef}
    _order("withdraw", identity, detail, given)


@click.command("locate")
@click.argument("identity")
@wait
@through
@options
def locate(identity: str, **given: Any) -> None:
    """Have the HSS ask the nodes that serve IDENTITY for its state and location (IDR).

    Example: mtc subscriber locate meter-1@customer.example -c hss.toml
    """
    _order("locate", identity, {}, given)


@click.command("detach")
@click.argument("identity")
@click.option("--reattach", is_flag=True, help="The device is to attach again at once.")
@wait
@through
@options
def detach(identity: str, *, reattach: bool, **given: Any) -> None:
    """Have the HSS make the nodes that serve IDENTITY let go of it (CLR, subscription withdrawn).

    Example: mtc subscriber detach meter-1@customer.example --reattach -c hss.toml
    """
    _order("detach", identity, {"reattach": reattach}, given)


@click.command("reset")
@click.argument("digits", nargs=-1)
@wait
@through
@options
def reset(digits: tuple[str, ...], **given: Any) -> None:
    """Have the HSS tell every node with subscribers that it has lost data (RSR), of IMSIs that begin with DIGITS.

    Example: mtc subscriber reset 00101 -c hss.toml
    """
    if not all(each.isascii() and each.isdigit() and len(each) <= 15 for each in digits):
        raise click.UsageError("digits of IMSIs expected")
    _order("reset", None, {"users": list(digits)}, given)


def _order(verb: Verb, identity: str | None, detail: dict[str, Any], given: dict[str, Any]) -> None:
    """Place an order, wait, say what came of it.  Raises ClickException when nobody did it, or a node did not."""
    from nfs.cli import _via_more

    hss = remote(given["database"], given["config"], {each: given[each] for each in WAY})
    if hss is not None:
        found = _via_more.order(hss, identity, {"verb": verb, **detail}, given["timeout"])
    else:
        found = _placed(verb, identity, detail, given)
    if found is True:
        raise click.ClickException(f"an HSS took the order, and is not done with it in {given['timeout']:g} s")
    if found is False:
        raise click.ClickException(f"no HSS took the order in {given['timeout']:g} s: is orders_s set in its [hss]?")
    if given["as_json"]:
        click.echo(json.dumps({"schema": 1, "nodes": found}))
    for each in () if given["as_json"] else found:
        click.echo(_line(each))
    if not found or not all(each["good"] for each in found):
        raise click.ClickException("not done" if found else "no node serves it")


def _placed(
    verb: Verb, identity: str | None, detail: dict[str, Any], given: dict[str, Any]
) -> list[dict[str, Any]] | bool:
    """The same in the database: what the nodes said, or whether somebody has taken the order at least."""
    from nfs.cli.subscriber import find
    from nfs.hss import ordered

    until = time.monotonic() + given["timeout"]
    with opened(given["database"], given["config"], make=False) as engine:
        with engine.begin() as connection:
            imsi = "" if identity is None else find(connection, identity).imsi
            number = ordered.place(connection, ordered.Order(verb=verb, imsi=imsi, detail=detail))
        found = None
        while found is None and time.monotonic() < until:
            Event().wait(LOOK_S)
            with engine.begin() as connection:
                found = ordered.outcome(connection, number)
        if found is None:
            with engine.begin() as connection:
                return not ordered.cancel(connection, number)
    return found


def _line(row: dict[str, Any]) -> str:
    said = [row["host"] or "-", row["result"]]
    if "state" in row:
        said.append(STATES.get(row["state"], f"state {row['state']}"))
    said += [f"{name} {row[name]}" for name in ("plmn", "tac", "cell") if name in row]
    return "  ".join(said)
