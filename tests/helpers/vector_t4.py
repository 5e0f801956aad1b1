"""The scenes of interop/vectors in which the SMS-SC refuses on T4 (TS 29.337 7.3), each for the reason of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import delete

from diameter import Dictionary
from diameter.capture import Captured
from helpers.vector_lab import IWF, SCS, SMS_SC, SMS_SC_TOML, VectorLab
from nfs.hss.logic import ExternalId, Subscriber
from nfs.mtc_iwf.at_hand import AtHand
from nfs.mtc_iwf.triggers import TRIGGER
from nfs.mtc_iwf.tsp import Tsp

AWAY: Final = "meter-w@customer.example"
SILENT: Final = {"s": "001010000000021", "t": "001010000000022"}
"""Devices by the letter of their names: the MME does not answer for them at once, and then does."""
UES: Final = "\n".join(
    f'[[ues]]\nfirst_imsi = "{imsi}"\ncount = 1\nreport = false\nbehaviour = "silent"\nfailures = 1\n'
    for imsi in SILENT.values()
)
TEXTS: Final = {SMS_SC: SMS_SC_TOML.replace("retry_s", "capacity = 1\nretry_s", 1)}


class T4Scene(NamedTuple):
    """One scene of that lab."""

    name: str
    title: str
    shows: str
    play: Callable[[VectorLab], object]
    before: Callable[[VectorLab], object] = lambda lab: None
    """What has happened, and is not shown."""


def _waits(lab: VectorLab, number: int, payload: bytes = b"wake up") -> None:
    """A trigger under this number for a device that is away."""
    lab.scs[SCS].ledger.open.clear()
    lab.trigger(AWAY, validity_s=30, settle_s=1, payload=payload, reference=number)


def _on_its_way(name: str) -> Callable[[VectorLab], object]:
    """The serving node has the short message of a trigger, and has not answered."""
    return lambda lab: lab.trigger(f"meter-{name}@customer.example", validity_s=600, settle_s=1, reference=ord(name))


def _taken_back(name: str, **how: Any) -> Callable[[VectorLab], object]:
    return lambda lab: lab.trigger(f"meter-{name}@customer.example", validity_s=600, settle_s=1, **how)


def _forget(lab: VectorLab) -> None:
    """The MTC-IWF loses its store, and the SCS its memory."""
    store = lab.around.open_store("mtc-iwf.db", migrations="nfs.mtc_iwf:migrations", name="mtc-iwf")
    lab.wait(store.do(lambda connection: connection.execute(delete(TRIGGER)).rowcount))
    lab.wait(store.close())
    ledger: Any = next(each for each in lab.functions[IWF].applications if isinstance(each, Tsp)).iwf._ledger
    ledger._at_hand = AtHand(0)  # what it would have had in memory is gone as well
    lab.scs[SCS].ledger.open.clear()


def _report_of_nothing(lab: VectorLab) -> None:
    lab.trigger(AWAY, validity_s=10, settle_s=1)
    _forget(lab)
    lab.pass_time(20)


def _waits_unknown(lab: VectorLab) -> None:
    _waits(lab, 4712)
    _forget(lab)


SCENES: Final = (
    T4Scene("refused-sms-sc-full", "The SMS-SC is full",
            "It keeps one trigger, which waits for its device: DIAMETER_ERROR_SC_CONGESTION (5531) to the second one "
            "on T4, PERMANENTERROR on Tsp.", lambda lab: lab.trigger(AWAY, validity_s=30),
            lambda lab: _waits(lab, 4711)),
    T4Scene("recall-on-its-way", "A recall while the short message is on its way",
            "The serving node has not answered yet: DIAMETER_ERROR_TRIGGER_RECALL_FAILURE (5534) on T4, RECALLFAIL on "
            "Tsp.", _taken_back("s", recall=ord("s"), payload=b"", port=None), _on_its_way("s")),
    T4Scene("replace-on-its-way", "A replace while the short message is on its way",
            "The serving node has not answered yet: DIAMETER_ERROR_TRIGGER_REPLACE_FAILURE (5533) with "
            "MTC-Error-Diagnostic on T4, REPLACEFAIL on Tsp.",
            _taken_back("t", replace=ord("t"), payload=b"sleep"), _on_its_way("t")),
    T4Scene("report-unknown-trigger", "A report of a trigger that nobody knows",
            "The MTC-IWF has lost its store when the SMS-SC reports: DIAMETER_ERROR_USER_UNKNOWN (5001) on T4, which "
            "is the end of it.", _report_of_nothing),
    T4Scene("refused-number-pending", "A number that another trigger has",
            "The MTC-IWF has lost its store, and lets an SCS use a Reference-Number again of which the SMS-SC still "
            "has a trigger for this device: DIAMETER_ERROR_SM_PROTOCOL (5532) on T4, PERMANENTERROR on Tsp.",
            lambda lab: _waits(lab, 4712, b"sleep"), _waits_unknown),
)  # fmt: skip


def refused(
    dictionary: Dictionary, subscribers: Iterable[Subscriber], ues: str
) -> Iterator[tuple[T4Scene, list[Captured]]]:
    """What the functions say in each scene."""
    everybody = list(subscribers)
    for number, (name, imsi) in enumerate(SILENT.items(), start=21):
        names = (ExternalId(identifier=f"meter-{name}@customer.example", port=16000),)
        everybody.append(replace(everybody[0], imsi=imsi, msisdn=f"155600000{number}", external_ids=names))
    with tempfile.TemporaryDirectory() as folder:
        lab = VectorLab(Path(folder), dictionary, everybody, f"{ues}\n{UES}", TEXTS)
        try:
            for scene in SCENES:
                scene.before(lab)
                begin = len(lab.said)
                scene.play(lab)
                yield scene, [one for one in lab.said[begin:] if int.from_bytes(one.octets[8:12])]
                lab.pass_time(60)  # until nothing waits any more
        finally:
            lab.close()
