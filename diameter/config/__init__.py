"""Configuration: TOML into frozen, strict pydantic models, validated whole (`load`), every complaint at once."""

from diameter.config.admin import AdminConfig
from diameter.config.base import Identity, InputFile, Octets, OutputFile, Port, Seconds, Table
from diameter.config.faults import FaultConfig
from diameter.config.limits import Limits, OverloadConfig
from diameter.config.load import Complaints, load, parse, top_level, validate
from diameter.config.models import (
    CLEAR_PORT,
    SECURE_PORT,
    FunctionConfig,
    LinkProfile,
    LinkTable,
    ListenConfig,
    NodeConfig,
    NodeTable,
    PeerConfig,
    Placement,
    RouteConfig,
    SecurityConfig,
    TlsConfig,
    Transport,
)

__all__ = [
    "CLEAR_PORT",
    "SECURE_PORT",
    "AdminConfig",
    "Complaints",
    "FaultConfig",
    "FunctionConfig",
    "Identity",
    "InputFile",
    "Limits",
    "LinkProfile",
    "LinkTable",
    "ListenConfig",
    "NodeConfig",
    "NodeTable",
    "Octets",
    "OutputFile",
    "OverloadConfig",
    "PeerConfig",
    "Placement",
    "Port",
    "RouteConfig",
    "Seconds",
    "SecurityConfig",
    "Table",
    "TlsConfig",
    "Transport",
    "load",
    "parse",
    "top_level",
    "validate",
]
