# What the functions of _octets.py mean in C.
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeASCII, PyUnicode_DecodeUTF8
from libc.string cimport memcmp
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

ctypedef const unsigned char *octets_t

cdef inline uint32_t word(const unsigned char *octets, Py_ssize_t at) noexcept nogil:
    octets += at
    return <uint32_t>octets[0] << 24 | <uint32_t>octets[1] << 16 | <uint32_t>octets[2] << 8 | octets[3]

cdef inline uint64_t shifted(const unsigned char *octets, Py_ssize_t at) noexcept nogil:
    return <uint64_t>word(octets, at) << 32

cdef inline uint64_t long_word(const unsigned char *octets, Py_ssize_t at) noexcept nogil:
    return <uint64_t>word(octets, at) << 32 | word(octets, at + 4)

cdef inline int32_t signed(const unsigned char *octets, Py_ssize_t at) noexcept nogil:
    return <int32_t>word(octets, at)

cdef inline int64_t long_signed(const unsigned char *octets, Py_ssize_t at) noexcept nogil:
    return <int64_t>long_word(octets, at)

cdef inline uint64_t spread(uint64_t key) noexcept nogil:
    return (key * <uint64_t>0x9E3779B97F4A7C15) >> 44

cdef inline bint graph(const unsigned char *octets, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    cdef unsigned char high = 0, space = 0
    while start < end:
        high |= octets[start]
        space |= octets[start] == 32
        start += 1
    return space or high & 0x80

cdef inline bint ascii(const unsigned char *octets, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    cdef unsigned char high = 0
    while start < end:
        high |= octets[start]
        start += 1
    return not high & 0x80

cdef inline bint zeros(const unsigned char *octets, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    while start < end:
        if octets[start]:
            return False
        start += 1
    return True

cdef inline object text(const unsigned char *octets, Py_ssize_t start, Py_ssize_t end):
    return PyUnicode_DecodeUTF8(<const char *>octets + start, end - start, NULL)

cdef inline object cut(const unsigned char *octets, Py_ssize_t start, Py_ssize_t end):
    return PyBytes_FromStringAndSize(<const char *>octets + start, end - start)

cdef inline object plain_text(const unsigned char *octets, Py_ssize_t start, Py_ssize_t end):
    return PyUnicode_DecodeASCII(<const char *>octets + start, end - start, NULL)

cdef inline bint same(const unsigned char *octets, Py_ssize_t at, bytes other):
    return memcmp(octets + at, <const char *>other, len(other)) == 0

cdef extern from *:
    """
    static PyObject *mtc_new(PyObject *kind) {
        PyObject *nothing = PyTuple_New(0), *made;
        if (!nothing) return NULL;
        made = ((PyTypeObject *)kind)->tp_new((PyTypeObject *)kind, nothing, NULL);
        Py_DECREF(nothing);
        return made;
    }
    """
    object mtc_new(object kind)

cdef inline object new(object kind):
    return mtc_new(kind)
