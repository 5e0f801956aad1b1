"""python-diameter 0.9.0 as a peer of `mtc bench`; runs in an environment of its own, without mtc-diameter.

python bench/python_diameter.py codec OCTETS ROUND_S    answers each line on stdin with microseconds as JSON
python bench/python_diameter.py serve PORT              answers Update-Location-Requests on 127.0.0.1
"""

import json
import logging
import sys
import time
from importlib.metadata import version

from diameter.message import Message
from diameter.message.avp import Avp
from diameter.message.avp.grouped import SupportedFeatures, VendorSpecificApplicationId
from diameter.message.commands import UpdateLocationRequest
from diameter.node import Node
from diameter.node.application import Application

APPLICATION = 16777251


def ids():
    return VendorSpecificApplicationId(vendor_id=10415, auth_application_id=APPLICATION)


def features():
    return SupportedFeatures(vendor_id=10415, feature_list_id=1, feature_list=0x1C000607)


def build():
    ask = UpdateLocationRequest()
    ask.header.is_proxyable = True
    ask.session_id = "mme01.pool07.operator.example.net;1700000000;42;s6a"
    ask.vendor_specific_application_id = ids()
    ask.auth_session_state = 1
    ask.origin_host = b"mme01.pool07.operator.example.net"
    ask.origin_realm = b"operator.example.net"
    ask.destination_host = b"hss01.operator.example.net"
    ask.destination_realm = b"operator.example.net"
    ask.user_name = "001010123456789"
    ask.supported_features = [features()]
    terminal = [
        Avp.new(1402, 10415, value="35299708123456", is_mandatory=True),
        Avp.new(1403, 10415, value="78", is_mandatory=True),
    ]
    ask.append_avp(Avp.new(1401, 10415, value=terminal, is_mandatory=True))  # its class has no attribute for it
    ask.rat_type = 1004
    ask.ulr_flags = 34
    ask.visited_plmn_id = b"\x00\xf1\x10"
    ask.ue_srvcc_capability = 1
    ask.route_record = [b"dra01.operator.example.net"]
    return ask.as_bytes()


def timed(run, seconds):
    count = 1
    while True:
        begin = time.process_time()
        for _ in range(count):
            run()
        spent = time.process_time() - begin
        if spent > seconds / 2:
            return spent / count * 1e6
        count = max(count * 2, int(count * seconds / spent) if spent else 0)


def codec(wire, seconds):
    if len(build()) != len(wire):
        raise SystemExit(f"built {len(build())} octets where {len(wire)} belong")
    print(json.dumps({"version": version("python-diameter")}), flush=True)
    for _ in sys.stdin:
        found = {"decode": timed(lambda: Message.from_bytes(wire), seconds), "build": timed(build, seconds)}
        print(json.dumps(found), flush=True)


class UpdateLocation(Application):
    def handle_request(self, ask):
        answer = self.generate_answer(ask, result_code=2001)
        answer.auth_session_state = ask.auth_session_state
        answer.vendor_specific_application_id = ids()
        answer.supported_features = [features()]
        answer.ula_flags = 1
        self.send_answer(answer)


def serve(port):
    logging.disable(logging.CRITICAL)
    node = Node("server.example.net", "example.net", ip_addresses=["127.0.0.1"], tcp_port=port, vendor_ids=[10415])
    application = UpdateLocation(APPLICATION, is_auth_application=True)
    node.add_application(application, [node.add_peer("aaa://client.example.net", "example.net")])
    node.start()
    print("ready", flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    if sys.argv[1] == "codec":
        codec(bytes.fromhex(sys.argv[2]), float(sys.argv[3]))
    else:
        serve(int(sys.argv[2]))
