"""Each check of a certificate (TS 33.310 6.1, RFC 6733 section 13.1) between two nodes on real links, TLS and DTLS.

One end is careless: it shows what it is given.  The other one refuses, says why in its log and its audit, counts it,
and hears no Diameter.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from helpers.certificate_checks import A1, CHECKS, LISTS, refused
from helpers.certificates import Leaf, rsa_key
from helpers.loop import drive
from helpers.nodes import LEFT, RIGHT
from helpers.programs import until
from helpers.secured import CA, KINDS, Secured

pytestmark = pytest.mark.link

MALLORY: Final = "mallory.example.org"


@pytest.mark.requirement("R-TSP-06", "R-TSP-32")
@pytest.mark.parametrize("case", CHECKS)
@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_check(tmp_path: Path, kind: str, who: str, case: str) -> None:
    drive(refused(tmp_path, kind, who, case, "Tsp"))


@pytest.mark.requirement("R-EXP-07", "S-EXP-16")
@pytest.mark.parametrize("case", A1)
@pytest.mark.parametrize("interface", ["S6t", "T6a"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_check_between_scef_and_core(tmp_path: Path, kind: str, interface: str, case: str) -> None:
    drive(refused(tmp_path, kind, "client" if interface == "S6t" else "server", case, interface))


@pytest.mark.requirement("R-TSP-06", "R-EXP-07", "S-EXP-16")
@pytest.mark.parametrize("interface", ["Tsp", "S6t", "T6a"])
@pytest.mark.parametrize("kind", KINDS)
def test_good_certificates_are_let_in_and_each_end_knows_the_other(tmp_path: Path, kind: str, interface: str) -> None:
    async def scenario() -> None:
        async with Secured(kind, tmp_path, crls=LISTS, interface=interface) as ends:
            client = await ends.open()
            answer = await ends.ask()
            assert (answer["Result-Code"], len(ends.answering.seen)) == (2001, 1)  # type: ignore[attr-defined]
            for node, other in ((ends.server, LEFT), (client, RIGHT)):
                (line,) = node._core.lines.values()
                assert (line.link.peer_names, line.link.security.mechanism) == ((other,), kind)
                assert node.stats.links_refused == 0

    drive(scenario())


@pytest.mark.requirement("R-TSP-06", "R-TSP-29", "R-EXP-07")
@pytest.mark.parametrize("interface", ["Tsp", "S6t", "T6a"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_the_certificate_does_not_carry(tmp_path: Path, kind: str, interface: str) -> None:
    """Claimed by whoever dialled: 3010 and no link.  Shown by whoever was dialled: nothing is said to him at all."""

    async def scenario() -> None:
        async with Secured(kind, tmp_path, client=CA.issue(MALLORY), interface=interface) as ends:
            await ends.client()
            await until(lambda: bool(ends.said.refused), "a refusal")
            (first,) = ends.said.refused
            assert (first.stage, first.code) == ("capabilities", 3010)
            assert first.text == f"the certificate does not carry {LEFT} (identities: {MALLORY})"
            assert ends.server.stats.refused == {"3010": 1}
            assert (ends.server.stats.requests_in, ends.server.stats.peers_opened) == (0, 0)
        async with Secured(kind, tmp_path, server=CA.issue(MALLORY), interface=interface) as ends:
            client = await ends.client()
            await until(lambda: bool(ends.client_said.refused), "a refusal")
            (first,) = ends.client_said.refused
            assert first.text == f"the certificate does not carry {RIGHT} (identities: {MALLORY})"
            assert (client.stats.octets_out, ends.server.stats.octets_in) == (0, 0)

    drive(scenario())


@pytest.mark.requirement("R-TSP-06", "R-EXP-07")
def test_no_certificate_at_all(tmp_path: Path) -> None:
    from helpers.loose import LooseClient, connect, loose_context

    async def scenario() -> None:
        async with Secured("tls", tmp_path) as ends:
            await connect(ends.server.listening[0][1].port, LooseClient(loose_context(None)))
            await until(lambda: bool(ends.said.refused), "a refusal")
            assert ends.said.refused[0].text == "TLS: peer did not return a certificate"
            assert ends.metric("diameter_links_refused_total") == 1

    drive(scenario())


THRESHOLDS: Final[dict[str, tuple[object, Callable[[], Leaf], dict[str, str], str]]] = {
    "rsa_bits": (3072, lambda: CA.issue(LEFT, key=rsa_key(2048)), {}, "RSA key of 2048 bits is shorter than 3072"),
    "ec_bits": (384, lambda: CA.issue(LEFT), {}, "elliptic curve key of 256 bits is shorter than 384"),
    "minimum_tls": ("1.3", lambda: CA.issue(LEFT), {"maximum_version": "1.2"}, "TLSv1.2 is below 1.3"),
}


@pytest.mark.requirement("E-TSP-12", "R-TSP-11")
@pytest.mark.parametrize("name", THRESHOLDS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_threshold_of_the_policy_for_peers_outside(tmp_path: Path, kind: str, name: str) -> None:
    value, make, tls, reason = THRESHOLDS[name]
    if (kind, name) == ("dtls", "minimum_tls"):
        with pytest.raises(
            ValueError, match=r"dtls has no version above 1\.2, and security\.outside\.minimum_tls is 1\.3"
        ):
            Secured(kind, tmp_path, security={"outside": {name: value}})
        return

    async def scenario() -> None:
        async with Secured(kind, tmp_path, client=make(), client_tls=tls, security={"outside": {name: value}}) as ends:
            await ends.client()
            await until(lambda: bool(ends.said.refused), "a refusal")
            (first,) = ends.said.refused
            assert (first.stage, first.code, first.text) == ("capabilities", 5017, reason)
            assert ends.server.stats.refused == {"5017": 1}
            assert (ends.server.stats.requests_in, ends.server.stats.peers_opened) == (0, 0)

    drive(scenario())
