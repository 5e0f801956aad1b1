"""`mtc subscriber ... --via URL`: the same through the HTTP interface of a running HSS, instead of its database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlencode

import click

if TYPE_CHECKING:
    from nfs.hss.logic import Subscriber

F = TypeVar("F", bound=Callable[..., Any])
Answer = tuple[int, Any]
"""Status, and the document of the body."""
WAY: Final = ("via", "token", "trust", "certificate", "own_key")
"""Names of the options that `through` gives."""
PAGE: Final = 1000
TIMEOUT_S: Final = 30.0
_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)


def through(function: F) -> F:
    """The options that say which running HSS, and who we are to it."""
    return through_with(click.option("--key", "own_key", type=_FILE, help="PEM file of its key."))(function)


def through_with(key: Callable[[F], F]) -> Callable[[F], F]:
    """The same with an option of the verb's own for the key."""
    return lambda function: _through(function, key)


def _through(function: F, key: Callable[[F], F]) -> F:
    for option in (
        key,
        click.option("--certificate", type=_FILE, help="PEM file of our certificate, where that HSS asks for one."),
        click.option("--trust", type=_FILE, help="PEM file of the CA of its certificate; those of the system without."),
        click.option("--token", type=_FILE, help="File with the token that --via needs, where that HSS asks for one."),
        click.option("--via", help="URL of [provisioning] of a running HSS, instead of its database."),
    ):
        function = option(function)
    return function


def remote(database: str | None, config: Path | None, way: dict[str, Any]) -> Remote | None:
    """The running HSS that --via names; None without it.  Raises UsageError, ConfigError."""
    from nfs.cli._carrying import may_carry_a_token

    if way["via"] is None:
        given = [f"--{name.removeprefix('own_')}" for name, value in way.items() if value is not None]
        if given:
            raise click.UsageError(f"{given[0]} goes with --via")
        return None
    if database is not None or config is not None:
        raise click.UsageError("--via, --database and -c: one of them says where the subscribers are")
    if not may_carry_a_token(way["via"]):
        raise click.UsageError("--via takes an http:// URL of this machine, or an https:// URL")
    if (way["certificate"] is None) != (way["own_key"] is None):
        raise click.UsageError("--certificate and --key go together")
    if way["token"] is None and way["certificate"] is None:
        raise click.UsageError("--via needs --token, --certificate with --key, or both")
    return Remote(way["via"], way["token"], way["trust"], way["certificate"], way["own_key"])


class Remote:
    """The HTTP interface of one HSS; what it refuses is a ClickException that says why.  Raises ConfigError."""

    def __init__(
        self, url: str, token: Path | None, trust: Path | None, certificate: Path | None, key: Path | None
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"content-type": "application/json"}
        if token is not None:
            self._headers["authorization"] = f"Bearer {_first_line(token)}"
        self._context = _context(trust, certificate, key) if url.lower().startswith("https:") else None

    def every(self) -> Iterator[Subscriber]:
        """All subscribers in order of their IMSI, a page at a time."""
        after: str | None = ""
        while after is not None:
            page = self.good("GET", f"subscribers?{urlencode({'after': after, 'limit': PAGE})}")
            found, after = self._page(page)
            yield from found

    def find(self, identity: str) -> Subscriber:
        """The subscriber with an identity of whatever kind.  Raises ClickException."""
        if "@" not in identity:
            status, document = self._ask("GET", f"subscribers/{quote(identity, safe='')}")
            if status == 200:
                return self._page({"subscribers": [document]})[0][0]
            if status not in (404, 422):
                raise self._refused(status, document)
        kind = "external_id" if "@" in identity else "msisdn"
        status, document = self._ask("GET", f"subscribers?{urlencode({kind: identity})}")
        if status == 200 and (found := self._page(document)[0]):
            return found[0]
        if status in (200, 422):
            raise click.ClickException(f"no subscriber has {identity}")
        raise self._refused(status, document)

    def save(self, subscriber: Subscriber) -> None:
        """Make a subscriber, or have the one with this IMSI be it.  Raises ClickException."""
        from nfs.hss.provisioning import to_row

        path, row = f"subscribers/{subscriber.imsi}", to_row(subscriber)
        status, document = self._ask("PUT", path, row, {"If-None-Match": "*"})
        if status == 412:  # it is there
            status, document = self._ask("PUT", path, row, {"If-Match": "*"})
        if status not in (200, 201):
            raise self._refused(status, document)

    def remove(self, imsi: str) -> None:
        """Remove a subscriber.  Raises ClickException."""
        self.remove_at(f"subscribers/{imsi}")

    def remove_at(self, path: str, *, refused: str = "") -> None:
        """Remove what is there, whatever it is like.  Raises ClickException, `refused` for 404."""
        status, document = self._ask("DELETE", path, None, {"If-Match": "*"})
        if status == 404 and refused:
            raise click.ClickException(refused)
        if status != 204:
            raise self._refused(status, document)

    def good(self, method: str, path: str, body: Any = None, *, refused: str = "") -> Any:
        """The document of a good answer; refused: what is said for 404.  Raises ClickException."""
        status, document = self._ask(method, path, body)
        if status == 404 and refused:
            raise click.ClickException(refused)
        if not 200 <= status < 300:
            raise self._refused(status, document)
        return document

    def send_file(self, path: str, file: Any, length: int | None, *, name: str) -> Any:
        """Send a file, of so many octets where that is known, as it is read; the document of a good answer.

        name: what stands for it in what is wrong with it.  Raises ClickException, ConfigError.
        """
        headers = {"content-type": "application/octet-stream"} | (
            {} if length is None else {"content-length": str(length)}
        )
        status, document = self._ask("POST", path, None, headers, stream=file)
        if status == 422:
            raise faults(name, [each.get("detail", "") for each in (document or {}).get("errors", ())])
        if not 200 <= status < 300:
            raise self._refused(status, document)
        return document

    def _page(self, document: Any) -> tuple[list[Subscriber], str | None]:
        """Subscribers of an answer, and where the next page begins.  Raises ClickException."""
        from nfs.hss.provisioning import SubscriberRow

        try:
            rows = [SubscriberRow.model_validate(each).to_subscriber() for each in document["subscribers"]]
            after = document.get("next")
        except (LookupError, TypeError, AttributeError, ValueError):
            raise click.ClickException(f"{self._url}: answers no subscribers: is it an HSS?") from None
        return rows, after if isinstance(after, str) else None

    def _ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, stream: Any = None
    ) -> Answer:
        octets = stream if body is None else json.dumps(body).encode()
        try:
            status, text = self._send(method, f"{self._url}/v1/{path}", octets, {**self._headers, **(headers or {})})
        except OSError as error:
            raise click.ClickException(f"{self._url}: {_why(error)}") from None
        try:
            return status, json.loads(text) if text else None
        except (ValueError, RecursionError):
            raise click.ClickException(f"{self._url}: answers {status} without JSON: is it an HSS?") from None

    def _send(self, method: str, url: str, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
        """One request.  Raises OSError."""
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

        class Nowhere(HTTPRedirectHandler):
            def redirect_request(self, *_: Any) -> None:
                """Nothing: a token goes to the HSS and nowhere else."""

        ways: list[Any] = [ProxyHandler({}), Nowhere()]
        if self._context is not None:
            ways.append(HTTPSHandler(context=self._context))
        try:
            request = Request(url, body, headers, method=method)
            with build_opener(*ways).open(request, timeout=TIMEOUT_S) as answer:
                return int(answer.status), bytes(answer.read())
        except HTTPError as error:
            with error:
                return error.code, error.read()
        except HTTPException as error:
            raise OSError(f"no HTTP: {type(error).__name__}") from None
        except ValueError:  # a name that none can have, letters that no URL has
            raise OSError("no HTTP: the URL cannot be asked for") from None

    def _refused(self, status: int, document: Any) -> click.ClickException:
        """What the HSS says against it: the title of its problem, and each field at fault."""
        found = document if isinstance(document, dict) else {}
        said = [f"{self._url}: {status} {found.get('title', '')}".rstrip()]
        said += [f"{each.get('field', '')}: {each.get('detail', '')}" for each in found.get("errors", ())]
        return click.ClickException("\n".join(said))


def faults(name: str, lines: Iterable[str]) -> Exception:
    """What an HSS says is wrong with a file, under the name that the file has here."""
    from diameter.errors import ConfigError

    return ConfigError(*(name + line.removeprefix("file") if line.startswith("file:") else line for line in lines))


def _first_line(path: Path) -> str:
    from diameter.errors import ConfigError

    line = path.read_bytes().partition(b"\n")[0].strip()
    if not line.isascii() or not line.decode().isprintable() or not line:
        raise ConfigError(f"{path}: a token expected in the first line")
    return line.decode()


def _context(trust: Path | None, certificate: Path | None, key: Path | None) -> Any:
    import ssl

    from diameter.errors import ConfigError

    try:
        context = ssl.create_default_context(cafile=None if trust is None else str(trust))
    except (ssl.SSLError, OSError):
        raise ConfigError(f"{trust}: no certificates in PEM") from None
    if certificate is not None and key is not None:
        try:
            context.load_cert_chain(certificate, key)
        except (ssl.SSLError, OSError):
            raise ConfigError(f"{certificate} and {key} are no pair") from None
    return context


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "verify_message", "") or getattr(reason, "strerror", "") or reason)
