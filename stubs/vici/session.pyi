import socket
from collections.abc import Mapping
from typing import Any

class Session:
    def __init__(self, sock: socket.socket | None = None) -> None: ...
    def request(self, command: str, message: Mapping[str, Any] | None = None) -> dict[str, Any]: ...
