from dpkt.dpkt import Packet

class IP6(Packet):
    src: bytes
    dst: bytes
    nxt: int
