# C types for _typed_lookup.py.
cimport cython
cimport diameter.wire._typed as w
from libc.stdint cimport uint32_t, uint64_t

cdef int DECODE, UTF8, ASCII, U32, I32, U64, I64, UNPACK, GROUP, OCTETS

@cython.final
cdef class Reader:
    cdef readonly uint64_t key
    cdef int form
    cdef int size
    cdef object unpack
    cdef object decode

@cython.final
cdef class Writer:
    cdef uint64_t key
    cdef uint32_t code
    cdef uint32_t word
    cdef uint32_t vendor
    cdef int form
    cdef object encode
    cdef object definition
    cdef w.Rules rules
    cdef object kind

    @cython.locals(row=w.Row)
    cdef object _find_rules(self, Lookup lookup)

@cython.final
cdef class Order:
    cdef unsigned int want
    cdef unsigned int also
    cdef bint ids
    cdef w.Rules rules

@cython.final
cdef class Lookup(w.Checks):
    cdef readonly object tables
    cdef readonly uint32_t application_id
    cdef bytes vsai
    cdef w.Rules error
    cdef dict _readers
    cdef dict _writers
    cdef dict _orders

    @cython.locals(writer=Writer)
    cdef Writer writer(self, object name)
    @cython.locals(reader=Reader)
    cdef Reader reader(self, object name)
    @cython.locals(order=Order)
    cdef Order order(self, uint32_t code)
