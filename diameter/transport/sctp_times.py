"""Retransmission times that an SCTP refuses, with the keys of the configuration that they come from."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

OUT_OF_ORDER: Final = (
    "association: rto_min_ms, rto_initial_ms and rto_max_ms must rise in this order; "
    "one that is not given is the system's, usually 1000, 3000 and 60000"
)


@contextmanager
def times_in_order() -> Iterator[None]:
    """Within, the times are set.  Raises OSError (EINVAL) with words for an operator."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise OSError(errno.EINVAL, OUT_OF_ORDER) from None
        raise
