"""python-diameter 0.9.0 as a live peer; runs in an environment of its own, without mtc-diameter.

python peer.py serve HOST REALM ADDRESS PORT US       answers Update-Location-Requests of the peer US
python peer.py dial HOST REALM US ADDRESS PORT        connects to US

Lines of standard input: `ask IMSI [HOST]` sends an Update-Location-Request, to US unless HOST is given, and prints its
answer (`ask none`: without User-Name; `ask unknown`: with an AVP that nobody knows); `watch` makes it probe its peer
soon.  Their end stops the node, with DPR.
"""

import logging
import sys

from diameter.message.avp import Avp
from diameter.message.avp.grouped import SupportedFeatures, VendorSpecificApplicationId
from diameter.message.commands import UpdateLocationRequest
from diameter.node import Node
from diameter.node.application import Application

S6A = 16777251
VENDOR = 10415


class UpdateLocation(Application):
    """Both sides of one command."""

    def handle_request(self, ask):
        print("request", ask.header.command_code, ask.user_name, flush=True)
        answer = self.generate_answer(ask, result_code=2001)
        answer.auth_session_state = ask.auth_session_state
        answer.vendor_specific_application_id = VendorSpecificApplicationId(vendor_id=VENDOR, auth_application_id=S6A)
        answer.supported_features = [SupportedFeatures(vendor_id=VENDOR, feature_list_id=1, feature_list=0x1C000607)]
        answer.ula_flags = 1
        self.send_answer(answer)


def update(host, realm, to, imsi):
    ask = UpdateLocationRequest()
    ask.header.is_proxyable = True
    ask.session_id = f"{host};1;{imsi}"
    ask.vendor_specific_application_id = VendorSpecificApplicationId(vendor_id=VENDOR, auth_application_id=S6A)
    ask.auth_session_state = 1
    ask.origin_host = host.encode()
    ask.origin_realm = realm.encode()
    ask.destination_host = to.encode()
    ask.destination_realm = realm.encode()
    if imsi != "none":
        ask.user_name = imsi
    ask.supported_features = [SupportedFeatures(vendor_id=VENDOR, feature_list_id=1, feature_list=0x1C000607)]
    ask.rat_type = 1004
    ask.ulr_flags = 34
    ask.visited_plmn_id = b"\x00\xf1\x10"
    if imsi == "unknown":
        ask.append_avp(Avp.from_bytes(bytes.fromhex("000003e7c00000140000d431756e6b6e6f776e21")))
    return ask


def shown(answer):
    return f"answer {answer.result_code} {int(answer.header.is_error)} {answer.ula_flags}"


def main(mode, host, realm, *more):
    logging.basicConfig(stream=sys.stdout, level=logging.INFO)
    if mode == "serve":
        address, port, us = more
        node = Node(host, realm, ip_addresses=[address], tcp_port=int(port), vendor_ids=[VENDOR])
        peer = node.add_peer(f"aaa://{us}", realm)
    else:
        us, address, port = more
        node = Node(host, realm, vendor_ids=[VENDOR])
        peer = node.add_peer(f"aaa://{us}:{port};transport=tcp", realm, ip_addresses=[address], is_persistent=True)
    node.idle_timeout = 3600
    peer.idle_timeout = 3600
    application = UpdateLocation(S6A, is_auth_application=True)
    node.add_application(application, [peer])
    node.start()
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "watch":
            peer.idle_timeout = 1
        else:
            application.wait_for_ready()
            ask = update(host, realm, words[2] if len(words) > 2 else us, words[1])
            print(shown(application.send_request(ask, 10)), flush=True)
    node.stop(wait_timeout=10)
    print("stopped", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
