"""Network functions for machine-type communication, built on `diameter`."""

from diameter._guard import check

check()
