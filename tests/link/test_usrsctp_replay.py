"""`mtc pcap replay` over associations in user space, in clear and under DTLS, by the configuration of a node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diameter.capture import CaptureReader
from helpers.captures import IWF, SCS
from helpers.certificates import Ca
from helpers.ports import free_port
from helpers.replaying import TWO_WAYS, listening, replayed

pytestmark = pytest.mark.link
CA = Ca()


def node(folder: Path, host: str, transport: str, links: str) -> Path:
    """The file of a node with these links."""
    lines = [f'[node]\norigin_host = "{host}"\norigin_realm = "{host.partition(".")[2]}"']
    if transport == "dtls":
        files = CA.issue(host).write(folder, host)
        lines.append(f"[node.tls]\ncertificate = {json.dumps(files['certificate'])}\nkey = {json.dumps(files['key'])}")
        lines.append(f"trust = {json.dumps([str(path) for path in [folder / f'{host}-ca.pem']])}")
    path = folder / f"{host}.toml"
    path.write_text("\n".join([*lines, links]))
    return path


def link(transport: str, port: int, ours: int, theirs: int) -> str:
    """The keys that a listener and a peer have in common."""
    clear = 'physical_protection = true\nphysical_protection_reason = "loopback"\n' if transport == "sctp" else ""
    return (
        f'transport = "{transport}"\nport = {port}\nsctp = "usrsctp-udp"\n{clear}'
        f"association = {{ udp_port = {ours}, remote_udp_port = {theirs} }}\n"
    )


@pytest.mark.parametrize("transport", ["sctp", "dtls"])
@pytest.mark.parametrize(("server", "client"), [(IWF, SCS), (SCS, IWF)], ids=["listen-as-server", "listen-as-client"])
def test_over_an_association(tmp_path: Path, transport: str, server: str, client: str) -> None:
    """`server`: who listens."""
    path, udp = tmp_path / "two.toml", free_port()
    path.write_text(TWO_WAYS)
    roles = {IWF: ("--as", "server"), SCS: ("--as", "client")}
    listener = node(tmp_path, server, transport, "[[node.listen]]\n" + link(transport, 3868, udp, udp))
    there = listening(path, f"{transport}:127.0.0.1:0", "-c", str(listener), *roles[server])
    with there as (port, said):
        row = f'[[peer]]\nhost = "{server}"\nrealm = "x.example"\nconnect = true\naddresses = ["127.0.0.1"]\n'
        dialling = node(tmp_path, client, transport, row + link(transport, port, 0, udp))
        words = ("--connect", server, "-c", str(dialling), *roles[client], "--capture", "ours.pcapng")
        done = replayed(path, *words)
    assert (done.returncode, said[-1]) == (0, "as in the scenario"), done.stdout + done.stderr + "\n".join(said)
    seen = [one for one in CaptureReader(tmp_path / "ours.pcapng") if one.octets[8:12] == (16777309).to_bytes(4)]
    assert len(seen) == 4
    assert {one.comment.partition(", ")[0] for one in seen} == {transport}
