# C types for _typed.py.  The functions without a body here have it there.
cimport cython
cimport diameter.wire._octets as o
from libc.stdint cimport uint32_t, uint64_t

cdef int ARITY, ASK, CHECK, DEPTH, DEPTH_LIMIT, ENUM, ENUMERATED, FIXED, FLAGS, GROUPED, IDENTITY, LENGTH, ORDER
cdef int PADDING, SIZE, TEXT, TRUNCATED, UNKNOWN, VALUE, VENDOR_ZERO

@cython.final
cdef class Rule:
    cdef uint64_t bit
    cdef uint64_t key

@cython.final
cdef class Rules:
    cdef readonly object grammar
    cdef list _slots
    cdef Py_ssize_t _mask
    cdef uint64_t first
    cdef uint64_t required
    cdef uint64_t single
    cdef uint64_t few
    cdef bint exact
    cdef bint wildcard

    @cython.locals(slots=list, mask=Py_ssize_t, at=Py_ssize_t, rule=Rule)
    cdef uint64_t bit(self, uint64_t key) noexcept
    cdef bint kept(self, uint64_t present, uint64_t again, bint others) noexcept

@cython.final
cdef class Row:
    cdef uint64_t key
    cdef uint64_t small
    cdef object values
    cdef Rules rules
    cdef int kind
    cdef int size
    cdef unsigned int want
    cdef unsigned int also

    cdef bint named(self, int value) except -1

cdef class Checks:
    cdef object _source
    cdef list _slots
    cdef Py_ssize_t _mask

    @cython.locals(slots=list, mask=Py_ssize_t, at=Py_ssize_t, row=Row)
    cdef Row row(self, uint64_t key)
    cdef Row _add(self, uint64_t key)
    @cython.locals(at=Py_ssize_t)
    cdef object _put(self, Row row)
    cpdef Py_ssize_t verify(self, bytes wire, Py_ssize_t start, Py_ssize_t end, Rules rules, list found) except? -1
    @cython.locals(begin=Py_ssize_t, present=uint64_t, again=uint64_t, bit=uint64_t, key=uint64_t, others=bint,
                   rest=uint32_t, length=Py_ssize_t, size=Py_ssize_t, after=Py_ssize_t, row=Row)
    cdef Py_ssize_t _walk(self, const unsigned char *p, Py_ssize_t start, Py_ssize_t end, Rules rules, list found,
                          int depth) except -1
    @cython.locals(kind=int)
    cdef object _check(self, const unsigned char *p, Py_ssize_t head, Py_ssize_t data, Py_ssize_t after, Row row,
                    list found, unsigned int flags, int depth)
    cdef object _arity(self, const unsigned char *p, Py_ssize_t begin, Py_ssize_t end, Rules rules, list found,
                    int depth, bint kept)

@cython.locals(here=uint64_t)
cdef bint _begins(const unsigned char *p, Py_ssize_t start, Py_ssize_t end, uint64_t key) noexcept

@cython.locals(key=uint64_t, rest=uint32_t, length=Py_ssize_t)
cdef Py_ssize_t _index(const unsigned char *p, Py_ssize_t start, Py_ssize_t end, list keys, list heads) except -1

cpdef Py_ssize_t index(bytes wire, Py_ssize_t start, Py_ssize_t end, list keys, list heads) except? -1

cpdef Py_ssize_t find(bytes wire, Py_ssize_t start, Py_ssize_t end, uint64_t key) except -2

@cython.locals(here=uint64_t, rest=uint32_t, length=Py_ssize_t)
cdef Py_ssize_t seek(const unsigned char *p, Py_ssize_t start, Py_ssize_t end, uint64_t key) noexcept

@cython.locals(rest=uint32_t, after=Py_ssize_t)
cpdef Py_ssize_t first_end(bytes wire, Py_ssize_t start, Py_ssize_t end) except -2

@cython.locals(p=o.octets_t, at=Py_ssize_t, size=Py_ssize_t, word=uint32_t, length=Py_ssize_t)
cpdef Py_ssize_t frames(bytes data, Py_ssize_t limit, list messages) except -1

cdef bint _is_utf8(object octets) except -1
