"""Files of subscribers, CSV and JSON, and trigger requests as JSON: records or a complaint; both forms bring the
records back.
"""

from __future__ import annotations

import json

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter.errors import ConfigError
    from nfs.hss import provisioning
    from nfs.scs.form import request_from, request_to


def oracle(data: bytes) -> None:
    """The octets as text."""
    text = data.decode("utf-8", "replace")
    _request(text)
    try:
        placed = provisioning.read(text, "fuzz.csv")
    except ConfigError as error:
        lines = error.lines
    else:
        subscribers = [one.subscriber for one in placed]
        if not subscribers:
            return  # of which JSON Lines have nothing
        for write in (provisioning.write_json, provisioning.write_csv, provisioning.write_lines):
            again = provisioning.read("".join(write(subscribers)), "again")
            assert [one.subscriber for one in again] == subscribers
        return
    assert lines
    assert all(line.startswith("fuzz.csv:") for line in lines)


def _request(text: str) -> None:
    try:
        request = request_from(json.loads(text))
    except (ValueError, RecursionError):
        return
    assert request_from(request_to(request)) == request


if __name__ == "__main__":
    drive(oracle)
