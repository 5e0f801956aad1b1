"""The configuration of each function of a lab, as TOML: who is its peer, by which way, and what they share.

SCSs dial the MTC-IWFs over TLS, each with a certificate of the lab's PKI.  Everybody else dials the relays, that of the
own machine first; a realm for each kind of function leads the relays to any of those that are open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from nfs.cli._machines import attaching
from nfs.cli._machines.config import Kind, LabConfig

REASON: Final = "a network of the lab's own"
CLEAR: Final[dict[str, Any]] = {
    "transport": "tcp",
    "physical_protection": True,
    "physical_protection_reason": REASON,
}
REALMS: Final[Mapping[Kind, str]] = {
    "relay": "relay.",
    "mtc-iwf": "",
    "hss": "hss.",
    "sms-sc": "sms.",
    "mme": "radio.",
}
USES: Final[Mapping[Kind, tuple[Kind, ...]]] = {
    "mtc-iwf": ("hss", "sms-sc"),
    "hss": ("mtc-iwf", "sms-sc", "mme"),
    "sms-sc": ("mtc-iwf", "mme", "hss"),
    "mme": ("sms-sc", "hss"),
}
"""Whose requests the relays may bring to a function."""
PORTS: Final[Mapping[Kind, int]] = {"relay": 3868, "mtc-iwf": 5868}
SCS_NUMBER: Final = "15550000100"
MME_NUMBER: Final = "15550000300"
APPLICATION_PORT: Final = 16000


def name_of(kind: str, machine: str) -> str:
    """The name of a process."""
    return f"{kind}-{machine}"


class Files:
    """Makes them.  addresses: of the machines; database: the URL that all share."""

    def __init__(self, config: LabConfig, addresses: Mapping[str, str], database: str, pki: str) -> None:
        self._config = config
        self._addresses = addresses
        self._database = database
        self._pki = pki

    def realm(self, kind: Kind) -> str:
        """The realm of a kind of function."""
        return self._config.lab.customer if kind == "scs" else f"{REALMS[kind]}{self._config.lab.realm}"

    def host(self, kind: Kind, machine: str) -> str:
        """The Origin-Host of a function."""
        return f"{name_of(kind, machine)}.{self.realm(kind)}"

    def hosts(self, kind: Kind) -> list[str]:
        """Origin-Hosts of all of a kind."""
        return [self.host(kind, machine) for _, machine in self._config.instances(kind)]

    def file(self, kind: Kind, machine: str) -> dict[str, Any]:
        """The configuration of one function, with the file's own settings over it."""
        node: dict[str, Any] = {
            "origin_host": self.host(kind, machine),
            "origin_realm": self.realm(kind),
            "tw_s": 6.0,
            "tw_jitter_s": 1.0,
            "tc_s": 0.5,
            "request_timeout_s": 3.0,
            "reopen_dwas": 0,
        }
        made: dict[str, Any] = {"function": kind, "node": node}
        if kind in PORTS:
            clear: dict[str, Any] = CLEAR if kind == "relay" else {"transport": "tls"}
            node["listen"] = [{"host": self._addresses[machine], "port": PORTS[kind], **clear}]
        if kind in ("scs", "mtc-iwf"):
            own = f"{self._pki}/{self.host(kind, machine)}"
            node["tls"] = {
                "certificate": f"{own}.pem",
                "key": f"{own}.key",
                "trust": [f"{self._pki}/ca.pem"],
                "crl": [f"{self._pki}/crl.pem"],
            }
        if kind not in ("mme", "scs"):
            made["audit"] = f"{name_of(kind, machine)}.audit"
        peers, routes = self._peers(kind, machine)
        made |= {"peer": peers, "route": routes} if routes else {"peer": peers}
        made |= self._own(kind, machine)
        laid: dict[str, Any] = _laid_over(made, self._config.settings.get(kind, {}))
        return laid

    def _peers(self, kind: Kind, machine: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        if kind == "scs":
            return [self._dialled("mtc-iwf", at, machine) for _, at in self._config.instances("mtc-iwf")], []
        if kind == "relay":
            kinds: tuple[Kind, ...] = ("mtc-iwf", "hss", "sms-sc", "mme")
            return [self._peer(each, at) | CLEAR for each, at in self._config.instances(*kinds)], []
        peers = []
        relays = sorted((at for _, at in self._config.instances("relay")), key=lambda at: at != machine)
        for at in relays:
            agent = {"agent": True, "agent_realms": [self.realm(each) for each in USES[kind]]}
            peers.append(self._dialled("relay", at, machine) | agent)
        if kind == "mtc-iwf":
            peers += [
                {"host": host, "realm": self.realm("scs"), "transport": "tls", "applications": ["Tsp"]}
                for host in self.hosts("scs")
            ]
        return peers, [{"realm": "*", "hosts": [self.host("relay", at) for at in relays]}]

    def _peer(self, kind: Kind, machine: str) -> dict[str, Any]:
        return {"host": self.host(kind, machine), "realm": self.realm(kind), "placement": "inside"}

    def _dialled(self, kind: Kind, machine: str, here: str) -> dict[str, Any]:
        dial: dict[str, Any] = {
            "connect": True,
            "addresses": [self._addresses[machine]],
            "bind": self._addresses[here],
            "port": PORTS[kind],
        }
        link: dict[str, Any] = CLEAR if kind == "relay" else {"transport": "tls"}
        return self._peer(kind, machine) | dial | link

    def _own(self, kind: Kind, machine: str) -> dict[str, Any]:
        """The tables that only this kind of function has."""
        lab, at = self._config.lab, [name for _, name in self._config.instances(kind)].index(machine)
        if kind == "hss":
            sealed = {"key_file": attaching.KEY} if lab.s6c else {}
            return {"hss": {"database": self._database, **sealed}, **(attaching.of_hss(lab) if lab.s6c else {})}
        if kind == "scs":
            table = {"number": SCS_NUMBER, "realm": lab.realm, "database": f"scs-{machine}.db"}
            return {"scs": table, "http": {"port": 0, "token": "scs.token"}}
        if kind == "mme" and lab.s6c:
            table = {"plmn": lab.plmn, "number": MME_NUMBER, "received": "received.jsonl"}
            made: dict[str, Any] = _laid_over({"mme": table}, attaching.of_mme(self.realm("hss")))
            return made
        if kind == "mme":
            ues = {"first_imsi": f"{lab.plmn}{1:0{15 - len(lab.plmn)}}", "count": lab.devices, "report": False}
            return {"mme": {"plmn": lab.plmn, "number": MME_NUMBER, "received": "received.jsonl"}, "ues": [ues]}
        if kind == "sms-sc":
            hss = {"hss": {"realm": self.realm("hss")}} if lab.s6c else {}
            return hss | {
                "sms_sc": {
                    "number": str(15550000200 + at),
                    "database": self._database,
                    "scs": [SCS_NUMBER],
                    "retry_s": [1, 1, 2, 5],
                    "lease_s": 4.0,
                },
                "mtc_iwf": {"hosts": self.hosts("mtc-iwf"), "retry_s": 0.5, "retry_max_s": 5.0},
            }
        return self._gateway() if kind == "mtc-iwf" else {}

    def _gateway(self) -> dict[str, Any]:
        lab = self._config.lab
        return {
            "mtc_iwf": {"database": self._database},
            "hss": {"realm": self.realm("hss")},
            "sms_sc": {"realm": self.realm("sms-sc"), "hosts": self.hosts("sms-sc")},
            "sgw": {"home_plmns": [lab.plmn]},
            "scs": [
                {
                    "name": "customer",
                    "hosts": self.hosts("scs"),
                    "report_to": self.hosts("scs"),
                    "isdn": SCS_NUMBER,
                    "domains": [lab.customer],
                    "commands": ["trigger", "recall", "replace"],
                }
            ],
        }

    def devices(self, keys: Mapping[str, tuple[str, str]] | None = None) -> str:
        """The subscribers, as `mtc subscriber import` takes them; `keys`: of those that attach, by IMSI.

        Without keys they are there for good where the MME is.
        """
        lab, mme = self._config.lab, self._config.instances("mme")[0]
        node = f"mme:{MME_NUMBER}:{self.host(*mme)}:{self.realm('mme')}"
        lines = ["imsi,msisdn,external_ids,services,scs," + ("nodes" if keys is None else "profile,k,opc")]
        for number, imsi in enumerate(attaching.imsis(lab), 1):
            rest = node if keys is None else ",".join((attaching.PROFILE, *keys[imsi]))
            lines.append(f"{imsi},1556{number:07},meter-{number}@{lab.customer},device-trigger,{SCS_NUMBER},{rest}")
        return "\n".join(lines) + "\n"


def _laid_over(made: Any, wanted: Any) -> Any:
    """Tables of `wanted` over those of `made`, key by key; what is no table takes the place of what was there."""
    if not (isinstance(made, dict) and isinstance(wanted, dict)):
        return wanted
    return made | {key: _laid_over(made[key], value) if key in made else value for key, value in wanted.items()}


def toml(tables: Mapping[str, Any]) -> str:
    """A configuration as TOML: tables inline but the first level."""
    plain = [f"{key} = {_inline(value)}" for key, value in tables.items() if not _is_table(value)]
    for key, value in tables.items():
        if isinstance(value, dict):
            plain += ["", f"[{key}]", *(f"{name} = {_inline(each)}" for name, each in value.items())]
        elif _is_table(value):
            for table in value:
                plain += ["", f"[[{key}]]", *(f"{name} = {_inline(each)}" for name, each in table.items())]
    return "\n".join(plain) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_inline(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value)  # strings, numbers and truth are written alike in both
