"""`mtc trigger --group`: one request for a group, and a line for each member that is reported."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from nfs.cli._react import run
from nfs.scs.logic import TriggerRequest

if TYPE_CHECKING:
    from nfs.cli._load import Form
    from nfs.cli._submit import Submitter

EXCLUDES = {
    "external_ids": "--external-id",
    "msisdns": "--msisdn",
    "count": "--count",
    "rate": "--rate",
    "duration": "--duration",
    "replace": "--replace",
}


def refuse(given: dict[str, Any]) -> None:
    """Say what does not go with a group.  Raises UsageError."""
    for name, option in EXCLUDES.items():
        if given[name]:
            raise click.UsageError(f"--group is one trigger: not with {option}")


def request_of(given: dict[str, Any], payload: bytes) -> TriggerRequest:
    """The trigger.  Raises UsageError."""
    from nfs.common.identities import ExternalIdentifier, IdentityError

    try:
        group = str(ExternalIdentifier.parse(given["group"]))
    except IdentityError as error:
        raise click.UsageError(f"--group: {error}") from None
    return TriggerRequest(
        payload=payload,
        external_identifier=group,
        group=True,
        port=given["port"],
        priority=given["priority"],
        validity_s=given["validity_s"],
        reference=given["reference"],
        recall=given["recall"],
    )


def trigger(given: dict[str, Any], submitter: Callable[[Any], tuple[Submitter, Any]], request: TriggerRequest) -> int:
    """Ask, wait, show; the exit code."""
    wait_s = 0.0 if given["no_wait"] else given["wait_s"]

    async def main(reactor: Any) -> Form:
        way, close = submitter(reactor)
        try:
            await way.start()
            return await way.trigger_group(request, wait_s, given["expect"])
        finally:
            await way.stop()
            close()

    report = run(main)
    if given["as_json"]:
        click.echo(json.dumps(report, indent=2))
    else:
        for line in lines(report):
            click.echo(line)
    return 0 if _good(report, wait_s, given["expect"]) else 1


def _good(report: Form, wait_s: float, expect: int | None) -> bool:
    """Whether all is as it should be: accepted, and everybody who is expected has had it (or has it no more)."""
    if report["stage"] != "accepted" or report["delivered"] + report["recalled"] < report["reported"]:
        return False
    return wait_s == 0 or bool(report["reported"] >= (1 if expect is None else expect))


def lines(form: Mapping[str, Any]) -> list[str]:
    """A report for people: a line a member, and one for the group."""
    found = [
        f"{each['external_identifier']:32}  {each['delivery_outcome'] or _recalled(each['request_status'])}"
        for each in form["members"]
    ]
    how = form["stage"] if form["stage"] == "accepted" else f"{form['stage']} {form['request_status'] or ''}".rstrip()
    why = f": {form['error']}" if form["error"] else ""
    done = f"{form['delivered']} delivered" if form["recalls"] is None else f"{form['recalled']} recalled"
    numbers = f", {form['reported']} reported, {done}" if form["stage"] == "accepted" else ""
    return [*found, f"{how}, reference {form['reference']}{numbers}{why}"]


def _recalled(status: str | None) -> str:
    return "recalled" if status == "SUCCESS" else str(status)
