# C types for _typed.py.
cimport cython
cimport diameter.message._typed_lookup as k
cimport diameter.wire._octets as o
cimport diameter.wire._typed as w
from libc.stdint cimport uint32_t, uint64_t

cdef int UTF8, ASCII, U32, I32, U64, I64, UNPACK, GROUP

cdef class Members:
    cdef bytes _wire
    cdef Py_ssize_t _start
    cdef Py_ssize_t _end
    cdef Py_ssize_t _stop
    cdef k.Lookup _lookup
    cdef list _keys
    cdef list _heads
    cdef dict _groups

    @cython.locals(keys=list, heads=list)
    cdef object _walk(self)
    @cython.locals(p=o.octets_t, form=int, rest=uint32_t, start=Py_ssize_t, end=Py_ssize_t)
    cdef object _value(self, Py_ssize_t head, object name, k.Reader reader)
    @cython.locals(groups=dict, group=Members)
    cdef object _group(self, Py_ssize_t head, Py_ssize_t start, Py_ssize_t end, object kind)
    @cython.locals(reader=k.Reader, head=Py_ssize_t)
    cdef object _item(self, object name, object default)
    @cython.locals(reader=k.Reader)
    cdef bint _has(self, object name) except -1
    cpdef object _read(self, Py_ssize_t head, object name, object label)

cdef class Frame(Members):
    cdef object _dictionary
    cdef uint32_t _application_id
    cdef uint32_t _hop_by_hop
    cdef uint32_t _end_to_end
    cdef uint32_t _code
    cdef unsigned int _flags
    cdef bint _framed
    cdef object _faults
    cdef dict _nested
    cdef public object context
    cdef public object origin
    cdef public object pending

    @cython.locals(whole=bytes, p=o.octets_t, size=Py_ssize_t, first=uint32_t, word=uint32_t, application=uint32_t,
                   lookups=dict, lookup=k.Lookup)
    cdef object _fill(self, bytes octets, object dictionary)
    @cython.locals(lookup=k.Lookup, order=k.Order, rules=w.Rules, found=list, flags="unsigned int")
    cdef object _find_faults(self)
    @cython.locals(order=k.Order, rules=w.Rules)
    cpdef bint _holds(self, object grammar, object keys) except -1
    @cython.locals(p=o.octets_t, start=Py_ssize_t, end=Py_ssize_t, rest=uint32_t, key=uint64_t, bit=uint64_t,
                   present=uint64_t, again=uint64_t, others=bint)
    cdef bint _keeps(self, w.Rules rules) except -1
    @cython.locals(p=o.octets_t, start=Py_ssize_t, end=Py_ssize_t, rest=uint32_t, code=uint32_t, results=int)
    cdef bint _agrees(self, bint ids) except -1
