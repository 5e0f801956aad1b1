# What the functions of _octets.py mean in C.
from cpython.bytearray cimport PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize
from cpython.dict cimport PyDict_CheckExact
from cpython.exc cimport PyErr_Clear
from cpython.list cimport PyList_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact, PyUnicode_DecodeASCII, PyUnicode_DecodeUTF8
from cpython.tuple cimport PyTuple_CheckExact
from libc.string cimport memcmp, memcpy
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
    cdef unsigned char other = 0
    while start < end:
        other |= <unsigned char>(octets[start] - 0x21) > 0x5D
        start += 1
    return other

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
    const char *mtc_utf8 "PyUnicode_AsUTF8AndSize"(object text, Py_ssize_t *size)

cdef inline object new(object kind):
    return mtc_new(kind)

ctypedef unsigned char *room_t

cdef inline bint is_bytes(object value):
    return PyBytes_CheckExact(value)

cdef inline bint is_dict(object value):
    return PyDict_CheckExact(value)

cdef inline bint is_several(object value):
    return PyList_CheckExact(value) or PyTuple_CheckExact(value)

cdef inline bint is_short(object value):
    cdef int over = 0
    if not PyLong_CheckExact(value):
        return False
    PyLong_AsLongLongAndOverflow(value, &over)
    return not over

cdef inline Py_ssize_t utf8_size(object value) except -2:
    cdef Py_ssize_t size = -1
    if PyUnicode_CheckExact(value) and mtc_utf8(value, &size) == NULL:
        PyErr_Clear()
        return -1
    return size

cdef inline object room(Py_ssize_t size):
    return PyByteArray_FromStringAndSize(NULL, size)

cdef inline void put_utf8(unsigned char *room, Py_ssize_t at, object value, Py_ssize_t size) noexcept:
    memcpy(room + at, mtc_utf8(value, NULL), size)

cdef inline void put(unsigned char *room, Py_ssize_t at, bytes octets, Py_ssize_t size) noexcept:
    memcpy(room + at, <const char *>octets, size)

cdef inline void put_word(unsigned char *room, Py_ssize_t at, uint32_t value) noexcept nogil:
    room += at
    room[0] = value >> 24
    room[1] = value >> 16 & 0xFF
    room[2] = value >> 8 & 0xFF
    room[3] = value & 0xFF

cdef inline void put_long(unsigned char *room, Py_ssize_t at, uint64_t value) noexcept nogil:
    put_word(room, at, <uint32_t>(value >> 32))
    put_word(room, at + 4, <uint32_t>value)

cdef inline object pieces(const unsigned char *octets, Py_ssize_t a, Py_ssize_t b, Py_ssize_t c, Py_ssize_t d,
                          Py_ssize_t e, Py_ssize_t f, Py_ssize_t g, Py_ssize_t h):
    made = PyBytes_FromStringAndSize(NULL, b - a + d - c + f - e + h - g)
    cdef char *to = PyBytes_AS_STRING(made)
    memcpy(to, octets + a, b - a)
    memcpy(to + b - a, octets + c, d - c)
    memcpy(to + b - a + d - c, octets + e, f - e)
    memcpy(to + b - a + d - c + f - e, octets + g, h - g)
    return made
