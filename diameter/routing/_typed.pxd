# C types for _typed.py.
cimport cython
cimport diameter.wire._octets as o
from libc.stdint cimport uint32_t

@cython.locals(p=o.octets_t, end=Py_ssize_t, start=Py_ssize_t, session=Py_ssize_t, head=Py_ssize_t, behind=Py_ssize_t,
               last=Py_ssize_t, broken=bint, rest=uint32_t, length=Py_ssize_t, code=uint32_t, after=Py_ssize_t)
cpdef tuple marks(bytes octets, bint sound)
