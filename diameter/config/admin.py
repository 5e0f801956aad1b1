"""Where the node shows its state to its operator, and to nobody else."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Self

from pydantic import Field, model_validator

from diameter.config.base import OutputFile, Port, Table
from diameter.config.load import Complaints


class AdminConfig(Table):
    """The `[node.admin]` table: HTTP with peers, routes, pending requests, health and metrics."""

    host: str = Field(default="127.0.0.1", description="address of the loopback interface; no other is taken")
    port: Port | None = Field(default=None, description="TCP port; 0 takes a free one")
    socket: OutputFile | None = Field(default=None, description="Unix socket instead, for the user of the process only")
    messages: int = Field(
        default=100, ge=0, le=10_000, description="last messages kept in memory for the ladder of the page; 0 for none"
    )

    @model_validator(mode="after")
    def _stays_on_this_machine(self) -> Self:
        """Nobody is asked who he is here, so nobody may come from elsewhere."""
        try:
            if not ip_address(self.host).is_loopback:
                raise Complaints([("host", "must be an address of the loopback interface")])
        except ValueError as error:
            if isinstance(error, Complaints):
                raise
            raise Complaints([("host", "not an IPv4 or IPv6 address")]) from None
        if (self.port is None) == (self.socket is None):
            raise ValueError("needs either port or socket")
        return self
