"""`mtc s6n PEER --imsi IMSI`: ask an HSS as an MTC-AAA does, under which names a device is known outside."""

from __future__ import annotations

from typing import Any

import click

from nfs.cli._target import capturing, identity, timeout, transport


@click.command(no_args_is_help=True)
@click.argument("peer", metavar="PEER")
@transport
@click.option("--imsi", required=True, help="The subscriber, as the MTC-AAA knows it.")
@timeout
@identity
@capturing
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def command(**given: Any) -> int:
    """Ask the HSS at PEER for the External Identifiers and the MSISDN of a device, and check the answer.

    A Subscriber-Information-Request of S6n: bit 0 of SIR-Flags clear, the IMSI, and nothing else.  PEER is HOST,
    HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT, sctp:HOST:PORT or dtls:HOST:PORT, or with -c the Origin-Host of a peer in
    that file.  The HSS has to know our Origin-Host.  Exit status: 0 for success without anything wrong in it, 1 for a
    refusal or a fault, 2 for wrong usage.

    \b
    Example: mtc s6n tcp:127.0.0.1:3868 --imsi 001010000000001 --origin-host aaa.example.org
             mtc s6n hss.example.org -c aaa.toml --imsi 001010000000001 --json
    """
    from nfs.cli._informing import Question, ask
    from nfs.common.identities import IdentityError, imsi
    from nfs.mtc_iwf.informed import Asked, names

    try:
        subscriber = imsi(given["imsi"])
    except IdentityError as error:
        raise click.UsageError(f"--imsi: {error}") from None
    return ask(given, Question(verb="s6n", asked=Asked.NAMES, avps=names(subscriber), subscriber=subscriber))
