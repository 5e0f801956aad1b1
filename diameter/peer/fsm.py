"""The peer state machine, RFC 6733 section 5.6.

All changes of state of a peer lie in two tables.  `TABLE` is the RFC's, row by row, in its order.  `OURS` holds the
pairs the RFC is silent on and that happen all the same; each says why.  A pair in neither changes nothing: `step`
returns None and the caller reports a drop.  The machine knows no message, link, clock or watchdog; `Process-CER`
with its refusals comes before R-Conn-CER (`peer.py`), and a CEA that fails the checks counts as I-Rcv-Non-CEA.

The RFC prints the rows of R-Open and I-Open twice, once for each prefix; so do we, because the prefix says on which
link.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final


class State(Enum):
    """States of section 5.6, spelt as the RFC spells them."""

    CLOSED = "Closed"
    WAIT_CONN_ACK = "Wait-Conn-Ack"
    WAIT_I_CEA = "Wait-I-CEA"
    WAIT_CONN_ACK_ELECT = "Wait-Conn-Ack/Elect"
    WAIT_RETURNS = "Wait-Returns"
    R_OPEN = "R-Open"
    I_OPEN = "I-Open"
    CLOSING = "Closing"


class Input(Enum):
    """Events of section 5.6.2 with the prefix of the link they occur on."""

    START = "Start"
    R_CONN_CER = "R-Conn-CER"
    I_RCV_CONN_ACK = "I-Rcv-Conn-Ack"
    I_RCV_CONN_NACK = "I-Rcv-Conn-Nack"
    TIMEOUT = "Timeout"
    I_RCV_CEA = "I-Rcv-CEA"
    I_RCV_NON_CEA = "I-Rcv-Non-CEA"
    I_PEER_DISC = "I-Peer-Disc"
    R_PEER_DISC = "R-Peer-Disc"
    WIN_ELECTION = "Win-Election"
    SEND_MESSAGE = "Send-Message"
    I_RCV_MESSAGE = "I-Rcv-Message"
    R_RCV_MESSAGE = "R-Rcv-Message"
    I_RCV_DWR = "I-Rcv-DWR"
    R_RCV_DWR = "R-Rcv-DWR"
    I_RCV_DWA = "I-Rcv-DWA"
    R_RCV_DWA = "R-Rcv-DWA"
    I_RCV_DPR = "I-Rcv-DPR"
    R_RCV_DPR = "R-Rcv-DPR"
    I_RCV_DPA = "I-Rcv-DPA"
    R_RCV_DPA = "R-Rcv-DPA"
    STOP = "Stop"


class Action(Enum):
    """Actions of section 5.6.3; those that concern either link carry its prefix."""

    I_SND_CONN_REQ = "I-Snd-Conn-Req"
    R_ACCEPT = "R-Accept"
    R_REJECT = "R-Reject"
    PROCESS_CER = "Process-CER"
    PROCESS_CEA = "Process-CEA"
    R_SND_CEA = "R-Snd-CEA"
    I_SND_CER = "I-Snd-CER"
    CLEANUP = "Cleanup"
    ERROR = "Error"
    ELECT = "Elect"
    I_DISC = "I-Disc"
    R_DISC = "R-Disc"
    I_SND_MESSAGE = "I-Snd-Message"
    R_SND_MESSAGE = "R-Snd-Message"
    PROCESS = "Process"
    PROCESS_DWR = "Process-DWR"
    I_SND_DWA = "I-Snd-DWA"
    R_SND_DWA = "R-Snd-DWA"
    PROCESS_DWA = "Process-DWA"
    I_SND_DPR = "I-Snd-DPR"
    R_SND_DPR = "R-Snd-DPR"
    I_SND_DPA = "I-Snd-DPA"
    R_SND_DPA = "R-Snd-DPA"


Pair = tuple[State, Input]
Step = tuple[tuple[Action, ...], State]

_S, _I, _A = State, Input, Action

TABLE: Final[Mapping[Pair, Step]] = MappingProxyType(
    {
        (_S.CLOSED, _I.START): ((_A.I_SND_CONN_REQ,), _S.WAIT_CONN_ACK),
        (_S.CLOSED, _I.R_CONN_CER): ((_A.R_ACCEPT, _A.PROCESS_CER, _A.R_SND_CEA), _S.R_OPEN),
        (_S.WAIT_CONN_ACK, _I.I_RCV_CONN_ACK): ((_A.I_SND_CER,), _S.WAIT_I_CEA),
        (_S.WAIT_CONN_ACK, _I.I_RCV_CONN_NACK): ((_A.CLEANUP,), _S.CLOSED),
        (_S.WAIT_CONN_ACK, _I.R_CONN_CER): ((_A.R_ACCEPT, _A.PROCESS_CER), _S.WAIT_CONN_ACK_ELECT),
        (_S.WAIT_CONN_ACK, _I.TIMEOUT): ((_A.ERROR,), _S.CLOSED),
        (_S.WAIT_I_CEA, _I.I_RCV_CEA): ((_A.PROCESS_CEA,), _S.I_OPEN),
        (_S.WAIT_I_CEA, _I.R_CONN_CER): ((_A.R_ACCEPT, _A.PROCESS_CER, _A.ELECT), _S.WAIT_RETURNS),
        (_S.WAIT_I_CEA, _I.I_PEER_DISC): ((_A.I_DISC,), _S.CLOSED),
        (_S.WAIT_I_CEA, _I.I_RCV_NON_CEA): ((_A.ERROR,), _S.CLOSED),
        (_S.WAIT_I_CEA, _I.TIMEOUT): ((_A.ERROR,), _S.CLOSED),
        (_S.WAIT_CONN_ACK_ELECT, _I.I_RCV_CONN_ACK): ((_A.I_SND_CER, _A.ELECT), _S.WAIT_RETURNS),
        (_S.WAIT_CONN_ACK_ELECT, _I.I_RCV_CONN_NACK): ((_A.R_SND_CEA,), _S.R_OPEN),
        (_S.WAIT_CONN_ACK_ELECT, _I.R_PEER_DISC): ((_A.R_DISC,), _S.WAIT_CONN_ACK),
        (_S.WAIT_CONN_ACK_ELECT, _I.R_CONN_CER): ((_A.R_REJECT,), _S.WAIT_CONN_ACK_ELECT),
        (_S.WAIT_CONN_ACK_ELECT, _I.TIMEOUT): ((_A.ERROR,), _S.CLOSED),
        (_S.WAIT_RETURNS, _I.WIN_ELECTION): ((_A.I_DISC, _A.R_SND_CEA), _S.R_OPEN),
        (_S.WAIT_RETURNS, _I.I_PEER_DISC): ((_A.I_DISC, _A.R_SND_CEA), _S.R_OPEN),
        (_S.WAIT_RETURNS, _I.I_RCV_CEA): ((_A.R_DISC, _A.PROCESS_CEA), _S.I_OPEN),  # the RFC prints R-Disc alone
        (_S.WAIT_RETURNS, _I.R_PEER_DISC): ((_A.R_DISC,), _S.WAIT_I_CEA),
        (_S.WAIT_RETURNS, _I.R_CONN_CER): ((_A.R_REJECT,), _S.WAIT_RETURNS),
        (_S.WAIT_RETURNS, _I.TIMEOUT): ((_A.ERROR,), _S.CLOSED),
        (_S.R_OPEN, _I.SEND_MESSAGE): ((_A.R_SND_MESSAGE,), _S.R_OPEN),
        (_S.R_OPEN, _I.R_RCV_MESSAGE): ((_A.PROCESS,), _S.R_OPEN),
        (_S.R_OPEN, _I.R_RCV_DWR): ((_A.PROCESS_DWR, _A.R_SND_DWA), _S.R_OPEN),
        (_S.R_OPEN, _I.R_RCV_DWA): ((_A.PROCESS_DWA,), _S.R_OPEN),
        (_S.R_OPEN, _I.R_CONN_CER): ((_A.R_REJECT,), _S.R_OPEN),
        (_S.R_OPEN, _I.STOP): ((_A.R_SND_DPR,), _S.CLOSING),
        (_S.R_OPEN, _I.R_RCV_DPR): ((_A.R_SND_DPA,), _S.CLOSING),
        (_S.R_OPEN, _I.R_PEER_DISC): ((_A.R_DISC,), _S.CLOSED),
        (_S.I_OPEN, _I.SEND_MESSAGE): ((_A.I_SND_MESSAGE,), _S.I_OPEN),
        (_S.I_OPEN, _I.I_RCV_MESSAGE): ((_A.PROCESS,), _S.I_OPEN),
        (_S.I_OPEN, _I.I_RCV_DWR): ((_A.PROCESS_DWR, _A.I_SND_DWA), _S.I_OPEN),
        (_S.I_OPEN, _I.I_RCV_DWA): ((_A.PROCESS_DWA,), _S.I_OPEN),
        (_S.I_OPEN, _I.R_CONN_CER): ((_A.R_REJECT,), _S.I_OPEN),
        (_S.I_OPEN, _I.STOP): ((_A.I_SND_DPR,), _S.CLOSING),
        (_S.I_OPEN, _I.I_RCV_DPR): ((_A.I_SND_DPA,), _S.CLOSING),
        (_S.I_OPEN, _I.I_PEER_DISC): ((_A.I_DISC,), _S.CLOSED),
        (_S.CLOSING, _I.I_RCV_DPA): ((_A.I_DISC,), _S.CLOSED),
        (_S.CLOSING, _I.R_RCV_DPA): ((_A.R_DISC,), _S.CLOSED),
        (_S.CLOSING, _I.TIMEOUT): ((_A.ERROR,), _S.CLOSED),
        (_S.CLOSING, _I.I_PEER_DISC): ((_A.I_DISC,), _S.CLOSED),
        (_S.CLOSING, _I.R_PEER_DISC): ((_A.R_DISC,), _S.CLOSED),
    }
)

OURS: Final[Mapping[Pair, Step]] = MappingProxyType(
    {
        # The operator's Stop while nothing is open yet: no DPR can be sent, so the attempt is given up.
        (_S.WAIT_CONN_ACK, _I.STOP): ((_A.CLEANUP,), _S.CLOSED),
        (_S.WAIT_I_CEA, _I.STOP): ((_A.CLEANUP,), _S.CLOSED),
        (_S.WAIT_CONN_ACK_ELECT, _I.STOP): ((_A.CLEANUP,), _S.CLOSED),
        (_S.WAIT_RETURNS, _I.STOP): ((_A.CLEANUP,), _S.CLOSED),
        # A CEA that refuses us, or another message, during an election: only the initiator link has failed.
        (_S.WAIT_RETURNS, _I.I_RCV_NON_CEA): ((_A.I_DISC, _A.R_SND_CEA), _S.R_OPEN),
        # A message after the CER and before our CEA: the responder link breaks the exchange of section 5.3.
        (_S.WAIT_CONN_ACK_ELECT, _I.R_RCV_MESSAGE): ((_A.R_DISC,), _S.WAIT_CONN_ACK),
        (_S.WAIT_RETURNS, _I.R_RCV_MESSAGE): ((_A.R_DISC,), _S.WAIT_I_CEA),
        # Two DPRs cross: both are answered, and each side closes on the DPA (or the timer).
        (_S.CLOSING, _I.I_RCV_DPR): ((_A.I_SND_DPA,), _S.CLOSING),
        (_S.CLOSING, _I.R_RCV_DPR): ((_A.R_SND_DPA,), _S.CLOSING),
        # The peer's watchdog may ask while our DPR or DPA travels; silence would make it suspect us.
        (_S.CLOSING, _I.I_RCV_DWR): ((_A.PROCESS_DWR, _A.I_SND_DWA), _S.CLOSING),
        (_S.CLOSING, _I.R_RCV_DWR): ((_A.PROCESS_DWR, _A.R_SND_DWA), _S.CLOSING),
        # Application messages still in flight when the DPR overtook them (section 2.1.1).
        (_S.CLOSING, _I.I_RCV_MESSAGE): ((_A.PROCESS,), _S.CLOSING),
        (_S.CLOSING, _I.R_RCV_MESSAGE): ((_A.PROCESS,), _S.CLOSING),
        # A new connection before the old one has gone: the peer tries again after its Tc.
        (_S.CLOSING, _I.R_CONN_CER): ((_A.R_REJECT,), _S.CLOSING),
    }
)


def step(state: State, event: Input) -> Step | None:
    """The actions, in order, and the next state; None when this event means nothing in this state."""
    pair = (state, event)
    return TABLE.get(pair) or OURS.get(pair)
