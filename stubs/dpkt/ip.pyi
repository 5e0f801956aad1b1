from dpkt.dpkt import Packet

class IP(Packet):
    src: bytes
    dst: bytes
    p: int
    offset: int
    mf: int
    len: int
    sum: int
