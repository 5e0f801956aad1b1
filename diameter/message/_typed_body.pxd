# C types for _typed_body.py.
cimport cython
cimport diameter.message._typed as m
cimport diameter.message._typed_lookup as k
cimport diameter.wire._octets as o
cimport diameter.wire._typed as w
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef int ASCII, GROUP, I32, I64, OCTETS, U32, U64, UTF8
cdef int DEEPEST
cdef Py_ssize_t HEADER, ROOM, LARGEST

@cython.final
cdef class Body:
    cdef k.Lookup _lookup
    cdef object _buffer
    cdef unsigned char *_p
    cdef Py_ssize_t _size
    cdef Py_ssize_t _at
    cdef readonly object keys
    cdef readonly object problem

    @cython.locals(order=k.Order)
    cpdef bint kept(self, dict avps, object grammar, uint32_t code) except? -1
    @cython.locals(lookup=k.Lookup, present=uint64_t, again=uint64_t, bit=uint64_t, others=bint, many=Py_ssize_t,
                   plain=dict, writer=k.Writer)
    cdef bint _write(self, object avps, w.Rules rules, int depth) except -1
    cdef Py_ssize_t _values(self, k.Writer writer, object name, object value, int depth) except -1
    @cython.locals(head=Py_ssize_t, data=Py_ssize_t, size=Py_ssize_t, p=o.room_t)
    cdef object _one(self, k.Writer writer, object name, object value, int depth)
    @cython.locals(form=int, size=Py_ssize_t, number=int64_t)
    cdef Py_ssize_t _data(self, k.Writer writer, object value, Py_ssize_t at) except -2
    @cython.locals(size=Py_ssize_t)
    cdef Py_ssize_t _octets(self, Py_ssize_t at, bytes octets) except -1
    @cython.locals(rules=w.Rules)
    cdef Py_ssize_t _group(self, k.Writer writer, object value, Py_ssize_t at, int depth) except -1
    @cython.locals(keys=list)
    cdef object _complain(self, k.Writer writer, w.Rules rules, bytes octets)
    cdef Py_ssize_t _other_group(self, k.Writer writer, object value, Py_ssize_t at, int depth) except -1
    cdef object _need(self, Py_ssize_t at, Py_ssize_t size)
    @cython.locals(wire=bytes, end=Py_ssize_t, head=Py_ssize_t, after=Py_ssize_t)
    cdef object _copy(self, m.Members members, uint64_t key, bint every)
    @cython.locals(at=Py_ssize_t)
    cdef object _padded(self, bytes octets)
    @cython.locals(p=o.room_t)
    cdef object _message(self, uint32_t word, uint32_t application, uint32_t hop_by_hop, uint32_t end_to_end)
