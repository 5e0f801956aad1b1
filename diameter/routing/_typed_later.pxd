# C types for _typed_later.py.

cdef class Later:
    cdef readonly bint done
    cdef object _value
    cdef object _error
    cdef object _wake
    cdef object _wakes

    cpdef object resolve(self, object value)
    cpdef object fail(self, object error)
    cdef object _finish(self)
    cpdef object then(self, object wake)
    cpdef object result(self)
