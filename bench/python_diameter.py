"""python-diameter 0.9.0 as a peer of `mtc bench`; runs in an environment of its own, without mtc-diameter.

python bench/python_diameter.py codec OCTETS ROUND_S         answers each line on stdin with microseconds as JSON
python bench/python_diameter.py serve PORT [PEERS]           answers Update-Location-Requests on 127.0.0.1
python bench/python_diameter.py load PORT WINDOW SECONDS WARM SETTLE
                                                             makes them; prints BEGIN, STOP and END
"""

import json
import logging
import os
import sys
import time

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


def terminal():
    members = [
        Avp.new(1402, 10415, value="35299708123456", is_mandatory=True),
        Avp.new(1403, 10415, value="78", is_mandatory=True),
    ]
    return Avp.new(1401, 10415, value=members, is_mandatory=True)


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
    ask.append_avp(terminal())  # its class has no attribute for it
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


def serve(port, peers):
    logging.disable(logging.CRITICAL)
    node = Node("server.example.net", "example.net", ip_addresses=["127.0.0.1"], tcp_port=port, vendor_ids=[10415])
    application = UpdateLocation(APPLICATION, is_auth_application=True)
    names = ["client", "relay", *(f"c{number:05}" for number in range(peers))]
    node.add_application(application, [node.add_peer(f"aaa://{name}.example.net", "example.net") for name in names])
    node.start()
    print("ready", flush=True)
    while True:
        time.sleep(60)


def session(number):
    return f"mme01.pool07.operator.example.net;{number:010};42;s6a"


def request(number):
    ask = UpdateLocationRequest()
    ask.header.is_proxyable = True
    ask.session_id = session(number)
    ask.vendor_specific_application_id = ids()
    ask.auth_session_state = 1
    ask.origin_host = b"client.example.net"
    ask.origin_realm = b"example.net"
    ask.destination_host = b"server.example.net"
    ask.destination_realm = b"example.net"
    ask.user_name = "001010123456789"
    ask.supported_features = [features()]
    ask.append_avp(terminal())
    ask.rat_type = 1004
    ask.ulr_flags = 34
    ask.visited_plmn_id = b"\x00\xf1\x10"
    ask.ue_srvcc_capability = 1
    return ask


class Load(Application):
    """Asks again whenever an answer comes; `send_message` instead of `send_request`, which keeps a thread waiting."""

    def prepare(self, seconds, warm):
        self.seconds, self.warm = seconds, warm
        self.sent, self.times = {}, []
        self.number, self.bad, self.octets, self.begun = 1000, 0, 0, 0.0

    def ask(self):
        self.number += 1
        message = request(self.number)
        message.header.application_id = APPLICATION
        message.header.end_to_end_identifier = self.node.end_to_end_seq.next_sequence()
        connection, _ = self.node.route_request(self, message)
        self.sent[message.header.hop_by_hop_identifier] = (self.number, time.perf_counter())
        self.node.send_message(connection, message)

    def begin(self, window):
        self.end = time.perf_counter() + self.warm
        for _ in range(window):
            self.ask()

    def handle_answer(self, answer):
        number, asked = self.sent.pop(answer.header.hop_by_hop_identifier)
        now = time.perf_counter()
        self.bad += answer.session_id != session(number) or answer.result_code != 2001
        self.octets = answer.header.length
        self.times.append(now - asked)
        if now >= self.end:
            if self.begun:
                self.finish(now)
            self.begun, self.end = now, now + self.seconds
            self.times.clear()
            print("BEGIN", flush=True)
        self.ask()

    def finish(self, now):
        print("STOP", flush=True)
        times = sorted(self.times)
        count = len(times)
        share = [times[min(int(count * part), count - 1)] * 1e6 for part in (0.5, 0.99, 0.999, 1)]
        print(
            f"END count={count} wall={now - self.begun:.6f} bad={self.bad} lost=0 p50={share[0]:.1f} p99={share[1]:.1f}"
            f" p999={share[2]:.1f} max={share[3]:.1f} octets={self.octets}",
            flush=True,
        )
        sys.stdin.read()  # until its input ends: its CPU clock is still to be read
        os._exit(0)


def load(port, window, seconds, warm, settle):
    logging.disable(logging.CRITICAL)
    node = Node("client.example.net", "example.net", vendor_ids=[10415])
    uri = f"aaa://server.example.net:{port};transport=tcp"
    peer = node.add_peer(uri, "example.net", ip_addresses=["127.0.0.1"], is_persistent=True)
    application = Load(APPLICATION, is_auth_application=True)
    application.prepare(seconds, warm)
    node.add_application(application, [peer])
    node.start()
    application.wait_for_ready()
    time.sleep(settle)
    application.begin(window)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    mode, words = sys.argv[1], sys.argv[2:]
    if mode == "codec":
        codec(bytes.fromhex(words[0]), float(words[1]))
    elif mode == "serve":
        serve(int(words[0]), int(words[1]) if len(words) > 1 else 1)
    else:
        load(int(words[0]), int(words[1]), *map(float, words[2:]))
