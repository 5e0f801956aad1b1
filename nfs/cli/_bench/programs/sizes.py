"""What the size of the dictionaries costs a codec.  Arguments: the dictionaries, and CPU seconds of a round.

Prints a line of JSON: avps (known to the application of the load), load_ms, rss_kb, decode and build in microseconds.
"""

from __future__ import annotations

import json
import os
import sys
import time

from diameter import Dictionary
from nfs.cli._bench.machine import rss_kb
from nfs.cli._bench.messages import APPLICATION, FIVE_VALUES, WITH_ARITY
from nfs.cli._bench.programs.codec import operations, timed
from nfs.cli._bench.programs.said import say


def main(names: str, round_s: float) -> None:
    """Measure, print."""
    begin = time.process_time()
    dictionary = Dictionary.load(*names.split(), cache=False)
    load_s = time.process_time() - begin
    todo = operations(dictionary)
    found = {
        "avps": len(dictionary.scope(APPLICATION).avps),
        "load_ms": load_s * 1000,
        "decode": timed(todo[FIVE_VALUES], round_s),
        "build": timed(todo[WITH_ARITY], round_s),
    }
    say(json.dumps(found | {"rss_kb": rss_kb(os.getpid())}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
