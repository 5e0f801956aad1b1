"""The files of a `TlsConfig`, read: certificate, key, trust store, revocation lists, and the key log of a lab."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from diameter.config import TlsConfig
from diameter.config.private import GROUP_READS, complaint
from diameter.errors import ConfigError
from diameter.security.certificate import lifetime
from diameter.security.credentials import BadCredentials, Credentials
from diameter.security.dtls import DtlsContext
from diameter.security.papers import Paper, papers
from diameter.security.tls import TlsContext

PARTS: Final = {"chain": "certificate", "key": "key", "trust": "trust", "crls": "crl"}
"""Field of Credentials -> key of the configuration."""


class Watched(Protocol):
    """A connection whose peer must go on being trusted."""

    def recheck(self) -> None:
        """End the connection when its peer would be refused now."""


class TlsKeys:
    """What is in force for the TLS links of one node.  Raises ConfigError; `place` is where the table stands.

    Reading again (`reload`) puts new keys, trust and revocation in force for new links, and makes every link that is up
    check its peer anew; when anything is wrong, what was in force stays.
    """

    def __init__(self, config: TlsConfig, *, place: str = "node.tls") -> None:
        self._config = config
        self._place = place
        self._watched: set[Watched] = set()
        self._dtls: tuple[TlsContext, DtlsContext] | None = None
        self.context = self._read()

    @property
    def dtls(self) -> DtlsContext:
        """What is in force for DTLS: the same files."""
        if self._dtls is None or self._dtls[0] is not self.context:
            self._dtls = self.context, DtlsContext(self.context.credentials)
        return self._dtls[1]

    @property
    def papers(self) -> tuple[Paper, ...]:
        """What of the files in force runs out."""
        return papers(self.context)

    def reload(self) -> None:
        """Read every file again.  Raises ConfigError and changes nothing."""
        self.take(None, self.read())

    def read(self, config: TlsConfig | None = None) -> TlsContext:
        """What the files hold now, of another table if one is given.  Raises ConfigError."""
        before, self._config = self._config, config or self._config
        try:
            return self._read()
        finally:
            self._config = before

    def take(self, config: TlsConfig | None, context: TlsContext) -> None:
        """Put in force what `read` has read."""
        self._config, self.context = config or self._config, context
        for each in tuple(self._watched):
            each.recheck()

    def watch(self, connection: Watched) -> None:
        """From now on, check this connection at each reload."""
        self._watched.add(connection)

    def forget(self, connection: Watched) -> None:
        """The connection has ended."""
        self._watched.discard(connection)

    def _read(self) -> TlsContext:
        config = self._config
        credentials = Credentials(
            chain=self._octets("certificate", config.certificate),
            key=self._octets("key", config.key, GROUP_READS),
            trust=tuple(self._octets(f"trust.{at}", path) for at, path in enumerate(config.trust)),
            crls=tuple(self._octets(f"crl.{at}", path) for at, path in enumerate(config.crl)),
            minimum_version=config.minimum_version,
            maximum_version=config.maximum_version,
            dhe=config.dhe,
            common_name=config.common_name,
            secrets=None if config.key_log is None else _key_log(config.key_log),
        )
        try:
            context = TlsContext(credentials)
        except BadCredentials as bad:
            raise self._wrong(bad.part, bad.index, str(bad)) from None
        begin, end = lifetime(context.certificate)
        if not begin <= datetime.now(UTC) < end:
            raise self._wrong("chain", 0, f"our own certificate is valid from {begin:%F} to {end:%F} only")
        return context

    def _octets(self, key: str, path: Path, beyond: int = 0) -> bytes:
        """What a file holds.  beyond: bits that its mode must not have."""
        try:
            wrong = complaint(path, beyond)
            if wrong:
                raise ConfigError(f"{self._place}.{key}: {path}: {wrong}")
            return path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{self._place}.{key}: cannot read {path}: {error.strerror}") from None

    def _wrong(self, part: str, index: int, text: str) -> ConfigError:
        value = getattr(self._config, PARTS[part])
        if isinstance(value, tuple):
            return ConfigError(f"{self._place}.{PARTS[part]}.{index}: {value[index]}: {text}")
        return ConfigError(f"{self._place}.{PARTS[part]}: {value}: {text}")


def _key_log(path: Path) -> Callable[[bytes], None]:
    """Return what appends a line to the key log, a file that only its owner may read (it opens every recorded link)."""

    def append(line: bytes) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line + b"\n")
        finally:
            os.close(handle)

    return append
