"""Several processes that are one Diameter node: one Origin-Host, one listening port, one operator's port.

The processes that speak Diameter are the workers; the one that started them, the parent, speaks none.  It holds the
listening sockets and hands each connection that it accepts to the worker with the fewest; it grants claims, so that
one remote Origin-Host has one connection (`claims`); it says who dials whom; it starts a worker again that has died;
it answers the operator for all of them.  A request whose peer is connected to another worker travels there as octets,
and its answer back (`diameter._node.crossing`), over a socket that those two share.

Sockets between these processes come from `socketpair` and have no name in any file system, so nobody else can open
them; all the same a process that receives something wrong on one gives it up.

Rejected: SO_REUSEPORT, by which the kernel spreads connections by a hash of their addresses.  A Diameter peer is one
connection that lasts for weeks, so what counts is how evenly a few connections lie, and a hash is poor at that; it
also refuses connections that wait at a worker that died.  Rejected: handing the connection that loses or wins an
election to the worker that has the other one; it works for TCP only, because what TLS knows of a connection stays in
its process, whereas a claim that waits works for all.
"""
