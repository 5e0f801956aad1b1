from dpkt import ethernet as ethernet, ip as ip, ip6 as ip6, loopback as loopback, sll as sll, sll2 as sll2, tcp as tcp
from dpkt.dpkt import Error as Error, Packet as Packet
