"""Key logs in NSS format: `LABEL client-random secret`, in hex, a line each; what opens a recorded TLS link."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from diameter.capture.records import CaptureError

LABELS: Final = frozenset(
    {
        "CLIENT_RANDOM",
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    }
)
MOST: Final = 1 << 20
"""Secrets kept; beyond it the oldest are forgotten."""


class KeyLog:
    """Secrets by label and client random.  `path`: a file that may still grow; read on when a secret is missing.

    Raises CaptureError when the file cannot be read.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path
        self._secrets: dict[tuple[str, bytes], bytes] = {}
        self._read_to = 0
        if path is not None:
            self._read(path)

    def __bool__(self) -> bool:
        return self.path is not None or bool(self._secrets)

    def secret(self, label: str, random: bytes) -> bytes:
        """The secret of the session with this client random; b"" where the log has none (yet)."""
        found = self._secrets.get((label, random), b"")
        if not found and self.path is not None:
            self._read(self.path)
            found = self._secrets.get((label, random), b"")
        return found

    def add(self, text: str) -> None:
        """Take the lines of `text`; what is no secret is passed over, as comments are."""
        for line in text.splitlines():
            words = line.split()
            if len(words) != 3 or words[0] not in LABELS:
                continue
            try:
                key = words[0], bytes.fromhex(words[1])
                self._secrets[key] = bytes.fromhex(words[2])
            except ValueError:
                continue
            if len(self._secrets) > MOST:
                del self._secrets[next(iter(self._secrets))]

    def _read(self, path: str | Path) -> None:
        try:
            with open(path, "rb") as file:
                file.seek(self._read_to)
                octets = file.read()
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror}") from error
        whole = octets.rfind(b"\n") + 1 if self._read_to or b"\n" in octets else len(octets)
        self._read_to += whole
        self.add(octets[:whole].decode("ascii", "replace"))
