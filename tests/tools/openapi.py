"""Write docs/schema/openapi: the descriptions of the HTTP interfaces, from what the routes are made of."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from nfs.hss.http.operations import description

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schema" / "openapi"


def main() -> int:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "hss.json").write_text(json.dumps(description(), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
