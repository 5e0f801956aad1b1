"""libusrsctp, SCTP in user space: the library found, started once, and driven by a reactor.

The only module that imports cffi (ABI mode: no compiler is needed, only Debian's libusrsctp2 or its like).

There is one SCTP in a process, so there is one `Library`.  It is started without threads of its own for packets and
timers (a thread for address changes exists all the same: do not fork after that) and knows no socket of the system:
packets of an end go out by `Wire.carry` and come in by `Library.packet`, where an end is a number, the AF_CONN address.

The library calls back while it holds its locks, and must not be entered from there: a packet is carried away, a socket
with news is only marked, and the marked ones hear of it (`Woken.woken`) when the library has returned.

Time passes for it by `usrsctp_handle_timers`, and only while somebody asks for it (`hold`): every BUSY_S while packets
come or go and for LINGER_S after that, which is longer than an acknowledgement may be delayed; then every IDLE_S, which
is often enough to retransmit and to send heartbeats.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IDelayedCall

try:
    from cffi import FFI
except ImportError:
    FFI = None  # type: ignore[assignment, misc]  # tested before each use

NAMES: Final = ("libusrsctp.so.2", "libusrsctp.so")
BUSY_S: Final = 0.01
LINGER_S: Final = 0.25
IDLE_S: Final = 0.1
AF_CONN: Final = 123
PACKET: Final = 65_536
BUFFER: Final = 262_144
"""Octets read at once."""

DECLARATIONS: Final = """
typedef unsigned int socklen_t;
struct sockaddr_conn { uint16_t sconn_family; uint16_t sconn_port; uintptr_t sconn_addr; };
struct sctp_rcvinfo {
    uint16_t rcv_sid, rcv_ssn, rcv_flags; uint32_t rcv_ppid, rcv_tsn, rcv_cumtsn, rcv_context, rcv_assoc_id;
};
struct sctp_sndinfo { uint16_t snd_sid, snd_flags; uint32_t snd_ppid, snd_context, snd_assoc_id; };
void usrsctp_init_nothreads(uint16_t, int (*)(uintptr_t, void *, size_t, uint8_t, uint8_t), void *);
void *usrsctp_socket(int, int, int, void *, void *, uint32_t, void *);
int usrsctp_setsockopt(void *, int, int, const void *, socklen_t);
int usrsctp_getsockopt(void *, int, int, void *, socklen_t *);
ssize_t usrsctp_sendv(void *, const void *, size_t, void *, int, void *, socklen_t, unsigned int, int);
ssize_t usrsctp_recvv(void *, void *, size_t, void *, socklen_t *, void *, socklen_t *, unsigned int *, int *);
int usrsctp_bind(void *, void *, socklen_t);
int usrsctp_listen(void *, int);
void *usrsctp_accept(void *, void *, socklen_t *);
int usrsctp_connect(void *, void *, socklen_t);
int usrsctp_shutdown(void *, int);
void usrsctp_close(void *);
int usrsctp_set_non_blocking(void *, int);
int usrsctp_set_upcall(void *, void (*)(void *, uintptr_t, int), uintptr_t);
void usrsctp_register_address(uintptr_t);
void usrsctp_conninput(uintptr_t, const void *, size_t, uint8_t);
void usrsctp_handle_timers(uint32_t);
void usrsctp_enable_crc32c_offload(void);
uint32_t usrsctp_crc32c(void *, size_t);
int usrsctp_sysctl_set_sctp_ecn_enable(uint32_t);
int usrsctp_sysctl_set_sctp_asconf_enable(uint32_t);
int usrsctp_sysctl_set_sctp_auto_asconf(uint32_t);
"""


class Wire(Protocol):
    """One end that packets leave by."""

    def carry(self, packet: Any, size: int) -> None:
        """Send the packet at this place in memory, which may be changed and is gone afterwards.  Must not raise."""


class Woken(Protocol):
    """Somebody with a socket of the library."""

    def woken(self) -> None:
        """Something can be read or written, or there was an error."""


class Library:
    """The one SCTP of this process.  `lib` and `ffi`: the functions of DECLARATIONS."""

    def __init__(self) -> None:
        """Raises ImportError and OSError that say what is missing."""
        self.ffi, self.lib = _load()
        self.buffer = self.ffi.new("char[]", BUFFER)
        """What is read lies here until it is copied out; one socket is read at a time."""
        self.octets = bytearray(PACKET)
        """A packet lies here until the library has it; one is handed over at a time."""
        self.packet = self.ffi.from_buffer("char[]", self.octets, require_writable=True)
        self.no_address = self.ffi.new("socklen_t *", 0)
        self.mark: Any = None
        self._wires: dict[int, Wire] = {}
        self._free: list[int] = []
        self._sockets: dict[int, Woken] = {}
        self._next_socket = 0
        self._marked: dict[int, None] = {}
        self._reactor: Any = None
        self._soon: IDelayedCall | None = None
        self._tick: IDelayedCall | None = None
        self._holds = 0
        self._running = False
        self._ticked_s = self._busy_until_s = 0.0
        self._pid = 0

    def start(self, reactor: Any) -> None:
        """Let `reactor` drive it from now on.  Raises RuntimeError while another one does, or after a fork."""
        if self._reactor is reactor and self._pid == os.getpid():
            return
        if self._pid and self._pid != os.getpid():
            raise RuntimeError("SCTP in user space does not survive a fork")
        if self._holds:
            raise RuntimeError("SCTP in user space is driven by another reactor")
        if not self._pid:
            self._begin()
        self._reactor = reactor

    def _begin(self) -> None:
        ffi, lib, wires, marked = self.ffi, self.lib, self._wires, self._marked

        def carry(end: int, packet: Any, size: int, _tos: int, _whole: int) -> int:
            wire = wires.get(end)
            if wire is not None:
                wire.carry(packet, size)
            return 0

        def mark(_socket: Any, number: int, _flags: int) -> None:
            if not marked and not self._running:
                self._soon = self._reactor.callLater(0, self.settle)
            marked[number] = None

        self._carry = ffi.callback("int(uintptr_t, void *, size_t, uint8_t, uint8_t)", carry)
        self.mark = ffi.callback("void(void *, uintptr_t, int)", mark)
        lib.usrsctp_init_nothreads(0, self._carry, ffi.NULL)
        lib.usrsctp_enable_crc32c_offload()  # wires change ports, so they make and check the sums
        lib.usrsctp_sysctl_set_sctp_ecn_enable(0)  # it sees no IP header
        lib.usrsctp_sysctl_set_sctp_auto_asconf(0)
        lib.usrsctp_sysctl_set_sctp_asconf_enable(0)  # an AF_CONN association has one path
        self._pid = os.getpid()

    # -- ends

    def plug(self, wire: Wire) -> int:
        """The number of a new end; one that was unplugged is taken again, because the library keeps each for ever."""
        if self._free:
            end = self._free.pop()
        else:
            end = len(self._wires) + 1
            self.lib.usrsctp_register_address(end)
        self._wires[end] = wire
        return end

    def unplug(self, end: int) -> None:
        """Nothing leaves by this end any more."""
        del self._wires[end]
        self._free.append(end)

    def busy(self) -> None:
        """Packets come: `packet` follows, then `settle`."""
        self._running = True
        if self._holds:
            self._awake()

    # -- sockets

    def enlist(self, who: Woken) -> int:
        """A number for a socket's upcall."""
        self._next_socket += 1
        self._sockets[self._next_socket] = who
        return self._next_socket

    def replace(self, number: int, who: Woken) -> None:
        """Somebody else has the socket now, and looks at it soon."""
        self._sockets[number] = who
        self.look(number)

    def look(self, number: int) -> None:
        """Wake the owner of a socket from the reactor, as if there were news."""
        if not self._marked and not self._running:
            self._soon = self._reactor.callLater(0, self.settle)
        self._marked[number] = None

    def strike(self, number: int) -> None:
        """The socket is closed."""
        self._sockets.pop(number, None)

    def settle(self) -> None:
        """Tell those who were marked, until none is; who asks to be looked at again waits for the next turn."""
        if self._soon is not None and self._soon.active():
            self._soon.cancel()
        self._soon = None
        self._running = True
        try:
            turn = list(self._marked)
            self._marked.clear()
            for number in turn:
                who = self._sockets.get(number)
                if who is not None:
                    who.woken()
        finally:
            self._running = False
            if self._marked:
                self._soon = self._reactor.callLater(0, self.settle)

    # -- time

    def hold(self) -> None:
        """Let time pass until as many `release`s."""
        self._holds += 1
        if self._holds == 1:
            self._ticked_s = self._reactor.seconds()
        self._awake()

    def release(self) -> None:
        """Undo one `hold`."""
        self._holds -= 1
        if not self._holds and self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def active(self) -> None:
        """Something is being sent: acknowledgements are due soon."""
        if self._reactor.seconds() > self._busy_until_s - LINGER_S / 2:
            self._awake()

    def _awake(self) -> None:
        now_s = self._reactor.seconds()
        idle = now_s > self._busy_until_s
        self._busy_until_s = now_s + LINGER_S
        if self._tick is None:
            self._tick = self._reactor.callLater(BUSY_S, self._pass)
        elif idle:
            self._tick.reset(BUSY_S)

    def _pass(self) -> None:
        """So much time has passed."""
        now_s = self._reactor.seconds()
        passed_ms = int((now_s - self._ticked_s) * 1000)
        self._ticked_s += passed_ms / 1000
        self._tick = self._reactor.callLater(BUSY_S if now_s < self._busy_until_s else IDLE_S, self._pass)
        self._running = True
        self.lib.usrsctp_handle_timers(max(0, passed_ms))
        self.settle()


def _load() -> tuple[Any, Any]:
    if FFI is None:
        raise ImportError("the Python package cffi is not installed (pip install mtc-diameter[usrsctp])")
    ffi = FFI()
    ffi.cdef(DECLARATIONS)
    for name in NAMES:
        try:
            return ffi, ffi.dlopen(name)
        except OSError:
            continue
    raise OSError(f"the library {NAMES[0]} is not installed (apt-get install libusrsctp2)")


@cache
def library() -> Library:
    """The one library of this process.  Raises ImportError and OSError that say what is missing."""
    return Library()


def missing() -> str:
    """Why there is no SCTP in user space here, "" where there is."""
    try:
        library()
    except (ImportError, OSError) as error:
        return str(error)
    return ""
