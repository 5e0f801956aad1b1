from typing import Final

from dpkt.dpkt import Packet

TH_FIN: Final[int]
TH_SYN: Final[int]
TH_RST: Final[int]

class TCP(Packet):
    sport: int
    dport: int
    seq: int
    flags: int
    sum: int
