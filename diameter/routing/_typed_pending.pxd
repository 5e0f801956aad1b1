# C types for _typed_pending.py.
cimport cython

@cython.final
cdef class Pending:
    cdef public object avoid
    cdef public object counted
    cdef public object destination
    cdef public object earlier
    cdef public object end_to_end
    cdef public object hop_by_hop
    cdef public object host
    cdef public object link
    cdef public object octets
    cdef public object sent_at
    cdef public object tick
    cdef public object transmissions
    cdef public object waiter

@cython.final
cdef class PendingTable:
    cdef object _ticks_per_s
    cdef dict _by_hop
    cdef dict _buckets
    cdef object _next_tick

    @cython.locals(bucket=dict)
    cpdef object add(self, Pending entry, object now, object timeout_s)
    @cython.locals(entry=Pending)
    cpdef object take(self, object hop_by_hop, object end_to_end, object link)
    @cython.locals(bucket=dict)
    cdef object _remove(self, Pending entry)
