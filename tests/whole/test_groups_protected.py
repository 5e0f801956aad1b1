"""Group messages protected on the application layer: the network takes nothing else, and hands them on as they are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from diameter import Dictionary
from helpers.groups import FLEET, GROUPED_TOML, GroupNetwork, imsi, status
from nfs.common.app_keys import Provisioned
from nfs.common.cose import public_of
from nfs.common.group_keys import alone
from nfs.common.sms import Deliver, split
from nfs.common.sms_layout import SmsAddress
from nfs.common.tsp import RequestStatus
from nfs.mme.logic import Mme, Population
from nfs.scs.logic import TriggerRequest
from nfs.scs.protection import Protector
from nfs.ue.application import Guarded, Strictness

SECRET, KEY = bytes(range(32)), bytes(range(32, 64))
KEYS = Provisioned({b"scs-1": public_of(SECRET)}, {FLEET: alone(KEY)})
NOW = 1_700_000_000.0
CONTENT = b"open the valve at noon"


@pytest.mark.requirement("S-GRP-13", "S-GRP-41")
def test_a_group_is_sent_nothing_but_what_its_scs_has_protected(tmp_path: Path) -> None:
    """From the SCS to the applications of three devices, in the short messages that T4 makes of it."""
    toml = GROUPED_TOML.replace("[mtc_iwf.groups]\n", "[mtc_iwf.groups]\nrequire_app_protection = true\n")
    network = GroupNetwork(tmp_path, Dictionary.load(), toml)
    network.open()
    try:
        long = network.ask(Reference_Number=6, Trigger_Data={"Payload": bytes(2000)})
        assert status(long) == RequestStatus.INVPAYLOAD  # not parsed at all
        refused = network.ask(Trigger_Data={"Payload": CONTENT})
        assert status(refused) == RequestStatus.PERMANENTERROR
        assert refused.text("Error-Message") == "the payload is in no envelope of the application layer"
        assert network.handed(0) == []
        assert [line["reason"] for line in network.audit() if line.get("check") == "app-protection"] == [
            "the payload is in no envelope of the application layer"
        ]
        scs = Protector("scs-1", SECRET, KEYS, lambda: NOW)
        sent = scs(TriggerRequest(payload=CONTENT, external_identifier=FLEET, group=True)).payload
        assert status(network.ask(Reference_Number=8, Trigger_Data={"Payload": sent})) == RequestStatus.SUCCESS
        assert network.handed(3) == [imsi(1), imsi(2), imsi(3)]
        payloads = [each["Payload"] for each in network.sms_sc.triggers]
        assert payloads == [sent] * 3
        behind = [octets for _, octets in network.wire.passed if CONTENT in octets]
        assert len(behind) == 1  # the one that was refused came no further than the MTC-IWF
    finally:
        network.close()

    mme = Mme.of(
        [Population(first_imsi=imsi(1), count=3)], lambda inbox: Guarded(inbox, KEYS, lambda: NOW, Strictness())
    )
    for number in (1, 2, 3):
        for part in split(sent, port=8000, reference=number, group=FLEET):
            tpdu = Deliver(
                originator=SmsAddress(digits="15550000100"), scts=datetime(2026, 1, 2, tzinfo=UTC), user_data=part
            ).encode()
            assert CONTENT[:8] not in tpdu
            result = mme.forward(imsi(number), tpdu)
            assert result is not None
            assert result.code == 2001
    assert [(each.imsi, each.payload) for each in mme.inbox.triggers] == [(imsi(n), CONTENT) for n in (1, 2, 3)]
