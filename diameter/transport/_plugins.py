"""The `diameter:` endpoint strings as a Twisted plugin; the wheel has this file in `twisted/plugins`.

Twisted imports every plugin to learn its name, so nothing of ours is imported before a string is really parsed.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import (
    IStreamClientEndpoint,
    IStreamClientEndpointStringParserWithReactor,
    IStreamServerEndpoint,
    IStreamServerEndpointStringParser,
)
from twisted.plugin import IPlugin
from zope.interface import implementer


@implementer(IPlugin, IStreamClientEndpointStringParserWithReactor, IStreamServerEndpointStringParser)
class DiameterEndpointParser:
    """Parses `diameter:tcp:...`, `diameter:tls:...` and `diameter:sctp:...`, see `diameter.transport.strings`."""

    prefix = "diameter"

    def parseStreamClient(self, reactor: Any, *args: Any, **kwargs: Any) -> IStreamClientEndpoint:
        """Return a client endpoint.  Raises `diameter.errors.ConfigError`."""
        from diameter.transport import strings

        return strings.client(reactor, *args, **kwargs)

    def parseStreamServer(self, reactor: Any, *args: Any, **kwargs: Any) -> IStreamServerEndpoint:
        """Return a server endpoint.  Raises `diameter.errors.ConfigError`."""
        from diameter.transport import strings

        return strings.server(reactor, *args, **kwargs)


diameter_endpoints = DiameterEndpointParser()
