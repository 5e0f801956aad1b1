"""Files with keys as functions want them: for their owner alone."""

from __future__ import annotations

from pathlib import Path

OWNER_ONLY = 0o600


def private(path: Path, content: str | bytes) -> Path:
    """Write a file that only its owner can use; returns it."""
    path.touch(mode=OWNER_ONLY)
    path.chmod(OWNER_ONLY)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
