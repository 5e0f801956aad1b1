"""Session-Ids of the inside as the outside may see them, and back, without a table.

A Session-Id begins with the DiameterIdentity of who made it (RFC 6733 section 8.8), so one that crosses a border tells
of a node behind it.  Here the outside gets one of the border's own, whose optional part is the true one, encrypted:
whoever has the key has the way back, also after a restart and on another machine, and nothing is remembered.

AES-SIV (RFC 5297) because it needs no nonce: the same session has the same name each time, as section 8.8 wants it, and
a name that somebody has made or changed is known as such.  The length is hidden up to 64 octets.  Rejected: a table,
which masses of sessions fill and a restart empties; a keyed hash, which has no way back.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_OCTETS: Final = 64
BLOCK: Final = 64
"""Lengths are told in steps of this many octets."""
LONGEST: Final = 2048
"""Characters of a name that is looked into."""


class Pseudonyms:
    """The names under which sessions are known beyond `host`, our own DiameterIdentity.

    secret: 16 octets or more; whoever has the same makes and reads the same names.  Raises ValueError for a short one.
    """

    def __init__(self, secret: bytes, host: str) -> None:
        if len(secret) < 16:
            raise ValueError("a secret of 16 octets or more expected")
        key = HKDF(SHA256(), KEY_OCTETS, salt=None, info=b"session pseudonyms").derive(secret)
        self._host = host
        self._cipher = AESSIV(key)
        self._bound = [host.lower().encode()]

    def of(self, session_id: str) -> str:
        """The name of a session: `host;HIGH;LOW;OPTIONAL` as section 8.8 recommends it."""
        plain = session_id.encode()
        sealed = self._cipher.encrypt(plain + b"\0" * (BLOCK - len(plain) % BLOCK), self._bound)
        high, low = int.from_bytes(sealed[:4]), int.from_bytes(sealed[4:8])
        text = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
        return f"{self._host};{high};{low};{text}"

    def original(self, name: str) -> str | None:
        """The session that `of` gave this name, None for any other text."""
        host, _, rest = name.partition(";")
        text = rest.rpartition(";")[2]
        if host.lower() != self._host.lower() or not text or len(name) > LONGEST or not text.isascii():
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            found = self._cipher.decrypt(sealed, self._bound).rstrip(b"\0").decode()
        except (InvalidTag, ValueError, binascii.Error):
            return None
        return found if self.of(found) == name else None
