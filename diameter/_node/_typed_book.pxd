# C types for _typed_book.py.
cimport cython
cimport diameter.wire._octets as o

@cython.final
cdef class Book:
    cdef object _tally
    cdef object _peer
    cdef object _outgoing
    cdef dict _counts

    @cython.locals(at=Py_ssize_t, count=list, key=bytes)
    cpdef object count(self, bytes octets)
