"""`mtc lab`: the network functions on several machines, from one file."""
